package io.tradeauth;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import javax.net.SocketFactory;

/**
 * Runs threads one at a time, in an order that is drawn from a seed.
 *
 * <p>A thread may be exchanged for another at each point where threads can notice each other: when
 * a task begins, when the clock is read, around each call of the store and around the server's act.
 * It is this model's executor, clock and network; who waits for a future or a lock is passed over
 * until it is woken. Time goes on only when nobody can run.
 */
final class Interleaving implements Executor, TimeSource {

  private static final long ORIGIN_MILLIS = 1_767_603_600_000L;
  private static final int MOST_TIMERS = 60;

  private final Random random;
  private final ExecutorService threads;
  private final List<Strand> strands = new ArrayList<>();
  private final List<Order> timers = new ArrayList<>();
  private final ThreadLocal<Strand> current = new ThreadLocal<>();
  private final Thread master = Thread.currentThread();
  private volatile long elapsedMillis;
  private volatile boolean over;
  private int steps;

  Interleaving(long seed, ExecutorService threads) {
    this.random = new Random(seed);
    this.threads = threads;
  }

  /** A thread of the model. */
  private static final class Strand {
    final boolean actor;
    volatile Thread thread;
    volatile boolean atPoint;
    volatile boolean turn;
    volatile boolean done;

    Strand(boolean actor) {
      this.actor = actor;
    }
  }

  private record Order(long atMillis, Runnable task) {}

  @Override
  public void execute(Runnable task) {
    start(false, task);
  }

  /** Adds a thread that must come to an end. */
  void actor(Runnable task) {
    start(true, task);
  }

  private void start(boolean actor, Runnable task) {
    Strand strand = new Strand(actor);
    synchronized (strands) {
      strands.add(strand);
    }
    threads.execute(
        () -> {
          strand.thread = Thread.currentThread();
          current.set(strand);
          try {
            point();
            task.run();
          } finally {
            current.remove();
            strand.done = true;
            LockSupport.unpark(master);
          }
        });
  }

