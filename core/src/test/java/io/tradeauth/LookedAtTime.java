package io.tradeauth;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A clock at which something happens when a thread has looked often enough. */
final class LookedAtTime implements TimeSource {

  private final ThreadLocal<@Nullable Integer> looksLeft = new ThreadLocal<>();
  private final Runnable act;
  private volatile @Nullable TimeSource clock;

  /**
   * Makes a clock.
   *
   * @param act what happens, on the thread that looks
   */
  LookedAtTime(Runnable act) {
    this.act = act;
  }

  /** Shows the time of another clock. */
  void goBy(TimeSource other) {
    clock = other;
  }

  /** Lets it happen when this thread has looked so many times at the monotonic clock, once. */
  void actAfter(int looks) {
    looksLeft.set(looks);
  }

  /** Lets it happen no more on this thread. */
  void actNever() {
    looksLeft.remove();
  }

  private TimeSource clock() {
    TimeSource other = clock;
    if (other == null) {
      throw new IllegalStateException("no clock to go by");
    }
    return other;
  }

  @Override
  public long wallMillis() {
    return clock().wallMillis();
  }

  @Override
  public long monotonicNanos() {
    Integer left = looksLeft.get();
    if (left != null && left == 0) {
      actNever();
      act.run();
    } else if (left != null) {
      looksLeft.set(left - 1);
    }
    return clock().monotonicNanos();
  }

  @Override
  public Timer after(Duration delay, Runnable task) {
    return clock().after(delay, task);
  }
}
