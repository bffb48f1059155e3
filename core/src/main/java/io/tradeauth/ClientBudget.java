package io.tradeauth;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What one client may still send to its authorization server.
 *
 * <p>After two refusals of the client in a row nothing is sent for five minutes, then one request
 * per five minutes: a wrong secret must not get an address blocked. A client that has not proven
 * itself since its last refusal sends one request at a time, so that a thousand users who ask at
 * once can't make a thousand refusals; the others wait for the first answer. A {@code Retry-After}
 * stops the client for as long as it says.
 *
 * <p>For any number of threads. Whoever waits is woken after the lock is left.
 */
final class ClientBudget {

  private static final int REFUSALS = 2;
  private static final Duration PAUSE = Duration.ofMinutes(5);

  private final TimeSource time;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Runnable> waiting = new ArrayDeque<>();
  private boolean proven;
  private boolean probing;
  private int refusals;
  private boolean paused;
  private long pausedUntilNanos;

  ClientBudget(TimeSource time) {
    this.time = time;
  }

  /** Whether a request may be sent. */
  enum Admission {
    /** Send it, and say what came of it. */
    GO,
    /**
     * The client's first request is under way: the continuation is run when its answer is known.
     */
    WAIT,
    /** Nothing may be sent for now. */
    PAUSED
  }

  Admission admit(Runnable continuation) {
    lock.lock();
    try {
      if (pause() != null) {
        return Admission.PAUSED;
      }
      if (!proven && probing) {
        waiting.add(continuation);
        return Admission.WAIT;
      }
      probing = !proven;
      return Admission.GO;
    } finally {
      lock.unlock();
    }
  }

  /** Returns how long nothing may be sent yet, or null if something may. */
  @Nullable Duration pause() {
    lock.lock();
    try {
      long left = pausedUntilNanos - time.monotonicNanos();
      if (paused && left > 0) {
        return Duration.ofNanos(left);
      }
      paused = false;
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** The server has taken the client for good, whatever it said of the user. */
  void accepted() {
    settle(
        () -> {
          proven = true;
          refusals = 0;
        });
  }

  /** The server has refused the client. */
  void refused() {
    settle(
        () -> {
          proven = false;
          refusals++;
          if (refusals >= REFUSALS) {
            pauseFor(PAUSE);
          }
        });
  }

  /** The server has asked for patience. */
  void throttled(Duration wait) {
    settle(() -> pauseFor(wait));
  }

  /** Nothing was learned of the client. */
  void nothingLearned() {
    settle(() -> {});
  }

  private void pauseFor(Duration wait) {
    paused = true;
    pausedUntilNanos = time.monotonicNanos() + wait.toNanos();
  }

  private void settle(Runnable change) {
    List<Runnable> woken;
    lock.lock();
    try {
      change.run();
      probing = false;
      woken = new ArrayList<>(waiting);
      waiting.clear();
    } finally {
      lock.unlock();
    }
    woken.forEach(Runnable::run);
  }
}
