package io.tradeauth;

import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An access token and the limits of its use, computed once by {@link RefreshPolicy}. Immutable but
 * for its scope and the mark that somebody has asked for it, which may be set late or twice without
 * harm.
 */
final class Held {

  final AccessToken token;
  final Map<TokenName, AccessToken> named;

  /** Before this the wall clock was set back; it tells nothing then. */
  final long notBeforeMillis;

  final long renewAtMillis;
  final long renewAtNanos;
  final long unusableAtMillis;
  final long unusableAtNanos;

  /**
   * The end itself, by the monotonic clock: whatever is done to the wall clock, it comes no later.
   */
  final long endsAtNanos;

  /** Whether it can be renewed without the user. */
  final boolean renewable;

  private int generation;
  private long number;
  private long receivedAtSecond;

  /** The granted scope; null if the server never told. */
  @Nullable Set<String> scope;

  /** Whether anybody has asked since it was published: only such tokens are kept fresh. */
  boolean used;

  /** Whether it was announced that the user will have to sign in. */
  boolean announced;

  Held(
      AccessToken token,
      Map<TokenName, AccessToken> named,
      long notBeforeMillis,
      long renewAtMillis,
      long renewAtNanos,
      long unusableAtMillis,
      long unusableAtNanos,
      long endsAtNanos) {
    this(
        token,
        named,
        notBeforeMillis,
        renewAtMillis,
        renewAtNanos,
        unusableAtMillis,
        unusableAtNanos,
        endsAtNanos,
        true);
  }

  private Held(
      AccessToken token,
      Map<TokenName, AccessToken> named,
      long notBeforeMillis,
      long renewAtMillis,
      long renewAtNanos,
      long unusableAtMillis,
      long unusableAtNanos,
      long endsAtNanos,
      boolean renewable) {
    this.token = token;
    this.named = named;
    this.notBeforeMillis = notBeforeMillis;
    this.renewAtMillis = renewAtMillis;
    this.renewAtNanos = renewAtNanos;
    this.unusableAtMillis = unusableAtMillis;
    this.unusableAtNanos = unusableAtNanos;
    this.endsAtNanos = endsAtNanos;
    this.renewable = renewable;
  }

  /** Returns the same for a login that only its user can renew: it is used to its end. */
  Held withoutRenewal() {
    return new Held(
        token,
        named,
        notBeforeMillis,
        unusableAtMillis,
        unusableAtNanos,
        unusableAtMillis,
        unusableAtNanos,
        endsAtNanos,
        false);
  }

  /** Takes note of the record that it is in. */
  void storedAs(TokenStore.Version version, TokenSet tokens) {
    generation = version.generation().hashCode(); // so that no user costs a string more
    number = version.number();
    receivedAtSecond = tokens.receivedAt().getEpochSecond();
  }

  /** Returns whether it is of the sign-in that made this generation. */
  boolean isOfSignIn(String other) {
    return generation == other.hashCode();
  }

  /**
   * Returns whether a record is an older one of the same sign-in than this was in: then the store
   * was set back. A higher number alone says nothing, once such a store has been written again.
   */
  boolean isNewerThan(TokenStore.Version version, @Nullable TokenSet tokens) {
    return isOfSignIn(version.generation())
        && number > version.number()
        && tokens != null
        && receivedAtSecond > tokens.receivedAt().getEpochSecond();
  }

  /** Returns whether it holds these tokens with the same end. */
  boolean isOf(AccessToken other, Map<TokenName, AccessToken> others) {
    return token.equals(other)
        && token.expiresAt().equals(other.expiresAt())
        && named.equals(others);
  }

  /** Returns about how long the token could be used when it was published. */
  Duration lifeWhenPublished() {
    return Duration.ofMillis(Math.max(0, unusableAtMillis - notBeforeMillis));
  }
}
