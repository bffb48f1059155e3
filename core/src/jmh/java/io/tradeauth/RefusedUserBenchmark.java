package io.tradeauth;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What a get of one of 999 users takes, by themselves and beside one whose refresh token the server
 * refuses, and who is asked for 100 times a second all the same.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class RefusedUserBenchmark {

  private static final int USERS = 999;
  private static final int MOST_EXCHANGES = 3;

  /** Whether the refused user is asked for. */
  @Param({"alone", "refused"})
  public String kind;

  private final ScheduledExecutorService caller = Executors.newSingleThreadScheduledExecutor();
  private final AtomicLong refusals = new AtomicLong();
  private String[] users = {};
  private BenchServer.Remote server;
  private TokenManager manager;
  private TokenProvider provider;
  private int next;

  @Setup
  public void start() {
    Logger.getLogger("").setLevel(Level.OFF);
    List<String> good = IntStream.range(0, USERS).mapToObj(i -> "user-" + i).toList();
    users = good.toArray(String[]::new);
    server = new BenchServer.Remote(true, 0);
    TokenStore store = TokenStore.inMemory();
    BenchServer.fill(store, good, Instant.now().plusSeconds(36_000));
    BenchServer.fill(store, List.of(BenchServer.REFUSED), Instant.now().minusSeconds(60));
    manager =
        TokenManager.builder()
            .store(store)
            .broker(
                server.broker(RotationProfile.STRICT),
                settings -> settings.client(BenchServer.CLIENT))
            .build();
    provider = manager.provider("bench");
    good.forEach(provider::get);
    if (kind.equals("refused")) {
      caller.scheduleAtFixedRate(this::askForRefused, 0, 10, TimeUnit.MILLISECONDS);
    }
  }

  private void askForRefused() {
    try {
      provider.get(BenchServer.REFUSED);
    } catch (SignInRequiredException e) {
      refusals.incrementAndGet();
    }
  }

  @TearDown
  public void stop() throws InterruptedException {
    caller.shutdown();
    caller.awaitTermination(10, TimeUnit.SECONDS);
    long exchanges = server.count("exchanges");
    manager.close();
    server.close();
    List<String> wrong = new ArrayList<>();
    if (exchanges > MOST_EXCHANGES) {
      wrong.add(exchanges + " exchanges");
    }
    if (kind.equals("refused") && refusals.get() < 100) {
      wrong.add("asked for " + refusals + " times only");
    }
    if (!wrong.isEmpty()) {
      throw new IllegalStateException("the refused user: " + wrong);
    }
  }

  @Benchmark
  public AccessToken good() {
    next = next + 1 == USERS ? 0 : next + 1;
    return provider.get(users[next]);
  }
}
