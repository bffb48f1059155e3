package io.tradeauth.examples.architecture.wrong;

/** Locks what everyone can lock. */
public final class HoldsTheLock {

  private int count;

  /** Counts. */
  public synchronized int next() {
    return ++count;
  }
}
