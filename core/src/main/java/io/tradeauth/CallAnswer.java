package io.tradeauth;

/**
 * What a call of a broker's own brought, such as the URL of a socket or a token for quotes: the
 * thing asked for, or the server's refusal. A closed set.
 *
 * @param <T> what was asked for; it must be fit to be printed
 */
public sealed interface CallAnswer<T> {

  /**
   * Returns what was asked for.
   *
   * @throws IllegalStateException with status and code if the server refused it
   */
  T get();

  /**
   * The server gave what was asked for.
   *
   * @param get what it gave
   */
  record Given<T>(T get) implements CallAnswer<T> {}

  /**
   * The server gave nothing that can be used.
   *
   * @param status the HTTP status
   * @param code the server's error code, or a word for what came instead
   */
  record Refused<T>(int status, String code) implements CallAnswer<T> {

    /** Makes the server's words fit for a log. */
    public Refused {
      code = ServerText.clean(code);
    }

    @Override
    public T get() {
      throw new IllegalStateException("the server answered " + status + " (" + code + ")");
    }
  }
}
