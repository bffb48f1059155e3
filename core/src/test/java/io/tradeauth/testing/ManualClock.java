package io.tradeauth.testing;

import io.tradeauth.TimeSource;
import java.time.Duration;
import java.time.Instant;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * Clocks that a test moves by hand, the wall clock and the monotonic one together or apart.
 *
 * <p>Timers follow the monotonic clock and run on the thread that moves it, in the order of their
 * time. For any number of threads.
 */
public final class ManualClock implements TimeSource {

  /** Close to the end of its range, so that a comparison that forgets the overflow is found. */
  private static final long ORIGIN = Long.MAX_VALUE - Duration.ofMinutes(7).toNanos();

  private final PriorityQueue<Due> due = new PriorityQueue<>();
  private volatile long wallMillis;
  private volatile long elapsedNanos;
  private long orders;

  /** Makes clocks whose wall clock shows {@code start}. */
  public ManualClock(Instant start) {
    wallMillis = start.toEpochMilli();
  }

  /**
   * Makes clocks whose wall clock shows {@code start}, an instant such as {@code
   * 2026-01-05T09:00:00Z}.
   */
  public static ManualClock at(String start) {
    return new ManualClock(Instant.parse(start));
  }

  @Override
  public long wallMillis() {
    return wallMillis;
  }

  @Override
  public long monotonicNanos() {
    return ORIGIN + elapsedNanos;
  }

  @Override
  public Timer after(Duration delay, Runnable task) {
    synchronized (due) {
      Due order = new Due(elapsedNanos + delay.toNanos(), orders++, task);
      due.add(order);
      return () -> remove(order);
    }
  }

  /** Moves both clocks ahead and runs the timers that fall due on the way. */
  public void advance(Duration step) {
    long end = elapsedNanos + step.toNanos();
    for (Due next = nextDue(end); next != null; next = nextDue(end)) {
      moveTo(next.nanos);
      next.task.run();
    }
    moveTo(end);
  }

  /**
   * Moves both clocks ahead at once, as if the process had been stopped meanwhile, and then runs
   * the timers that fell due. What a manager would have done on the way is not done.
   */
  public void jump(Duration step) {
    long end = elapsedNanos + step.toNanos();
    moveTo(end);
    for (Due next = nextDue(end); next != null; next = nextDue(end)) {
      next.task.run();
    }
  }

  /** Sets the wall clock alone, as an operator or a time server does. */
  public void setWall(Instant instant) {
    wallMillis = instant.toEpochMilli();
  }

  /** Moves the wall clock alone, ahead or back, as if the machine had slept or was set. */
  public void shiftWall(Duration step) {
    wallMillis += step.toMillis();
  }

  /** Returns how many timers wait. */
  public int timers() {
    synchronized (due) {
      return due.size();
    }
  }

  private void moveTo(long nanos) {
    synchronized (due) {
      if (nanos > elapsedNanos) {
        // Whole milliseconds; what is left over stays with the monotonic clock.
        wallMillis += nanos / 1_000_000 - elapsedNanos / 1_000_000;
        elapsedNanos = nanos;
      }
    }
  }

  private @Nullable Due nextDue(long end) {
    synchronized (due) {
      Due next = due.peek();
      return next != null && next.nanos <= end ? due.poll() : null;
    }
  }

  private void remove(Due order) {
    synchronized (due) {
      due.remove(order);
    }
  }

  private static final class Due implements Comparable<Due> {

    final long nanos;
    final long order;
    final Runnable task;

    Due(long nanos, long order, Runnable task) {
      this.nanos = nanos;
      this.order = order;
      this.task = task;
    }

    @Override
    public int compareTo(Due other) {
      int byTime = Long.compare(nanos, other.nanos);
      return byTime != 0 ? byTime : Long.compare(order, other.order);
    }
  }
}
