package io.tradeauth;

import io.tradeauth.store.BenchDatabase;
import io.tradeauth.store.BigStore;
import io.tradeauth.store.EncryptionKey;
import io.tradeauth.store.FileTokenStore;
import io.tradeauth.store.KeyProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
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

/** What a warm get of one of 1,000 users costs with each store. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class StoredGetBenchmark {

  private static final int USERS = 1_000;

  /** The store. */
  @Param({"memory", "files", "postgresql"})
  public String kind;

  private AutoCloseable opened = () -> {};
  private String[] users = {};
  private TokenManager manager;
  private TokenProvider provider;
  private int next;

  @Setup
  public void start() throws IOException {
    List<String> names = IntStream.range(0, USERS).mapToObj(i -> "user-" + i).toList();
    users = names.toArray(String[]::new);
    TokenStore store = open();
    BenchServer.fill(store, names, Instant.now().plusSeconds(36_000));
    manager = GetBenchmark.manager(store, Long.MAX_VALUE);
    provider = manager.provider("bench");
    names.forEach(provider::get);
  }

  private TokenStore open() throws IOException {
    switch (kind) {
      case "memory":
        return TokenStore.inMemory();
      case "files":
        Path directory = Files.createTempDirectory("tradeauth-get");
        FileTokenStore files =
            FileTokenStore.at(directory, KeyProvider.of(EncryptionKey.generate()));
        opened =
            () -> {
              files.close();
              BigStore.delete(directory);
            };
        return files;
      case "postgresql":
        BenchDatabase database = new BenchDatabase();
        opened = database;
        return database.store();
      default:
        throw new IllegalArgumentException("kind: " + kind);
    }
  }

  @TearDown
  public void stop() throws Exception {
    manager.close();
    opened.close();
  }

  @Benchmark
  public AccessToken stored() {
    next = next + 1 == USERS ? 0 : next + 1;
    return provider.get(users[next]);
  }
}
