package io.tradeauth.testing;

import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * The threads of the managers of a test, which know when there is nothing left to do.
 *
 * <p>For any number of threads.
 */
final class Workers implements Executor {

  static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "tradeauth-fixture");
            thread.setDaemon(true);
            return thread;
          });
  private int busy;

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

  void awaitRest() {
    awaitRestBut(0);
  }

  /** Waits until no more than {@code held} of them are at work. */
  synchronized void awaitRestBut(int held) {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    try {
      while (busy > held) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0) {
          throw new IllegalStateException(busy + " tasks of the managers are still running");
        }
        wait(left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for the managers", e);
    }
  }

  void close() {
    threads.shutdown();
  }
}
