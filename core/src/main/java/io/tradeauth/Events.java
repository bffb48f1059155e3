package io.tradeauth;

import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands events to listeners, each in its own order, on the application's executor. A listener that
 * throws is logged; one that is slow, or whose executor takes nothing, loses events beyond 1,024
 * and delays nobody. For any number of threads.
 */
final class Events {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth.events");
  private static final int LONGEST_QUEUE = 1024;

  private final Executor executor;
  private final List<Listener<?>> listeners = new CopyOnWriteArrayList<>();

  Events(Executor executor) {
    this.executor = executor;
  }

  /** Adds a listener and returns what removes it. */
  <E extends TokenEvent> Runnable on(Class<E> type, Consumer<? super E> consumer) {
    Listener<E> listener = new Listener<>(type, consumer, executor);
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  void publish(TokenEvent event) {
    if (LOG.isDebugEnabled()) {
      LOG.debug("{}", ServerText.printable(event.toString())); // a user id may have a line break
    }
    listeners.forEach(listener -> listener.offer(event));
  }

  private static final class Listener<E extends TokenEvent> {

    private final Class<E> type;
    private final Consumer<? super E> consumer;
    private final Executor executor;
    private final BlockingQueue<E> queue = new ArrayBlockingQueue<>(LONGEST_QUEUE);
    private final AtomicBoolean running = new AtomicBoolean();
    private final AtomicLong dropped = new AtomicLong();

    Listener(Class<E> type, Consumer<? super E> consumer, Executor executor) {
      this.type = type;
      this.consumer = consumer;
      this.executor = executor;
    }

    void offer(TokenEvent event) {
      if (!type.isInstance(event)) {
        return;
      }
      if (!queue.offer(type.cast(event))) {
        LOG.warn("a listener is too slow: {} events dropped so far", dropped.incrementAndGet());
      }
      drainSoon();
    }

    private void drainSoon() {
      if (!queue.isEmpty() && running.compareAndSet(false, true)) {
        try {
          executor.execute(this::drain);
        } catch (RuntimeException | Error e) {
          // The executor is full or closed. No exchange may break off for that; what waits is
          // delivered with the next event.
          running.set(false);
          LOG.warn("a listener could not be called: {}", e.getClass().getName());
        }
      }
    }

    private void drain() {
      try {
        for (E event = queue.poll(); event != null; event = queue.poll()) {
          deliver(event);
        }
      } finally {
        running.set(false);
      }
      // An event may have come between the last poll and the mark.
      drainSoon();
    }

    private void deliver(E event) {
      try {
        consumer.accept(event);
      } catch (RuntimeException | Error e) {
        // A listener's failure is its own, whoever's thread it ran on: tokens go on.
        LOG.warn("a listener failed on {}", event.getClass().getSimpleName(), e);
      }
    }
  }
}
