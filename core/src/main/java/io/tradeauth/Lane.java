package io.tradeauth;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The way to one authorization server, or to the store: at most 64 tasks at once if not set
 * otherwise, so that a server that hangs takes no threads from the others. A quarter of these at
 * most, and never more than 16, are background work, and no more than 50 of that begin in a second
 * on the way to a server; whoever has a caller waiting goes first. What goes on from one lane to
 * another stays on its thread if there is room.
 *
 * <p>For any number of threads. The lock guards the queues and counts and is never held while a
 * task runs.
 */
final class Lane {

  /** How many tasks run at once if not set otherwise. */
  static final int MOST = 64;

  /** How many run at once in the lanes to all servers if not set otherwise. */
  static final int MOST_IN_ALL = 256;

  private static final int MOST_IN_BACKGROUND = 16;

  /** How long it waits when no thread can be had. */
  static final Duration WITHOUT_A_THREAD = Duration.ofSeconds(1);

  private static final long BACKGROUND_PACE_NANOS = Duration.ofSeconds(1).toNanos() / 50;

  private final Executor executor;
  private final TimeSource time;
  private final int most;
  private final int mostInBackground;
  private final long paceNanos;
  private final Slots slots;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Task> foreground = new ArrayDeque<>();
  private final Deque<Task> background = new ArrayDeque<>();
  private int running;
  private int runningBackground;
  private long nextBackgroundNanos;
  private boolean timerSet;

  private Lane(Executor executor, TimeSource time, int most, long paceNanos, Slots slots) {
    this.executor = executor;
    this.time = time;
    this.most = most;
    this.mostInBackground = Math.min(MOST_IN_BACKGROUND, Math.max(1, most / 4));
    this.paceNanos = paceNanos;
    this.slots = slots;
    this.nextBackgroundNanos = time.monotonicNanos();
  }

  /** Makes a lane for what is sent. */
  static Lane toServer(Executor executor, TimeSource time, int most, Slots slots) {
    return new Lane(executor, time, most, BACKGROUND_PACE_NANOS, slots);
  }

  /** Makes a lane for what only reads and writes the store. */
  static Lane toStore(Executor executor, TimeSource time) {
    return new Lane(executor, time, MOST, 0, new Slots(MOST));
  }

  /** Something to run. */
  final class Task implements Runnable {

    private final Runnable work;
    private final Runnable dropped;
    private boolean inBackground;
    private volatile boolean begun;
    private @Nullable Thread runner; // whoever asks whether it is itself needs no barrier
    private @Nullable Task next;

    private Task(Runnable work, Runnable dropped) {
      this.work = work;
      this.dropped = dropped;
    }

    private Lane lane() {
      return Lane.this;
    }

    /** Does the work, and what goes on from it. */
    @Override
    public void run() {
      begun = true;
      runner = Thread.currentThread();
      try {
        work.run();
      } finally {
        runner = null;
        Task claimed = next == null ? null : next.lane().claim(next);
        try {
          release(this); // after the claim: what goes on is always counted somewhere
        } finally {
          if (claimed != null) {
            claimed.run();
          }
        }
      }
    }

    /** Queues it as work that somebody waits for. */
    void foreground() {
      add(this, foreground);
    }

    /** Queues it as work that can wait. */
    void background() {
      inBackground = true;
      add(this, background);
    }

    /**
     * Queues it as work that somebody waits for and that goes on from {@code before}. If that is
     * what runs on this thread, it comes next on this thread if it is its turn then: waking another
     * costs more than all else that is done here.
     */
    void foregroundAfter(@Nullable Task before) {
      if (before != null && before.runner == Thread.currentThread()) {
        before.next = this;
      } else {
        foreground();
      }
    }

    /** Somebody waits for it now. */
    void hurry() {
      Lane.this.hurry(this);
    }
  }

  /**
   * Makes a task that is not queued yet.
   *
   * @param dropped what is done if it is taken out of the background before it has begun
   */
  Task task(Runnable work, Runnable dropped) {
    return new Task(work, dropped);
  }

  /** Queues work that somebody waits for. */
  void foreground(Runnable work) {
    task(work, () -> {}).foreground();
  }

  private void add(Task task, Deque<Task> queue) {
    lock.lock();
    try {
      queue.add(task);
    } finally {
      lock.unlock();
    }
    startWhatMay();
  }

  private void hurry(Task task) {
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

  /** Takes out the background work that has not begun. */
  void dropBackground() {
    List<Task> dropped;
    lock.lock();
    try {
      dropped = List.copyOf(background);
      background.clear();
    } finally {
      lock.unlock();
    }
    dropped.forEach(task -> task.dropped.run());
  }

  int running() {
    lock.lock();
    try {
      return running;
    } finally {
      lock.unlock();
    }
  }

  /** Starts whatever may run now. */
  void startWhatMay() {
    for (Task task = next(); task != null; task = next()) {
      try {
        executor.execute(task);
      } catch (Error e) {
        if (task.begun) {
          throw e; // its own, on this thread
        }
        putBack(task); // no thread can be had just now
        return;
      }
    }
  }

  private void putBack(Task task) {
    lock.lock();
    try {
      leave(task);
      (task.inBackground ? background : foreground).addFirst(task);
      startLater(WITHOUT_A_THREAD);
    } finally {
      lock.unlock();
    }
    slots.release();
  }

  private @Nullable Task next() {
    lock.lock();
    try {
      if (running == most || !(hasForeground() || isBackgroundDue()) || !slots.take(this)) {
        return null;
      }
      running++;
      return hasForeground() ? foreground.remove() : nextInBackground();
    } finally {
      lock.unlock();
    }
  }

  private boolean hasForeground() {
    return !foreground.isEmpty();
  }

  private boolean isBackgroundDue() {
    if (background.isEmpty() || runningBackground == mostInBackground) {
      return false;
    }
    long early = nextBackgroundNanos - time.monotonicNanos();
    if (early > 0) {
      startLater(Duration.ofNanos(early));
    }
    return early <= 0;
  }

  private Task nextInBackground() {
    runningBackground++;
    nextBackgroundNanos = time.monotonicNanos() + paceNanos;
    return background.remove();
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

  /**
   * Returns a task if it is its turn now; else queues it and returns null. Then it is seen there by
   * whoever has the last place, is about to start what is before it, or gives a slot back.
   */
  private @Nullable Task claim(Task task) {
    lock.lock();
    try {
      if (foreground.isEmpty() && running < most && slots.take(this)) {
        running++;
        return task;
      }
      foreground.add(task);
      return null;
    } finally {
      lock.unlock();
    }
  }

  private void release(Task task) {
    lock.lock();
    try {
      leave(task);
    } finally {
      lock.unlock();
    }
    slots.release();
    startWhatMay();
  }

  private void leave(Task task) {
    running--;
    if (task.inBackground) {
      runningBackground--;
    }
  }
}
