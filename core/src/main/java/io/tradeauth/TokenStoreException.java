package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * The token store failed: mend it. Thrown by stores and handed on by providers; no exchange is
 * begun while the store can't be written.
 */
public final class TokenStoreException extends TokenException {

  private static final long serialVersionUID = 1L;

  private final Reason reason;

  /** What failed. */
  public enum Reason {
    /** The store could not be read. */
    READ_FAILED,
    /** The store could not be written. */
    WRITE_FAILED,
    /** A record can't be understood: damaged, or of a newer version. */
    UNREADABLE_RECORD,
    /** The seal of a record is broken: it was damaged, changed or put in another's place. */
    TAMPERED,
    /** The key is missing, unusable, or not the one that the store was sealed with. */
    WRONG_KEY,
    /** What the store lives on does not keep its promises: modes, locks, lossy settings. */
    UNSAFE,
    /** The store was opened for reading only. */
    READ_ONLY
  }

  /** Makes a failure of a store. The message must hold no secret. */
  public TokenStoreException(Reason reason, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  @Override
  public Reason reason() {
    return reason;
  }

  @Override
  TokenStoreException forCaller() {
    return new TokenStoreException(reason, String.valueOf(getMessage()), this);
  }
}
