package io.tradeauth;

/**
 * The calling thread was interrupted while it waited. Its interrupt flag is set again; the exchange
 * that it waited for goes on and its tokens are stored.
 */
public final class TokenWaitInterruptedException extends TokenException {

  private static final long serialVersionUID = 1L;

  /** There is one reason. */
  public enum Reason {
    /** The thread was interrupted. */
    INTERRUPTED
  }

  TokenWaitInterruptedException(String message, InterruptedException cause) {
    super(message, cause);
  }

  @Override
  public Reason reason() {
    return Reason.INTERRUPTED;
  }

  @Override
  TokenWaitInterruptedException forCaller() {
    return this;
  }
}
