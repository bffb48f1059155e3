package io.tradeauth;

import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How a user stands with one broker, without secrets.
 *
 * @param broker the name of the broker and environment
 * @param userId whose status
 * @param state what state it is in
 * @param since since when, by the wall clock; for {@link State#NEVER_SIGNED_IN} the epoch
 * @param expiresAt the end of the access token by the server's clock; null if there is none
 * @param renewable whether it can be renewed without the user
 * @param scope the granted scope; null if the server never told
 * @param missingScope what the sign-in asked for and was not granted
 * @param profile whose login it is, with the accounts of this environment; null if nobody told
 * @param profileCreatedAt when the broker first told something of it; null if it never did
 * @param profileUpdatedAt when the broker last told something of it
 * @param validatedAt when the broker last confirmed the token; null if never
 * @param reason why a sign-in is required; null if none is
 * @param lastFailure the last failure of a renewal; null if the last one worked
 * @param retryAt when the next attempt may be made; null if nothing is in the way
 */
public record UserStatus(
    String broker,
    String userId,
    State state,
    Instant since,
    @Nullable Instant expiresAt,
    boolean renewable,
    @Nullable Set<String> scope,
    Set<String> missingScope,
    @Nullable UserProfile profile,
    @Nullable Instant profileCreatedAt,
    @Nullable Instant profileUpdatedAt,
    @Nullable Instant validatedAt,
    SignInRequiredException.@Nullable Reason reason,
    BrokerUnavailableException.@Nullable Reason lastFailure,
    @Nullable Instant retryAt) {

  /** The states of a user. */
  public enum State {
    /** The user has never signed in, or was forgotten. */
    NEVER_SIGNED_IN,
    /** A get returns a token, or renews it first. */
    SIGNED_IN,
    /** Renewals fail for now; the token in hand is served while it lasts. */
    RENEWAL_FAILING,
    /** Tokens were renewed and are not saved yet. */
    UNSAVED,
    /** Only a new sign-in helps. */
    SIGN_IN_REQUIRED,
    /** The user has signed out. */
    SIGNED_OUT
  }
}
