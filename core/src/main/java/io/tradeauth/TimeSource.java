package io.tradeauth;

import java.time.Duration;
import java.time.Instant;

/**
 * Tells the time, twice, and wakes others after a while.
 *
 * <p>The wall clock says what a server means by an instant, but it can be set; the monotonic clock
 * cannot be set, but it may stand still while the machine sleeps. A token is used only while it is
 * good by both. Implementations may be used by any number of threads at once.
 */
public interface TimeSource {

  /** Returns the wall clock in milliseconds since 1970-01-01T00:00:00Z. */
  long wallMillis();

  /** Returns a monotonic clock in nanoseconds; only differences have a meaning. */
  long monotonicNanos();

  /**
   * Runs {@code task} once, {@code delay} of the monotonic clock from now.
   *
   * <p>The task runs on a thread that serves all timers: it must hand on whatever takes time, and
   * it must not throw.
   *
   * @return a handle that takes the order back if the task has not begun
   */
  Timer after(Duration delay, Runnable task);

  /** Returns the wall clock as an instant. */
  default Instant now() {
    return Instant.ofEpochMilli(wallMillis());
  }

  /** Returns the clocks of this machine. */
  static TimeSource system() {
    return SystemTime.INSTANCE;
  }

  /** A task that will run later, unless it is cancelled. */
  @FunctionalInterface
  interface Timer {

    /** Takes the order back. Does nothing if the task has already begun. */
    void cancel();
  }
}
