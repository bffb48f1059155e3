package io.tradeauth;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Waits for what other threads are about to do, without sleeping. */
final class Await {

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private Await() {}

  /** Waits until a latch is open. */
  static void forLatch(CountDownLatch latch) {
    try {
      if (!latch.await(PATIENCE_NANOS, TimeUnit.NANOSECONDS)) {
        throw new AssertionError("the latch was not opened within 30 s");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** Looks until it is so. */
  static void until(String what, BooleanSupplier isSo) {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!isSo.getAsBoolean()) {
      if (System.nanoTime() - end > 0) {
        throw new AssertionError("not within 30 s: " + what);
      }
      Thread.yield();
    }
  }
}
