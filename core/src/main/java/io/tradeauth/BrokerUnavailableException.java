package io.tradeauth;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The broker can't be had now: try again at {@link #retryAt}. Nothing that was stored is lost. */
public final class BrokerUnavailableException extends TokenException {

  private static final long serialVersionUID = 1L;

  private final Reason reason;
  private final Instant retryAt;

  /** What is in the way. */
  public enum Reason {
    /** The server could not be reached; nothing was sent. */
    UNREACHABLE,
    /** The server's certificate or protocol can't be trusted; nothing was sent. */
    TLS,
    /** The server asked for patience, or has failed for the moment. */
    BUSY,
    /**
     * The request was sent and its answer lost: nobody knows whether the refresh token is spent.
     */
    IN_DOUBT,
    /** The server answered, but with nothing that can be used. */
    UNUSABLE_ANSWER,
    /** An earlier failure is not old enough to try again. */
    COOLING_DOWN,
    /** The client was refused too often: nothing is sent for it for a while. */
    CLIENT_PAUSED,
    /** The API refuses tokens that were renewed just now: renewing does not help. */
    REJECTED_DESPITE_FRESH_TOKEN,
    /** Another program keeps logging in with the same credential. */
    SESSION_TAKEN_OVER,
    /** The exchange goes on, but the caller has waited as long as it may. */
    WAITED_TOO_LONG,
    /** The manager is closed. */
    CLOSED
  }

  BrokerUnavailableException(
      Reason reason, String message, Instant retryAt, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
    this.retryAt = retryAt;
  }

  @Override
  public Reason reason() {
    return reason;
  }

  /** Returns when the next attempt makes sense, by the wall clock of this machine. */
  public Instant retryAt() {
    return retryAt;
  }

  @Override
  BrokerUnavailableException forCaller() {
    return new BrokerUnavailableException(reason, String.valueOf(getMessage()), retryAt, this);
  }
}
