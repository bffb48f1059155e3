package io.tradeauth.store;

import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * The threads of managers that now and then stand still while the clock goes on.
 *
 * <p>For any number of threads; one of them moves the clock.
 */
final class Stalls implements Executor, AutoCloseable {

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final double CHANCE = 0.02;

  private final ManualClock clock;
  private final Random random = new Random(20_261_127);
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "tradeauth-stalling");
            thread.setDaemon(true);
            return thread;
          });
  private boolean on;
  private int busy;
  private int standing;
  private int stalls;

  Stalls(ManualClock clock) {
    this.clock = clock;
  }

  /** Lets threads stand still from now on, or no longer. */
  synchronized void on(boolean stalling) {
    on = stalling;
  }

  /** Returns how often a thread has stood still. */
  synchronized int count() {
    return stalls;
  }

  @Override
  public void execute(Runnable task) {
    changeBusy(1);
    threads.execute(
        () -> {
          try {
            task.run();
          } finally {
            changeBusy(-1);
          }
        });
  }

  private synchronized void changeBusy(int change) {
    busy += change;
    notifyAll();
  }

  /** Stands still with a chance of 2 %, for a second at least. */
  void perhaps(Duration longest) {
    Stall stall = order(longest);
    if (stall != null) {
      stall.await();
    }
  }

  private synchronized Stall order(Duration longest) {
    if (!on || random.nextDouble() >= CHANCE) {
      return null;
    }
    stalls++;
    standing++;
    notifyAll();
    Stall stall = new Stall();
    clock.after(Duration.ofSeconds(1 + random.nextInt((int) longest.toSeconds())), stall::end);
    return stall;
  }

  /** Moves the clock when every thread has nothing left to do or stands still. */
  void advance(Duration step) {
    awaitRest();
    clock.advance(step);
    awaitRest();
  }

  private synchronized void awaitRest() {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (busy > standing) {
      waitFor(this, deadline);
    }
  }

  private static void waitFor(Object monitor, long deadline) {
    long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
    if (left <= 0) {
      throw new IllegalStateException("the managers do not come to rest");
    }
    try {
      monitor.wait(left);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }

  /** A thread that stands still until the clock says so. */
  private final class Stall {

    private boolean over;

    void end() {
      synchronized (Stalls.this) {
        standing--;
        over = true;
        Stalls.this.notifyAll();
      }
    }

    void await() {
      synchronized (Stalls.this) {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (!over) {
          waitFor(Stalls.this, deadline);
        }
      }
    }
  }
}
