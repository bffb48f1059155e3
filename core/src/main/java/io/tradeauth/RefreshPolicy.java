package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;

/**
 * <b>The</b> decision: may this token be used now, and must it be renewed? It is asked here and
 * nowhere else.
 *
 * <p>Limits are computed once, when a token is published, for the wall clock and for the monotonic
 * one; a token is fresh while both agree. With <i>life</i> the time from receipt to expiry, a token
 * is unusable from expiry − min(skew, life/10), and renewed from expiry − (min(max(renew-ahead,
 * life/5), 0.45 × life) + jitter), jitter drawn once from 0…5 % of life. Immutable.
 */
final class RefreshPolicy {

  /** Time servers move a clock back by this much without any meaning. */
  private static final long CLOCK_TOLERANCE_MILLIS = 5_000;

  /** Nothing lives longer, so that no sum of nanoseconds overflows. */
  private static final Duration FOR_EVER = Duration.ofDays(36_500);

  /** A user is told of the next sign-in this long before, or a tenth of the token's life. */
  private static final Duration SIGN_IN_AHEAD = Duration.ofHours(1);

  private final Duration skew;
  private final Duration renewAhead;
  private final DoubleSupplier random;

  /** What to do with a token. */
  enum Decision {
    /** Return it. */
    USE,
    /** Return it and renew in the background. */
    USE_AND_RENEW,
    /** Renew first. */
    RENEW_FIRST
  }

  RefreshPolicy(Duration skew, Duration renewAhead) {
    this(skew, renewAhead, () -> ThreadLocalRandom.current().nextDouble());
  }

  RefreshPolicy(Duration skew, Duration renewAhead, DoubleSupplier random) {
    this.skew = skew;
    this.renewAhead = renewAhead;
    this.random = random;
  }

  static Decision decide(Held held, long wallMillis, long monotonicNanos) {
    if (wallMillis < held.renewAtMillis
        && monotonicNanos - held.renewAtNanos < 0
        && wallMillis >= held.notBeforeMillis) {
      return Decision.USE;
    }
    boolean unusable =
        wallMillis >= held.unusableAtMillis || monotonicNanos - held.unusableAtNanos >= 0;
    return unusable ? Decision.RENEW_FIRST : Decision.USE_AND_RENEW;
  }

  /** Returns whether a token may still be handed out. */
  static boolean isUsable(Held held, TimeSource time) {
    return decide(held, time.wallMillis(), time.monotonicNanos()) != Decision.RENEW_FIRST;
  }

  /** Returns how long a token may still be handed out, by the clock that ends it first. */
  static Duration usableFor(Held held, TimeSource time) {
    long byWall = held.unusableAtMillis - time.wallMillis();
    long byMonotonic = (held.unusableAtNanos - time.monotonicNanos()) / 1_000_000;
    return Duration.ofMillis(Math.max(0, Math.min(byWall, byMonotonic)));
  }

  /** Returns how long ago a token was first received, by the wall clock. */
  static Duration age(Held held, TimeSource time) {
    return Duration.ofMillis(time.wallMillis() - held.notBeforeMillis - CLOCK_TOLERANCE_MILLIS);
  }

  /**
   * Returns whether the user of a login that nobody else can renew must be told that its end is
   * near.
   */
  static boolean isSignInDue(Held held, TimeSource time) {
    Duration tenth = held.lifeWhenPublished().dividedBy(10);
    Duration ahead = tenth.compareTo(SIGN_IN_AHEAD) < 0 ? tenth : SIGN_IN_AHEAD;
    return !held.renewable && usableFor(held, time).compareTo(ahead) <= 0;
  }

  /**
   * Computes the limits of a token that is published now.
   *
   * @param named the tokens that came beside it
   * @param heldSince when it was first received, by this machine's wall clock
   * @param expiresAt when it ends, by this machine's wall clock; {@link Instant#MAX} if never
   * @param again whether the server has given the same token again: it has nothing newer, and
   *     asking makes sense only at its skew point and at its end
   * @param before what was held until now; if it is the same token, its age by the monotonic clock
   *     is known and counts
   */
  Held hold(
      AccessToken token,
      Map<TokenName, AccessToken> named,
      Instant heldSince,
      Instant expiresAt,
      boolean again,
      @Nullable Held before,
      TimeSource time) {
    long wallNow = time.wallMillis();
    long nanosNow = time.monotonicNanos();
    long life = millis(heldSince, expiresAt);
    long left = left(token, life, expiresAt, before, time);
    long skewed = left - Math.min(skew.toMillis(), life / 10);
    long renewed = left - ahead(life);
    long unusable = skewed;
    if (again) {
      renewed = skewed > 0 ? skewed : left;
      unusable = left;
    }
    return new Held(
        token,
        named,
        Math.min(wallNow, heldSince.toEpochMilli()) - CLOCK_TOLERANCE_MILLIS,
        wallNow + renewed,
        nanosNow + renewed * 1_000_000,
        wallNow + unusable,
        nanosNow + unusable * 1_000_000,
        nanosNow + left * 1_000_000);
  }

  /**
   * Computes the limits of a token whose successors end with it until it has ended, as at a nightly
   * reset: renewing it before is of no use, so it is used until its end and renewed there.
   */
  Held holdToTheEnd(
      AccessToken token,
      Map<TokenName, AccessToken> named,
      Instant heldSince,
      Instant expiresAt,
      @Nullable Held before,
      TimeSource time) {
    long wallNow = time.wallMillis();
    long nanosNow = time.monotonicNanos();
    long left = left(token, millis(heldSince, expiresAt), expiresAt, before, time);
    return new Held(
        token,
        named,
        Math.min(wallNow, heldSince.toEpochMilli()) - CLOCK_TOLERANCE_MILLIS,
        wallNow + left,
        nanosNow + left * 1_000_000,
        wallNow + left,
        nanosNow + left * 1_000_000,
        nanosNow + left * 1_000_000);
  }

  /**
   * Returns how long a token still lives: no longer than it did at first, though the wall clock was
   * set back since; nor than its age by the monotonic clock leaves, if that is known.
   */
  private static long left(
      AccessToken token, long life, Instant expiresAt, @Nullable Held before, TimeSource time) {
    long left = Math.min(life, millis(time.wallMillis(), expiresAt));
    return before != null && before.token.equals(token)
        ? Math.min(left, (before.endsAtNanos - time.monotonicNanos()) / 1_000_000)
        : left;
  }

  private long ahead(long life) {
    double wanted = Math.max(renewAhead.toMillis(), life / 5.0);
    return (long) (Math.min(wanted, 0.45 * life) + random.getAsDouble() * 0.05 * life);
  }

  private static long millis(Instant from, Instant to) {
    return millis(from.toEpochMilli(), to);
  }

  private static long millis(long from, Instant to) {
    long forEver = FOR_EVER.toMillis();
    if (to.equals(Instant.MAX)) {
      return forEver;
    }
    return Math.max(-forEver, Math.min(forEver, to.toEpochMilli() - from));
  }
}
