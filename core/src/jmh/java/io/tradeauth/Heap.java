package io.tradeauth;

import java.lang.management.ManagementFactory;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * What a cached user takes of the heap, next to a map entry with a record of the same strings. The
 * store makes its records up when they are loaded, so that only the cells are counted.
 */
final class Heap {

  private static final int LOADERS = 4;

  private Heap() {}

  /** The least that an application of its own would keep. */
  private record Kept(String token, long endsAtMillis, long endsAtNanos) {}

  /** Bytes for each user in a plain map. */
  static double bare(int users, int tokenLength) {
    long before = used();
    Map<String, Kept> map = new ConcurrentHashMap<>();
    for (int i = 0; i < users; i++) {
      map.put("user-" + i, new Kept(token(i, tokenLength), i, i));
    }
    double each = (used() - before) / (double) users;
    check(map.size(), users);
    return each;
  }

  /** Bytes for each user in a manager's memory. */
  static double cached(int users, int tokenLength) throws InterruptedException {
    TokenStore store = new MadeUp(TokenStore.inMemory(), tokenLength);
    try (TokenManager manager =
        TokenManager.builder()
            .store(store)
            .broker(
                StandardBroker.builder(
                        BrokerProfile.builder("bench", ApiHosts.of("https://api.example.com"))
                            .build(),
                        java.net.URI.create("https://auth.example.com/token"))
                    .build(),
                settings -> settings.client(BenchServer.CLIENT))
            .build()) {
      ManagedTokenProvider tokens = (ManagedTokenProvider) manager.provider("bench");
      tokens.get("warm-up");
      long before = used();
      CountDownLatch done = new CountDownLatch(LOADERS);
      for (int t = 0; t < LOADERS; t++) {
        int first = t;
        new Thread(
                () -> {
                  for (int i = first; i < users; i += LOADERS) {
                    tokens.get("user-" + i);
                  }
                  done.countDown();
                })
            .start();
      }
      done.await();
      double each = (used() - before) / (double) users;
      check(tokens.cachedUsers(), users + 1);
      return each;
    }
  }

  private static void check(int size, int due) {
    if (size != due) {
      throw new IllegalStateException(size + " users, not " + due);
    }
  }

  private static String token(int user, int length) {
    String number = Integer.toString(user);
    return "canary-" + "x".repeat(length - 7 - number.length()) + number;
  }

  private static long used() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** A store that forgets and still knows everybody. */
  private record MadeUp(TokenStore store, int tokenLength) implements TokenStore {

    @Override
    public StoredRecord load(Key key) {
      String user = key.subject();
      int number = user.hashCode() & Integer.MAX_VALUE;
      Login login =
          BenchServer.login(
              user, Heap.token(number, tokenLength), Instant.now().plusSeconds(36_000));
      return new StoredRecord(new Version("made-up", 0), LoginCodec.write(login), null);
    }

    @Override
    public BeginResult begin(
        Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
      return store.begin(key, seen, intent, displaced);
    }

    @Override
    public @Nullable Version commit(Key key, Version parent, Content next) {
      return store.commit(key, parent, next);
    }

    @Override
    public void clear(Key key, String intentId) {
      store.clear(key, intentId);
    }

    @Override
    public Version supersede(Key key, Content next) {
      return store.supersede(key, next);
    }

    @Override
    public List<StoredLabel> list(Kind kind, String realm) {
      return store.list(kind, realm);
    }

    @Override
    public int purge(Instant signedOutBefore) {
      return store.purge(signedOutBefore);
    }

    @Override
    public void forget(Key key) {
      store.forget(key);
    }

    @Override
    public Changes changesSince(@Nullable String cursor) {
      return store.changesSince(cursor);
    }
  }
}
