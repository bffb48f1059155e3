package io.tradeauth;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A human is needed: send the user to the broker's sign-in. Asking again does not help. */
public final class SignInRequiredException extends TokenException {

  private static final long serialVersionUID = 1L;

  private final String broker;
  private final String userId;
  private final Reason reason;
  private final Instant since;

  /** Why a human is needed. */
  public enum Reason {
    /** The user has never signed in to this broker. */
    NOT_SIGNED_IN,
    /** The user has signed out. */
    SIGNED_OUT,
    /** The tokens have ended and this broker renews none without the user. */
    EXPIRED,
    /** The broker refused the grant: revoked, expired or used up. */
    GRANT_REFUSED,
    /** The answer to a renewal was lost together with the new refresh token. */
    ROTATION_LOST,
    /** The answer to the exchange of an authorization code was lost: it may be spent. */
    CODE_LOST,
    /** The tokens were issued to another client than the one that is configured now. */
    CLIENT_CHANGED,
    /** The grant lacks a scope that the call needs: the user must sign in and allow more. */
    SCOPE_DOWNGRADED,
    /** The new sign-in belongs to another person at the broker than the one before. */
    DIFFERENT_ACCOUNT
  }

  SignInRequiredException(String broker, String userId, Reason reason, Instant since) {
    this(broker, userId, reason, since, null);
  }

  private SignInRequiredException(
      String broker, String userId, Reason reason, Instant since, @Nullable Throwable cause) {
    super(
        broker
            + ": user "
            + ServerText.clean(userId)
            + " must sign in ("
            + reason
            + " since "
            + since
            + ")",
        cause);
    this.broker = broker;
    this.userId = userId;
    this.reason = reason;
    this.since = since;
  }

  /** Returns the name of the broker and environment. */
  public String broker() {
    return broker;
  }

  /** Returns who must sign in. */
  public String userId() {
    return userId;
  }

  @Override
  public Reason reason() {
    return reason;
  }

  /** Returns since when it is so. */
  public Instant since() {
    return since;
  }

  /** Returns a fixed code for front ends: {@code signin_required}. */
  public String code() {
    return "signin_required";
  }

  @Override
  SignInRequiredException forCaller() {
    return new SignInRequiredException(broker, userId, reason, since, this);
  }
}
