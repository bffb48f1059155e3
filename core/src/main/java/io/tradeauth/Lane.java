package io.tradeauth;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The way to one authorization server: at most 64 tasks at once, so that a server that hangs takes
 * no threads from the others. Of these at most 16 are background work, and no more than 50 of that
 * begin in a second; whoever has a caller waiting goes first.
 *
 * <p>For any number of threads. The lock guards the queues and counts and is never held while a
 * task runs.
 */
final class Lane {

  static final int MOST = 64;
  private static final int MOST_BACKGROUND = 16;
  private static final long BACKGROUND_PACE_NANOS = Duration.ofSeconds(1).toNanos() / 50;

  private final Executor executor;
  private final TimeSource time;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Task> foreground = new ArrayDeque<>();
  private final Deque<Task> background = new ArrayDeque<>();
  private int running;
  private int runningBackground;
  private long nextBackgroundNanos;
  private boolean timerSet;

  Lane(Executor executor, TimeSource time) {
    this.executor = executor;
    this.time = time;
    this.nextBackgroundNanos = time.monotonicNanos();
  }

  /** Something to run; a handle to hurry it. */
  static final class Task {

    private final Runnable work;
    private boolean inBackground;

    private Task(Runnable work, boolean inBackground) {
      this.work = work;
      this.inBackground = inBackground;
    }
  }

  /** Queues work that somebody waits for. */
  Task foreground(Runnable work) {
    return add(new Task(work, false), foreground);
  }

  /** Queues work that can wait. */
  Task background(Runnable work) {
    return add(new Task(work, true), background);
  }

  private Task add(Task task, Deque<Task> queue) {
    lock.lock();
    try {
      queue.add(task);
    } finally {
      lock.unlock();
    }
    startWhatMay();
    return task;
  }

  /** Somebody waits for this task now. */
  void hurry(Task task) {
    lock.lock();
    try {
      if (!task.inBackground || !background.remove(task)) {
        return;
      }
      task.inBackground = false;
      foreground.add(task);
    } finally {
      lock.unlock();
    }
    startWhatMay();
  }

  /** Takes out the background work that has not begun, and returns it. */
  Set<Task> dropBackground() {
    lock.lock();
    try {
      Set<Task> dropped = new HashSet<>(background);
      background.clear();
      return dropped;
    } finally {
      lock.unlock();
    }
  }

  int running() {
    lock.lock();
    try {
      return running;
    } finally {
      lock.unlock();
    }
  }

  private void startWhatMay() {
    for (Task task = next(); task != null; task = next()) {
      Task started = task;
      executor.execute(() -> run(started));
    }
  }

  private @Nullable Task next() {
    lock.lock();
    try {
      if (running == MOST) {
        return null;
      }
      Task task = foreground.poll();
      if (task == null && mayStartBackground()) {
        task = background.poll();
        runningBackground++;
      }
      if (task != null) {
        running++;
      }
      return task;
    } finally {
      lock.unlock();
    }
  }

  private boolean mayStartBackground() {
    if (background.isEmpty() || runningBackground == MOST_BACKGROUND) {
      return false;
    }
    long now = time.monotonicNanos();
    long early = nextBackgroundNanos - now;
    if (early > 0) {
      startLater(Duration.ofNanos(early));
      return false;
    }
    nextBackgroundNanos = now + BACKGROUND_PACE_NANOS;
    return true;
  }

  private void startLater(Duration delay) {
    if (!timerSet) {
      timerSet = true;
      time.after(
          delay,
          () -> {
            lock.lock();
            try {
              timerSet = false;
            } finally {
              lock.unlock();
            }
            startWhatMay();
          });
    }
  }

  private void run(Task task) {
    try {
      task.work.run();
    } finally {
      lock.lock();
      try {
        running--;
        if (task.inBackground) {
          runningBackground--;
        }
      } finally {
        lock.unlock();
      }
      startWhatMay();
    }
  }
}
