package io.tradeauth;

import java.time.Duration;

/**
 * What a second use of a refresh token costs, and so what may be done when an answer was lost.
 *
 * @param kind which of the four kinds
 * @param leeway how long a spent refresh token is forgiven, for {@link Kind#LEEWAY}; else zero
 */
public record RotationProfile(Kind kind, Duration leeway) {

  /** The refresh token stays the same: a second use costs nothing. */
  public static final RotationProfile NONE = new RotationProfile(Kind.NONE, Duration.ZERO);

  /** A second use ends the session. Also what is assumed of a server that nobody knows. */
  public static final RotationProfile STRICT = new RotationProfile(Kind.STRICT, Duration.ZERO);

  /** A refresh may be lost: the application can log in again without a human. */
  public static final RotationProfile RELOGIN = new RotationProfile(Kind.RELOGIN, Duration.ZERO);

  /** The kinds of rotation. */
  public enum Kind {
    /** See {@link RotationProfile#NONE}. */
    NONE,
    /** See {@link RotationProfile#leeway(Duration)}. */
    LEEWAY,
    /** See {@link RotationProfile#STRICT}. */
    STRICT,
    /** See {@link RotationProfile#RELOGIN}. */
    RELOGIN
  }

  /** Checks that only {@link Kind#LEEWAY} has a leeway. */
  public RotationProfile {
    if (leeway.isNegative() || leeway.isZero() == (kind == Kind.LEEWAY)) {
      throw new IllegalArgumentException("leeway: more than zero for LEEWAY, zero for the others");
    }
  }

  /** A second use costs nothing for {@code leeway} after the first, and the session later. */
  public static RotationProfile leeway(Duration leeway) {
    return new RotationProfile(Kind.LEEWAY, leeway);
  }

  /** Returns whether a spent refresh token may end the session. */
  boolean isFragile() {
    return kind == Kind.STRICT || kind == Kind.LEEWAY;
  }
}
