package io.tradeauth;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * How many tasks may run at once in all the lanes that share it. A lane that gets no slot is called
 * when one is free, whoever has waited longest first.
 *
 * <p>For any number of threads. A lane may ask while it holds its own lock; it is called while none
 * is held.
 */
final class Slots {

  private final ReentrantLock lock = new ReentrantLock();
  private final Set<Lane> waiting = new LinkedHashSet<>();
  private int free;

  Slots(int count) {
    this.free = count;
  }

  /** Returns whether one was free, and is taken now. */
  boolean take(Lane lane) {
    lock.lock();
    try {
      if (free == 0) {
        waiting.add(lane);
        return false;
      }
      free--;
      return true;
    } finally {
      lock.unlock();
    }
  }

  void release() {
    List<Lane> next;
    lock.lock();
    try {
      free++;
      if (waiting.isEmpty()) {
        return;
      }
      next = List.copyOf(waiting);
      waiting.clear();
    } finally {
      lock.unlock();
    }
    next.forEach(Lane::startWhatMay);
  }
}
