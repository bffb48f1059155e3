package io.tradeauth;

import java.time.Duration;

/** Checks durations that come from outside and names the one that is wrong. */
final class Durations {

  private Durations() {}

  static Duration positive(String name, Duration value) {
    if (value.isZero() || value.isNegative()) {
      throw new IllegalArgumentException(name + ": must be more than zero, not " + value);
    }
    return value;
  }

  static Duration notNegative(String name, Duration value) {
    if (value.isNegative()) {
      throw new IllegalArgumentException(name + ": must not be negative, not " + value);
    }
    return value;
  }
}
