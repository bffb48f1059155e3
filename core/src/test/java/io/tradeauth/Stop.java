package io.tradeauth;

import java.util.concurrent.CountDownLatch;

/** A place where a thread stands still until the test lets it go on. */
final class Stop implements AutoCloseable {

  private final CountDownLatch reached = new CountDownLatch(1);
  private final CountDownLatch over = new CountDownLatch(1);

  /** Stands still. */
  void reach() {
    reached.countDown();
    Await.forLatch(over);
  }

  /** Waits until a thread stands still here. */
  void await() {
    Await.forLatch(reached);
  }

  /** Lets it go on. */
  @Override
  public void close() {
    over.countDown();
  }
}
