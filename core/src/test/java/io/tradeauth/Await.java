package io.tradeauth;

import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Waits for what other threads are about to do, by looking and not by sleeping. */
final class Await {

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private Await() {}

  /** Looks until it is so. */
  static void until(String what, BooleanSupplier isSo) {
    advancing(ManualClock.at("2026-01-05T09:00:00Z"), 0, Duration.ZERO, what, isSo);
  }

  /**
   * Looks until it is so, and moves the clock by {@code step} whenever more timers wait than {@code
   * idle}: only when somebody waits for the time, however long the network takes.
   */
  static void advancing(
      ManualClock clock, int idle, Duration step, String what, BooleanSupplier isSo) {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!isSo.getAsBoolean()) {
      if (System.nanoTime() - end > 0) {
        throw new AssertionError("not within 30 s: " + what);
      }
      if (clock.timers() > idle) {
        clock.advance(step);
      }
      Thread.yield();
    }
  }
}
