package io.tradeauth;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How long to wait after failures: doubling, with full jitter, so that many do not come back at
 * once.
 */
final class Backoff {

  private static final Duration LONGEST = Duration.ofMinutes(5);

  private Backoff() {}

  /** Returns a wait of at least {@code shortest} after {@code failures} in a row. */
  static Duration after(int failures, Duration shortest) {
    long ceiling = doubled(Duration.ofSeconds(1), failures, LONGEST).toMillis();
    long jittered = ThreadLocalRandom.current().nextLong(ceiling + 1);
    return Duration.ofMillis(Math.max(shortest.toMillis(), jittered));
  }

  /** Returns {@code base} doubled {@code times} - 1 times, {@code longest} at most. */
  static Duration doubled(Duration base, int times, Duration longest) {
    long millis = base.toMillis();
    for (int i = 1; i < times && millis < longest.toMillis(); i++) {
      millis *= 2;
    }
    return Duration.ofMillis(Math.min(millis, longest.toMillis()));
  }
}
