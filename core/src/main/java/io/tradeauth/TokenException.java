package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * A token can't be had. The type says what to do about it, the reason says why.
 *
 * <p>Messages name the broker, the user and the server's error code; never a token, a secret or a
 * response body. Every caller that waited gets an exception of its own, all with one cause.
 */
public abstract sealed class TokenException extends RuntimeException
    permits SignInRequiredException,
        BrokerConfigurationException,
        BrokerUnavailableException,
        TokenStoreException,
        TokenWaitInterruptedException {

  private static final long serialVersionUID = 1L;

  TokenException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** Returns the finer case. */
  public abstract Enum<?> reason();

  /**
   * Returns the same failure for one more caller, with its own stack trace and this as its cause.
   */
  abstract TokenException forCaller();
}
