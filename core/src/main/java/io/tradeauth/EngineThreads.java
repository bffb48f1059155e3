package io.tradeauth;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The threads of a manager: virtual where there are any, else daemons that are kept for a minute.
 * How many run at once is decided by the lanes. For any number of threads.
 */
final class EngineThreads implements Executor {

  /**
   * How many virtual threads are kept: the stack that a new one grows is a fifth of the garbage of
   * an exchange. The others end with their task, as a wait that has an end costs a timer.
   */
  private static final int KEPT = 8;

  private final ExecutorService executor;

  EngineThreads() {
    ThreadFactory virtual = virtualThreads();
    this.executor =
        new ThreadPoolExecutor(
            virtual == null ? 0 : KEPT,
            Integer.MAX_VALUE,
            virtual == null ? 60 : 0,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            virtual == null ? platformThreads() : virtual);
  }

  private static ThreadFactory platformThreads() {
    AtomicLong number = new AtomicLong();
    return task -> {
      Thread thread = new Thread(task, "tradeauth-" + number.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    };
  }

  /** Returns the factory of Java 21 and later, or null. */
  private static @Nullable ThreadFactory virtualThreads() {
    try {
      Class<?> builder = Class.forName("java.lang.Thread$Builder");
      Class<?> ofVirtual = Class.forName("java.lang.Thread$Builder$OfVirtual");
      MethodHandles.Lookup lookup = MethodHandles.publicLookup();
      MethodHandle start =
          lookup.findStatic(Thread.class, "ofVirtual", MethodType.methodType(ofVirtual));
      MethodHandle name =
          lookup.findVirtual(
              ofVirtual, "name", MethodType.methodType(ofVirtual, String.class, long.class));
      MethodHandle factory =
          lookup.findVirtual(builder, "factory", MethodType.methodType(ThreadFactory.class));
      return (ThreadFactory) factory.invoke(name.invoke(start.invoke(), "tradeauth-", 1L));
    } catch (Throwable e) {
      // Java 17 to 20 has none.
      return null;
    }
  }

  @Override
  public void execute(Runnable task) {
    executor.execute(task);
  }

  /** Takes no more tasks; those that run go on, and are not interrupted. */
  void close() {
    executor.shutdown();
  }
}