  /** Lets another thread go on, perhaps. */
  void point() {
    Strand strand = current.get();
    if (strand == null || over) {
      return;
    }
    strand.atPoint = true;
    LockSupport.unpark(master);
    boolean interrupted = false;
    while (!strand.turn && !over) {
      LockSupport.park(this);
      interrupted |= Thread.interrupted();
    }
    strand.turn = false;
    strand.atPoint = false;
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Runs until all actors are at their end and nobody can go on. */
  void run() {
    run(() -> true);
  }

  /**
   * Runs until all actors are at their end, it is so, and nobody can go on. What the threads that
   * are no actors have left to do may need time to pass, or a lock that somebody else still holds.
   */
  void run(BooleanSupplier isSo) {
    BooleanSupplier isOver =
        () -> all(strand -> strand.done || !strand.actor) && isSo.getAsBoolean();
    int fired = 0;
    while (true) {
      List<Strand> ready = ready();
      if (ready.isEmpty() && !isOver.getAsBoolean()) {
        // Who was woken a moment ago may still look asleep.
        ready = readyWithin(fired < MOST_TIMERS ? 1_000_000 : 5_000_000_000L, isOver);
      }
      if (!ready.isEmpty()) {
        Strand next = ready.get(random.nextInt(ready.size()));
        steps++;
        next.atPoint = false;
        next.turn = true;
        LockSupport.unpark(next.thread);
      } else if (isOver.getAsBoolean()) {
        return;
      } else if (fired++ < MOST_TIMERS) {
        fireNextTimer();
      } else {
        throw new AssertionError("a wake-up was lost: somebody waits and nobody can go on");
      }
    }
  }

  private List<Strand> readyWithin(long nanos, BooleanSupplier isOver) {
    long end = System.nanoTime() + nanos;
    List<Strand> ready = ready();
    while (ready.isEmpty() && System.nanoTime() - end < 0 && !isOver.getAsBoolean()) {
      LockSupport.parkNanos(50_000);
      ready = ready();
    }
    return ready;
  }

  int steps() {
    return steps;
  }

  /** Lets what is left run freely: the run is over. */
  void release() {
    over = true;
    synchronized (strands) {
      strands.forEach(strand -> LockSupport.unpark(strand.thread));
    }
  }

  private boolean all(java.util.function.Predicate<Strand> test) {
    synchronized (strands) {
      return strands.stream().allMatch(test);
    }
  }

  /** Waits until all threads are at a point, at their end, or wait for each other. */
  private List<Strand> ready() {
    while (!all(Interleaving::isAtRest)) {
      LockSupport.parkNanos(20_000);
    }
    synchronized (strands) {
      strands.removeIf(strand -> strand.done && !strand.actor);
      return strands.stream().filter(strand -> strand.atPoint && !strand.turn).toList();
    }
  }

  private static boolean isAtRest(Strand strand) {
    if (strand.done || (strand.atPoint && !strand.turn)) {
      return true;
    }
    if (strand.turn || strand.thread == null) {
      return false;
    }
    Thread.State state = strand.thread.getState();
    return !strand.turn
        && (state == Thread.State.WAITING
            || state == Thread.State.TIMED_WAITING
            || state == Thread.State.BLOCKED);
  }

  private void fireNextTimer() {
    Order next;
    synchronized (timers) {
      next = timers.stream().min(Comparator.comparingLong(Order::atMillis)).orElse(null);
      timers.remove(next);
    }
    if (next == null) {
      LockSupport.parkNanos(10_000_000);
      return;
    }
    elapsedMillis = Math.max(elapsedMillis, next.atMillis);
    next.task.run();
  }

  /** Moves the clock before the actors start. */
  void pass(Duration span) {
    elapsedMillis += span.toMillis();
  }

  @Override
  public long wallMillis() {
    pointNowAndThen();
    return ORIGIN_MILLIS + elapsedMillis;
  }

  @Override
  public long monotonicNanos() {
    pointNowAndThen();
    return elapsedMillis * 1_000_000;
  }

  private void pointNowAndThen() {
    Strand strand = current.get();
    if (strand != null && random.nextInt(4) == 0) {
      point();
    }
  }

  @Override
  public Timer after(Duration delay, Runnable task) {
    Order order = new Order(elapsedMillis + delay.toMillis(), task);
    synchronized (timers) {
      timers.add(order);
    }
    return () -> {
      synchronized (timers) {
        timers.remove(order);
      }
    };
  }

  /** Returns sockets to a server in memory that answers a request's body with a body. */
  SocketFactory sockets(UnaryOperator<String> server) {
    return new SocketFactory() {
      @Override
      public Socket createSocket() {
        return new MemorySocket(Interleaving.this, server);
      }

      @Override
      public Socket createSocket(String host, int port) {
        return createSocket();
      }

      @Override
      public Socket createSocket(String host, int port, InetAddress local, int localPort) {
        return createSocket();
      }

      @Override
      public Socket createSocket(InetAddress host, int port) {
        return createSocket();
      }

      @Override
      public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort) {
        return createSocket();
      }
    };
  }

  /** One request and its answer. */
  private static final class MemorySocket extends Socket {

    private final Interleaving model;
    private final UnaryOperator<String> server;
    private final ByteArrayOutputStream sent = new ByteArrayOutputStream();
    private InputStream answer;

    MemorySocket(Interleaving model, UnaryOperator<String> server) {
      this.model = model;
      this.server = server;
    }

    @Override
    public void connect(SocketAddress address, int timeout) {
      model.point();
    }

    @Override
    public boolean isConnected() {
      return true;
    }

    @Override
    public void setSoTimeout(int timeout) {}

    @Override
    public synchronized void close() {}

    @Override
    public OutputStream getOutputStream() {
      return sent;
    }

    @Override
    public InputStream getInputStream() {
      return new InputStream() {
        @Override
        public int read() {
          throw new UnsupportedOperationException("by the byte");
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
          return answer().read(into, offset, length);
        }
      };
    }

    private InputStream answer() {
      if (answer == null) {
        model.point();
        String request = sent.toString(StandardCharsets.UTF_8);
        String body = server.apply(request.substring(request.indexOf("\r\n\r\n") + 4));
        String status = body.contains("\"error\"") ? "400 Bad Request" : "200 OK";
        answer =
            new ByteArrayInputStream(
                ("HTTP/1.1 "
                        + status
                        + "\r\nConnection: close\r\nContent-Length: "
                        + body.length()
                        + "\r\n\r\n"
                        + body)
                    .getBytes(StandardCharsets.UTF_8));
        model.point();
      }
      return answer;
    }
  }
}
