package io.tradeauth;

import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Counts changes of many things in little memory, so that who has read something finds out whether
 * it has changed since. Those that share a slot are at worst read once more.
 *
 * <p>For any number of threads.
 */
final class ChangeCounts {

  private static final int SLOTS = 256;

  private final AtomicIntegerArray counts = new AtomicIntegerArray(SLOTS);

  /** Returns a number that is another one when {@code key} has changed. */
  int of(String key) {
    return counts.get(slotOf(key));
  }

  void changed(String key) {
    counts.incrementAndGet(slotOf(key));
  }

  private static int slotOf(String key) {
    return Math.floorMod(key.hashCode(), SLOTS);
  }
}
