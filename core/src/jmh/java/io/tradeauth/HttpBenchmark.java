package io.tradeauth;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import okhttp3.FormBody;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What the interceptor adds to a call, a repaired 401 to its three requests, and an exchange to its
 * POST. The server is another process, so the garbage is this side's. One thread.
 *
 * <p>Budgets allow a forced renewal each 30 s, so each one happens in an hour of its own: the clock
 * is the system's, moved ahead.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class HttpBenchmark {

  private final Ahead time = new Ahead();
  private final JsonFactory json = new JsonFactory();
  private final OkHttpClient bare = new OkHttpClient();
  private final EngineThreads threads = new EngineThreads();
  private BenchServer.Remote server;
  private TokenManager manager;
  private UserTokens alice;
  private OkHttpClient signing;
  private String token = "canary-access-bare";
  private String refreshToken = "canary-bare-0";
  private long expected;

  /** The system's clocks, moved ahead. */
  private static final class Ahead implements TimeSource {

    private volatile long aheadMillis;

    void move(Duration step) {
      aheadMillis += step.toMillis(); // by the one thread of the benchmark
    }

    @Override
    public long wallMillis() {
      return TimeSource.system().wallMillis() + aheadMillis;
    }

    @Override
    public long monotonicNanos() {
      return TimeSource.system().monotonicNanos() + aheadMillis * 1_000_000;
    }

    @Override
    public Timer after(Duration delay, Runnable task) {
      return TimeSource.system().after(delay, task);
    }
  }

  @Setup
  public void start() throws IOException {
    // What a log costs depends on who writes it: here nobody does.
    Logger.getLogger("").setLevel(Level.WARNING);
    server = new BenchServer.Remote(true, 0);
    manager =
        TokenManager.builder()
            .time(time)
            .store(BenchServer.store(List.of("alice"), Instant.now().plusSeconds(36_000)))
            .broker(
                server.broker(RotationProfile.STRICT),
                settings -> settings.client(BenchServer.CLIENT))
            .build();
    alice = manager.provider("bench").forUser("alice");
    signing = bare.newBuilder().addInterceptor(alice.interceptor()).build();
    // Both start with a token that the server has seen once.
    send(signing, new Request.Builder().url(server.uri("/once").toString()).build());
    send(bare, signed("/once"));
    expected = server.count("requests");
  }

  @TearDown
  public void stop() {
    long counted = server.count("requests");
    manager.close();
    server.close();
    threads.close();
    if (counted != expected) {
      throw new IllegalStateException(expected + " requests were due, the server saw " + counted);
    }
  }

  private Request signed(String path) {
    return new Request.Builder()
        .url(server.uri(path).toString())
        .header("Authorization", "Bearer " + token)
        .build();
  }

  private static int send(OkHttpClient client, Request request) throws IOException {
    try (Response response = client.newCall(request).execute()) {
      response.body().bytes();
      return response.code();
    }
  }

  private static void check(int status, int due) {
    if (status != due) {
      throw new IllegalStateException("HTTP " + status);
    }
  }

  @Benchmark
  public int callFloor() throws IOException {
    expected++;
    return send(bare, signed("/data"));
  }

  @Benchmark
  public int call() throws IOException {
    expected++;
    return send(signing, new Request.Builder().url(server.uri("/data").toString()).build());
  }

  @Benchmark
  public void repairFloor() throws IOException {
    expected += 3;
    check(send(bare, signed("/once")), 401);
    exchangeBare();
    check(send(bare, signed("/once")), 200);
  }

  @Benchmark
  public void repair() throws IOException {
    expected += 3;
    time.move(Duration.ofMinutes(61));
    check(send(signing, new Request.Builder().url(server.uri("/once").toString()).build()), 200);
  }

  @Benchmark
  public String exchangeFloor() throws IOException {
    expected++;
    exchangeBare();
    return token;
  }

  /**
   * The floor, on a thread that no caller can interrupt, of the kind that a manager has: what no
   * code of an exchange can spare.
   */
  @Benchmark
  public String exchangeHandedOver() throws Exception {
    expected++;
    return CompletableFuture.supplyAsync(this::exchangeFloorUncounted, threads)
        .get(15, TimeUnit.SECONDS);
  }

  private String exchangeFloorUncounted() {
    try {
      exchangeBare();
      return token;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Benchmark
  public AccessToken exchange() {
    expected++;
    time.move(Duration.ofSeconds(6));
    return alice.renew();
  }

  private void exchangeBare() throws IOException {
    FormBody form =
        new FormBody.Builder()
            .add("grant_type", "refresh_token")
            .add("refresh_token", refreshToken)
            .add("client_id", BenchServer.CLIENT.id())
            .add("client_secret", BenchServer.CLIENT.requireSecret().value())
            .build();
    Request request = new Request.Builder().url(server.uri("/token").toString()).post(form).build();
    try (Response response = bare.newCall(request).execute()) {
      Map<String, String> members = new HashMap<>();
      try (JsonParser parser = json.createParser(response.body().bytes())) {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String name = parser.currentName();
          parser.nextToken();
          members.put(name, parser.getText());
        }
      }
      token = members.get("access_token");
      refreshToken = members.get("refresh_token");
    }
  }
}
