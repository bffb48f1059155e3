package io.tradeauth;

import java.time.Instant;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What a warm get of one of 1,000 users costs, next to the least that it could: a map read, a
 * volatile read, both clock reads and a comparison.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class GetBenchmark {

  private static final int USERS = 1_000;

  private final TimeSource time = TimeSource.system();
  private final ConcurrentMap<String, Cell> map = new ConcurrentHashMap<>();
  private final long endsAtMillis = time.wallMillis() + TimeUnit.HOURS.toMillis(8);
  private final long endsAtNanos = time.monotonicNanos() + TimeUnit.HOURS.toNanos(8);
  private String[] users = {};
  private UserTokens[] handles = {};
  private TokenManager manager;
  private TokenManager boundedManager;
  private TokenProvider provider;
  private TokenProvider bounded;

  /** One value behind one volatile field. */
  private static final class Cell {
    volatile Value value;
  }

  private record Value(AccessToken token, long endsAtMillis, long endsAtNanos) {}

  /** Which user is next: each thread goes through all of them. */
  @State(Scope.Thread)
  public static class Next {
    private int next;

    int user() {
      next = next + 1 == USERS ? 0 : next + 1;
      return next;
    }
  }

  @Setup
  public void start() {
    List<String> names = IntStream.range(0, USERS).mapToObj(i -> "user-" + i).toList();
    users = names.toArray(String[]::new);
    Instant end = Instant.now().plusSeconds(36_000);
    manager = manager(BenchServer.store(names, end), Long.MAX_VALUE);
    boundedManager = manager(BenchServer.store(names, end), 2L * USERS);
    provider = manager.provider("bench");
    bounded = boundedManager.provider("bench");
    handles = names.stream().map(provider::forUser).toArray(UserTokens[]::new);
    for (String user : users) {
      Cell cell = new Cell();
      AccessToken token = provider.get(user);
      cell.value =
          new Value(
              token,
              token.expiresAt().toEpochMilli(),
              time.monotonicNanos() + TimeUnit.HOURS.toNanos(8));
      map.put(user, cell);
      bounded.get(user);
      provider.forUser(user).get();
    }
    for (UserTokens handle : handles) {
      handle.get();
    }
  }

  static TokenManager manager(TokenStore store, long maximum) {
    TokenManager.Builder builder =
        TokenManager.builder()
            .store(store)
            .broker(
                StandardBroker.builder(
                        BrokerProfile.builder("bench", ApiHosts.of("https://api.example.com"))
                            .build(),
                        java.net.URI.create("https://auth.example.com/token"))
                    .build(),
                settings -> settings.client(BenchServer.CLIENT));
    return maximum == Long.MAX_VALUE
        ? builder.build()
        : builder.maximumCachedUsers(maximum).build();
  }

  @TearDown
  public void stop() {
    manager.close();
    boundedManager.close();
  }

  /** The part of the floor, and of a get through a handle, that no code can spare. */
  @Benchmark
  public boolean clocks() {
    return time.wallMillis() < endsAtMillis && time.monotonicNanos() - endsAtNanos < 0;
  }

  @Benchmark
  public AccessToken floor(Next next) {
    Cell cell = map.get(users[next.user()]);
    Value value = cell == null ? null : cell.value;
    return value != null
            && time.wallMillis() < value.endsAtMillis()
            && time.monotonicNanos() - value.endsAtNanos() < 0
        ? value.token()
        : null;
  }

  @Benchmark
  public AccessToken get(Next next) {
    return provider.get(users[next.user()]);
  }

  @Benchmark
  public AccessToken handle(Next next) {
    return handles[next.user()].get();
  }

  @Benchmark
  public AccessToken bounded(Next next) {
    return bounded.get(users[next.user()]);
  }
}
