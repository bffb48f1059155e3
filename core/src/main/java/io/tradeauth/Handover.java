package io.tradeauth;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * How work is handed to an executor of the application, which may be full or closed: never so that
 * it is lost.
 */
final class Handover {

  private Handover() {}

  /**
   * Returns an executor that gives whatever {@code executor} rejects a thread of its own: a caller
   * waits for it, or a refresh token is at stake.
   */
  static Executor orOwnThread(Executor executor) {
    return task -> hand(executor, task, RuntimeException.class, Handover::start);
  }

  /** Returns an executor that runs whatever {@code executor} rejects where it is handed over. */
  static Executor orHere(Executor executor) {
    return task -> hand(executor, task, RuntimeException.class, Runnable::run);
  }

  /**
   * Hands a task over.
   *
   * @param refusal what {@code executor} throws if it does not take it
   * @param otherwise what is done with the task then
   */
  static void hand(
      Executor executor,
      Runnable task,
      Class<? extends Throwable> refusal,
      Consumer<Runnable> otherwise) {
    AtomicBoolean begun = new AtomicBoolean();
    try {
      executor.execute(
          () -> {
            begun.set(true);
            task.run();
          });
    } catch (RuntimeException | Error e) {
      if (begun.get() || !refusal.isInstance(e)) {
        throw e; // or the task's own, on this thread
      }
      otherwise.accept(task);
    }
  }

  private static void start(Runnable task) {
    Thread thread = new Thread(task, "tradeauth-overflow");
    thread.setDaemon(true);
    thread.start();
  }
}
