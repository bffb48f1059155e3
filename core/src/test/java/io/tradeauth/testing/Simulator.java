package io.tradeauth.testing;

import io.tradeauth.TimeSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import javax.net.ServerSocketFactory;
import mockwebserver3.Dispatcher;
import mockwebserver3.MockResponse;
import mockwebserver3.MockWebServer;
import mockwebserver3.RecordedRequest;
import org.jspecify.annotations.Nullable;

/**
 * A broker's servers on this machine: real HTTP on loopback, a state, a clock, a log of every call,
 * a memory of every token, and switches for what may go wrong.
 *
 * <p>A subclass starts its hosts with {@link #start}, names the endpoint of a request in {@link
 * #endpoint} and answers in {@link #answer}; requests are answered one at a time, so its state
 * needs no lock of its own as long as it is reached from there or through {@link #locked}. It runs
 * without JUnit and serves from the constructor until {@link #close}.
 */
public abstract class Simulator implements AutoCloseable {

  /** RFC 9110, section 5.6.7: always GMT, always English. */
  private static final DateTimeFormatter HTTP_DATE =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.US)
          .withZone(ZoneOffset.UTC);

  private final Object state = new Object();
  private final List<MockWebServer> servers = new ArrayList<>();
  private final List<Call> calls = new ArrayList<>();
  private final Map<String, Deque<Fault>> faults = new HashMap<>();
  private final Map<String, Fault> lastingFaults = new HashMap<>();
  private final List<Consumer<RecordedRequest>> watchers = new CopyOnWriteArrayList<>();
  private final Map<String, Gate> requestGates = new ConcurrentHashMap<>();
  private final Map<String, Gate> answerGates = new ConcurrentHashMap<>();
  private final TokenLedger ledger = new TokenLedger();
  private final TimeSource time;
  private volatile Duration dateOffset = Duration.ZERO;

  /** Makes a simulator that lives by {@code time}. */
  protected Simulator(TimeSource time) {
    this.time = time;
  }

  /**
   * One call in the log.
   *
   * @param host the host as it was named to {@link #start}
   * @param endpoint the endpoint as {@link #endpoint} named it
   * @param owner whose call it was, as {@link #owner} tells; empty if unknown
   * @param status the HTTP status that was sent; 0 if none was
   * @param acted false if a fault answered and the server did nothing
   * @param at the simulator's wall clock
   */
  public record Call(
      String host, String endpoint, String owner, int status, boolean acted, Instant at) {}

  /** Returns a short name of what is asked for, such as {@code token}, {@code accounts}. */
  protected abstract String endpoint(String host, RecordedRequest request);

  /** Does what is asked for and answers. Runs under the simulator's lock. */
  protected abstract MockResponse answer(String host, String endpoint, RecordedRequest request);

  /**
   * Returns what is wrong with the server as a whole just now, such as an address that it blocks;
   * null if nothing is. It comes before the faults that {@link #fail} queued. Runs under the
   * simulator's lock.
   */
  protected @Nullable Fault standingFault(String host, String endpoint, RecordedRequest request) {
    return null;
  }

  /** Returns whose call this is, for the log; empty if that can't be told. */
  protected String owner(String host, String endpoint, RecordedRequest request) {
    return "";
  }

  /**
   * Starts a server and returns its base, such as {@code http://127.0.0.1:40123}, without a slash.
   */
  protected final URI start(String host) {
    MockWebServer server = new MockWebServer();
    server.setServerSocketFactory(new UndelayedSockets());
    server.setDispatcher(
        new Dispatcher() {
          @Override
          public MockResponse dispatch(RecordedRequest request) throws InterruptedException {
            server.takeRequest(0, TimeUnit.MILLISECONDS); // it keeps every request for ever
            return serve(host, request);
          }
        });
    try {
      server.start(InetAddress.getByName("127.0.0.1"), 0);
    } catch (IOException e) {
      throw new UncheckedIOException("no port on loopback", e);
    }
    servers.add(server);
    return URI.create("http://127.0.0.1:" + server.getPort());
  }

  private MockResponse serve(String host, RecordedRequest request) {
    watchers.forEach(watcher -> watcher.accept(request));
    String endpoint = endpoint(host, request);
    pass(requestGates.get(endpoint));
    MockResponse answer = act(host, endpoint, request);
    pass(answerGates.get(endpoint));
    return answer;
  }

  private static void pass(@Nullable Gate gate) {
    if (gate != null) {
      gate.pass();
    }
  }

  private MockResponse act(String host, String endpoint, RecordedRequest request) {
    synchronized (state) {
      String owner = owner(host, endpoint, request);
      Fault standing = standingFault(host, endpoint, request);
      Fault fault = standing != null ? standing : nextFault(endpoint);
      boolean acts = fault == null || fault.acts();
      MockResponse answer =
          acts ? answer(host, endpoint, request) : new MockResponse.Builder().build();
      MockResponse sent =
          answerTo(request.getMethod(), dated(fault == null ? answer : fault.apply(answer)));
      int status = sent.getOnResponseStart() == null ? sent.getCode() : 0;
      calls.add(new Call(host, endpoint, owner, status, acts, time.now()));
      return sent;
    }
  }

  /** RFC 9110, section 9.3.2: the same headers and no body, or the next answer is torn. */
  private static MockResponse answerTo(String method, MockResponse answer) {
    return method.equals("HEAD") ? answer.newBuilder().body("").build() : answer;
  }

  /** As every server does, and clients with a wrong clock go by it. */
  private MockResponse dated(MockResponse answer) {
    return answer.getHeaders().get("Date") != null
        ? answer
        : answer
            .newBuilder()
            .setHeader("Date", HTTP_DATE.format(time.now().plus(dateOffset)))
            .build();
  }

  /** Writes a call into the log that came another way, such as a message on a socket. */
  protected final void log(String host, String endpoint, String owner, int status) {
    synchronized (state) {
      calls.add(new Call(host, endpoint, owner, status, true, time.now()));
    }
  }

  private @Nullable Fault nextFault(String endpoint) {
    Deque<Fault> queue = faults.get(endpoint);
    Fault next = queue == null ? null : queue.poll();
    return next == null ? lastingFaults.get(endpoint) : next;
  }

  /** Lets every call of {@code endpoint} go wrong until {@link #heal}, after the queued faults. */
  public final void fail(String endpoint, Fault fault) {
    synchronized (state) {
      lastingFaults.put(endpoint, fault);
    }
  }

  /** Lets the next {@code times} calls of {@code endpoint} go wrong; faults queue up. */
  public final void fail(String endpoint, Fault fault, int times) {
    synchronized (state) {
      Deque<Fault> queue = faults.computeIfAbsent(endpoint, name -> new ArrayDeque<>());
      for (int i = 0; i < times; i++) {
        queue.add(fault);
      }
    }
  }

  /** Takes back all faults that have not happened. */
  public final void heal() {
    synchronized (state) {
      faults.clear();
      lastingFaults.clear();
    }
  }

  /** Shows every request from now on to {@code watcher}, on threads of the server. */
  public final void watch(Consumer<RecordedRequest> watcher) {
    watchers.add(watcher);
  }

  /** Lets the {@code Date} header be wrong by this much from now on. */
  public final void dateOffset(Duration offset) {
    this.dateOffset = offset;
  }

  /** Holds the calls of {@code endpoint} before the server acts on them, until the gate is open. */
  public final Gate holdRequests(String endpoint) {
    return gate(requestGates, endpoint);
  }

  /**
   * Holds the answers of {@code endpoint}, whose call the server has acted on, until the gate is
   * open.
   */
  public final Gate holdAnswers(String endpoint) {
    return gate(answerGates, endpoint);
  }

  private static Gate gate(Map<String, Gate> gates, String endpoint) {
    Gate gate = new Gate();
    Gate before = gates.put(endpoint, gate);
    if (before != null) {
      before.open();
    }
    return gate;
  }

  /** Changes the state of the simulator while no request is being answered. */
  protected final void locked(Runnable change) {
    synchronized (state) {
      change.run();
    }
  }

  /** Reads or changes the state of the simulator while no request is being answered. */
  protected final <T> T locked(Supplier<T> change) {
    synchronized (state) {
      return change.get();
    }
  }

  /** Returns the log so far, oldest first. */
  public final List<Call> calls() {
    synchronized (state) {
      return List.copyOf(calls);
    }
  }

  /** Returns how many calls {@code endpoint} got, whatever became of them. */
  public final int count(String endpoint) {
    return count(call -> call.endpoint().equals(endpoint));
  }

  /** Returns how many calls of the log match. */
  public final int count(Predicate<Call> which) {
    synchronized (state) {
      return (int) calls.stream().filter(which).count();
    }
  }

  /** Returns the memory of all tokens. */
  public final TokenLedger ledger() {
    return ledger;
  }

  /** Returns the clock that the simulator lives by. */
  public final TimeSource time() {
    return time;
  }

  /** Makes a JSON answer. */
  protected static MockResponse json(int status, String body) {
    return new MockResponse.Builder()
        .code(status)
        .setHeader("Content-Type", "application/json; charset=utf-8")
        .body(body)
        .build();
  }

  @Override
  public void close() {
    requestGates.values().forEach(Gate::open);
    answerGates.values().forEach(Gate::open);
    servers.forEach(MockWebServer::close);
  }

  /** Without TCP_NODELAY each answer on loopback waits 40 ms for an acknowledgement. */
  private static final class UndelayedSockets extends ServerSocketFactory {

    @Override
    public ServerSocket createServerSocket() throws IOException {
      return new ServerSocket() {
        @Override
        public Socket accept() throws IOException {
          Socket socket = super.accept();
          socket.setTcpNoDelay(true);
          return socket;
        }
      };
    }

    @Override
    public ServerSocket createServerSocket(int port) throws IOException {
      throw new IOException("bind it afterwards");
    }

    @Override
    public ServerSocket createServerSocket(int port, int backlog) throws IOException {
      return createServerSocket(port);
    }

    @Override
    public ServerSocket createServerSocket(int port, int backlog, InetAddress address)
        throws IOException {
      return createServerSocket(port);
    }
  }
}
