package io.tradeauth.examples;

import io.tradeauth.TimeSource;
import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A day in seconds: the clock stands still while the library is at work, creeps while requests are
 * under way, and jumps where nothing happens.
 *
 * <p>One thread moves it; any number may read it.
 */
final class DayClock implements AutoCloseable {

  private static final Duration JUMP = Duration.ofSeconds(4);
  private static final Duration CREEP = Duration.ofMillis(25);

  /** Work that lasts longer waits for the clock itself. */
  private static final int PATIENCE = 20;

  private final ManualClock clock;
  private final ExecutorService threads;
  private final AtomicInteger working = new AtomicInteger();
  private int busy;

  DayClock(Instant start) {
    AtomicLong number = new AtomicLong();
    clock = new ManualClock(start);
    threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "tradeauth-" + number.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
  }

  TimeSource time() {
    return clock;
  }

  Instant now() {
    return clock.now();
  }

  /** Returns where the library's own work runs, so that the clock can wait for it. */
  Executor executor() {
    return task -> {
      working.incrementAndGet();
      threads.execute(
          () -> {
            try {
              task.run();
            } finally {
              working.decrementAndGet();
            }
          });
    };
  }

  /** Moves on to {@code instant}; whatever falls due on the way is done then. */
  void jumpTo(Instant instant) {
    while (clock.now().isBefore(instant)) {
      Duration left = Duration.between(clock.now(), instant);
      clock.advance(left.compareTo(JUMP) < 0 ? left : JUMP);
      while (working.get() > 0) {
        LockSupport.parkNanos(50_000);
        creep();
      }
    }
  }

  /** Moves on a little, unless the library is at work. */
  void creep() {
    boolean stands = working.get() > 0 && ++busy % PATIENCE != 0;
    if (!stands) {
      clock.advance(CREEP);
    }
  }

  @Override
  public void close() {
    threads.shutdown();
  }
}
