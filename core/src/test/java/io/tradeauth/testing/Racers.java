package io.tradeauth.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Threads that start together at a barrier, as contracts need them.
 *
 * <p>For one test thread.
 */
public final class Racers implements AutoCloseable {

  private static final long PATIENCE_SECONDS = 60;
  private static final long STANDING_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Set<Thread> underWay = ConcurrentHashMap.newKeySet();
  private final ExecutorService threads;
  private final int count;

  /** Makes {@code count} racers. */
  public Racers(int count) {
    this.count = count;
    this.threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "racer");
              thread.setDaemon(true);
              return thread;
            });
  }

  /** What one racer does. */
  @FunctionalInterface
  public interface Task<T> {

    /** Does it. */
    T run(int racer) throws Exception;
  }

  /**
   * Lets all racers start at once and returns what each came back with.
   *
   * @throws AssertionError if one failed, or is not back after a minute of real time
   */
  public <T> List<T> race(Task<T> task) {
    return results(start(task));
  }

  /** Lets all racers start at once, and does not wait for them; see {@link #results}. */
  public <T> List<Future<T>> start(Task<T> task) {
    CyclicBarrier start = new CyclicBarrier(count);
    List<Future<T>> running = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int racer = i;
      running.add(
          threads.submit(
              () -> {
                start.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
                underWay.add(Thread.currentThread());
                try {
                  return task.run(racer);
                } finally {
                  underWay.remove(Thread.currentThread());
                }
              }));
    }
    return running;
  }

  /**
   * Waits until so many racers stand still in what they do, because they wait for something; for
   * five seconds at most, because there are ways to wait that can't be seen.
   */
  public void awaitStanding(int racers) {
    long end = System.nanoTime() + STANDING_NANOS;
    while (standing() < racers && System.nanoTime() - end < 0) {
      Thread.yield();
    }
  }

  private long standing() {
    return underWay.stream().filter(racer -> racer.getState() != Thread.State.RUNNABLE).count();
  }

  /** Starts one thread of its own. */
  public <T> Future<T> go(Task<T> task) {
    return threads.submit(() -> task.run(count));
  }

  /**
   * Waits for what racers come back with.
   *
   * @throws AssertionError if one failed, or is not back after a minute of real time
   */
  public static <T> List<T> results(List<Future<T>> running) {
    List<T> results = new ArrayList<>();
    running.forEach(racer -> results.add(result(racer)));
    return results;
  }

  /**
   * Waits for what one racer comes back with.
   *
   * @throws AssertionError if it failed, or is not back after a minute of real time
   */
  public static <T> T result(Future<T> racer) {
    try {
      return racer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new AssertionError("a thread failed: " + e.getCause(), e.getCause());
    } catch (TimeoutException e) {
      throw new AssertionError("a thread is not back after " + PATIENCE_SECONDS + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** As {@link #result(Future)}, for a future of another kind. */
  public static <T> T result(CompletableFuture<T> future) {
    return result((Future<T>) future);
  }

  /** Lets the threads end. */
  @Override
  public void close() {
    threads.shutdownNow();
  }
}
