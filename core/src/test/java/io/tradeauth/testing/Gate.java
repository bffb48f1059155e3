package io.tradeauth.testing;

import java.util.concurrent.TimeUnit;

/**
 * Holds the calls of one endpoint of a simulator until a test opens it, so that "slow" takes no
 * sleeping.
 *
 * <p>For any number of threads.
 *
 * @see Simulator#holdRequests
 * @see Simulator#holdAnswers
 */
public final class Gate implements AutoCloseable {

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private int arrived;
  private boolean open;

  Gate() {}

  /**
   * Waits until {@code calls} calls have come to the gate, those that have passed it included.
   *
   * @throws IllegalStateException if they have not come after 30 seconds of real time
   */
  public synchronized void awaitArrivals(int calls) {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    try {
      while (arrived < calls) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0) {
          throw new IllegalStateException(arrived + " calls came, not " + calls);
        }
        wait(left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for calls", e);
    }
  }

  /** Returns how many calls have come to the gate. */
  public synchronized int arrivals() {
    return arrived;
  }

  /** Lets all calls pass, those that wait and those to come. */
  public synchronized void open() {
    open = true;
    notifyAll();
  }

  /** Opens it. */
  @Override
  public void close() {
    open();
  }

  synchronized void pass() {
    arrived++;
    notifyAll();
    try {
      while (!open) {
        wait();
      }
    } catch (InterruptedException e) {
      // The server is being shut down.
      Thread.currentThread().interrupt();
    }
  }
}
