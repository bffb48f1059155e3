package io.tradeauth;

import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The clocks of this machine, and one daemon thread for all timers. For any number of threads. */
final class SystemTime implements TimeSource {

  static final SystemTime INSTANCE = new SystemTime();

  @Override
  public long wallMillis() {
    return System.currentTimeMillis();
  }

  @Override
  public long monotonicNanos() {
    return System.nanoTime();
  }

  @Override
  public Timer after(Duration delay, Runnable task) {
    Future<?> order = Timers.THREAD.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
    return () -> order.cancel(false);
  }

  /** Made when the first timer is set: a program that only reads the clock gets no thread. */
  private static final class Timers {

    static final ScheduledThreadPoolExecutor THREAD = start();

    private static ScheduledThreadPoolExecutor start() {
      ScheduledThreadPoolExecutor timers =
          new ScheduledThreadPoolExecutor(
              1,
              task -> {
                Thread thread = new Thread(task, "tradeauth-timer");
                thread.setDaemon(true);
                return thread;
              });
      timers.setRemoveOnCancelPolicy(true);
      return timers;
    }
  }
}
