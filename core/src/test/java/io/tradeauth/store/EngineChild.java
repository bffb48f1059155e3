package io.tradeauth.store;

import io.tradeauth.ApiHosts;
import io.tradeauth.BrokerProfile;
import io.tradeauth.RotationProfile;
import io.tradeauth.StandardBroker;
import io.tradeauth.TimeSource;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.TokenStore;
import io.tradeauth.testing.FakeBroker;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import javax.net.SocketFactory;
import okhttp3.OkHttpClient;

/** Another process with an engine over the same store, to be killed where it stands still. */
final class EngineChild implements AutoCloseable {

  /** Where the exchanges of a process stand still. */
  enum Failpoint {
    /** Nothing was read yet. */
    BEFORE_LOAD,
    /** The intent is written. */
    AFTER_INTENT,
    /** The intent is written and the connection is about to be made. */
    BEFORE_SEND,
    /** The request has left; the server holds its answer back. */
    AFTER_SEND,
    /** The answer has come. */
    BEFORE_COMMIT,
    /** The tokens are saved, and nobody has seen them. */
    AFTER_COMMIT,
    /** Nowhere. */
    NONE
  }

  private final Process process;
  private final BufferedReader said;

  private EngineChild(Process process) {
    this.process = process;
    this.said =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
  }

  /** Starts a process that renews the tokens of users, once each or, at no point, for ever. */
  static EngineChild start(
      String store,
      URI tokens,
      Instant now,
      RotationProfile rotation,
      Failpoint point,
      String users,
      int count)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    Collections.addAll(command, "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx128m");
    Collections.addAll(command, "-cp", System.getProperty("java.class.path"));
    Collections.addAll(command, EngineChild.class.getName(), store, tokens.toString());
    Collections.addAll(command, now.toString(), point.name(), users, Integer.toString(count));
    Collections.addAll(command, rotation.kind().name(), rotation.leeway().toString());
    return new EngineChild(
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start());
  }

  /** Waits until it has renewed the first user. */
  void awaitReady() throws IOException {
    awaitLines(1);
  }

  /** Lets it go on to the others. */
  void go() throws IOException {
    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
  }

  /** Waits until exchanges stand still. */
  void awaitStill(int exchanges) throws IOException {
    awaitLines(exchanges);
  }

  private void awaitLines(int lines) throws IOException {
    for (int i = 0; i < lines; i++) {
      if (said.readLine() == null) {
        throw new AssertionError("it has died by itself");
      }
    }
  }

  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @Override
  public void close() throws Exception {
    kill();
  }

  // In the other process ------------------------------------------------------------------------

  /**
   * Returns the user whose renewal comes before those of the others of a name: one proves the
   * client, the rest go at once.
   */
  static String first(String users) {
    return users + "-first";
  }

  private static volatile Failpoint point = Failpoint.NONE;

  /** Renews and stands still. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    Failpoint last = Failpoint.valueOf(arguments[3]);
    URI server = URI.create(arguments[1]);
    RotationProfile rotation =
        new RotationProfile(
            RotationProfile.Kind.valueOf(arguments[6]), Duration.parse(arguments[7]));
    TokenStore store = standing(FleetMember.open(arguments[0]));
    TokenManager manager =
        TokenManager.builder()
            .time(new ShiftedTime(Instant.parse(arguments[2]), last == Failpoint.NONE ? 20 : 1))
            .store(store)
            .httpClient(new OkHttpClient.Builder().socketFactory(new StandingSockets()).build())
            .broker(
                StandardBroker.builder(
                        BrokerProfile.builder(
                                FakeBroker.NAME, ApiHosts.of(server.resolve("/").toString()))
                            .rotation(rotation)
                            .build(),
                        server)
                    .build(),
                settings -> settings.client(FakeBroker.client()))
            .build();
    TokenProvider tokens = manager.provider(FakeBroker.NAME);
    tokens.get(first(arguments[4]));
    say("ready");
    System.in.read();
    point = last;
    List<String> users =
        IntStream.range(0, Integer.parseInt(arguments[5]))
            .mapToObj(i -> arguments[4] + "-" + i)
            .toList();
    if (point == Failpoint.NONE) {
      users.forEach(user -> new Thread(() -> renewForEver(tokens, user)).start());
    } else {
      users.forEach(tokens::getAsync);
    }
    new CountDownLatch(1).await();
  }

  private static void renewForEver(TokenProvider tokens, String user) {
    while (true) {
      try {
        tokens.renew(user);
      } catch (TokenException e) {
        // The parent kills and then looks what is stored.
      }
    }
  }

  private static void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  private static void standIf(boolean here) {
    if (here) {
      say("still");
      try {
        new CountDownLatch(1).await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private static TokenStore standing(TokenStore store) {
    return (TokenStore)
        Proxy.newProxyInstance(
            EngineChild.class.getClassLoader(),
            new Class<?>[] {TokenStore.class},
            (proxy, method, parameters) -> {
              String name = method.getName();
              if (!StoreCalls.isOfALogin(parameters)) {
                return StoreCalls.invoked(method, store, parameters);
              }
              standIf(point == Failpoint.BEFORE_LOAD && name.equals("load"));
              standIf(point == Failpoint.BEFORE_COMMIT && name.equals("commit"));
              Object result = StoreCalls.invoked(method, store, parameters);
              standIf(point == Failpoint.AFTER_INTENT && name.equals("begin"));
              standIf(point == Failpoint.AFTER_COMMIT && name.equals("commit"));
              return result;
            });
  }

  /** Sockets that stand still before they connect. */
  private static final class StandingSockets extends SocketFactory {

    @Override
    public Socket createSocket() {
      return new Socket() {
        @Override
        public void connect(SocketAddress address, int timeout) throws IOException {
          standIf(point == Failpoint.BEFORE_SEND);
          super.connect(address, timeout);
        }
      };
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
  }

  /** Clocks that show another day and go faster. */
  private static final class ShiftedTime implements TimeSource {

    private final Instant start;
    private final int speed;
    private final long startNanos = System.nanoTime();

    ShiftedTime(Instant start, int speed) {
      this.start = start;
      this.speed = speed;
    }

    @Override
    public long wallMillis() {
      return start.toEpochMilli() + monotonicNanos() / 1_000_000;
    }

    @Override
    public long monotonicNanos() {
      return (System.nanoTime() - startNanos) * speed;
    }

    @Override
    public Timer after(Duration delay, Runnable task) {
      return TimeSource.system().after(delay.dividedBy(speed), task);
    }
  }
}
