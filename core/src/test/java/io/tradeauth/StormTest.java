package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Racers;
import io.tradeauth.testing.TokenLedger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Everybody at once against a server that ends the session when a refresh token is used twice (C1,
 * C3, G9, G23): one exchange, whoever asks and however many.
 */
class StormTest {

  private static final int CALLERS = 64;

  @Test
  void callersAtExpiry_andLate401s_oneExchangeEach_noSessionLost_C1_C3_G23() {
    storm(30);
  }

  @Test
  @Tag("stress")
  void thousandRounds_callersAtExpiry_andLate401s_oneExchangeEach_C1_C3_G23() {
    storm(1_000);
  }

  private static void storm(int rounds) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice");
        Racers racers = new Racers(CALLERS);
        Racers both = new Racers(2 * CALLERS)) {
      for (int round = 1; round <= rounds; round++) {
        AccessToken old = engine.get("alice");
        int before = engine.exchanges();
        engine.expire();
        Set<AccessToken> got = new HashSet<>();
        if (round % 2 == 0) {
          // The 401s come when the renewal is over.
          got.addAll(racers.race(i -> engine.get("alice")));
          got.addAll(racers.race(i -> engine.tokens().getInsteadOf("alice", old)));
        } else {
          got.addAll(
              both.race(
                  i ->
                      i % 2 == 0
                          ? engine.get("alice")
                          : engine.tokens().getInsteadOf("alice", old)));
        }
        assertEquals(1, engine.exchanges() - before, "exchanges in round " + round);
        assertEquals(1, got.size(), "tokens in round " + round);
        assertTrue(engine.server().accepts(got.iterator().next().value()));
      }
      assertNothingLost(engine, "alice");
    }
  }

  private static void assertNothingLost(EngineFixture engine, String user) {
    assertTrue(engine.server().hasSession(user));
    assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
  }

  @Test
  @Tag("stress")
  void tenThousandPlatformThreads_oneExchange_C1() throws Exception {
    tenThousand(
        task -> {
          Thread thread = new Thread(null, task, "caller", 128 * 1024);
          thread.setDaemon(true);
          return thread;
        });
  }

  @Test
  void tenThousandVirtualThreads_oneExchange_C1() throws Exception {
    tenThousand(virtualThreads());
  }

  private static void tenThousand(ThreadFactory threads) throws Exception {
    int count = 10_000;
    ExecutorService callers = Executors.newCachedThreadPool(threads);
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      int before = engine.exchanges();
      engine.expire();
      CountDownLatch ready = new CountDownLatch(count);
      CountDownLatch go = new CountDownLatch(1);
      List<Future<AccessToken>> calls = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        calls.add(
            callers.submit(
                () -> {
                  ready.countDown();
                  go.await();
                  return engine.get("alice");
                }));
      }
      ready.await();
      go.countDown();
      Set<AccessToken> got = new HashSet<>(Racers.results(calls));
      assertEquals(1, got.size());
      assertEquals(1, engine.exchanges() - before);
      assertNothingLost(engine, "alice");
    } finally {
      callers.shutdownNow();
    }
  }

  @Test
  @Tag("stress")
  void cacheOfOne_thousandUsers_handlesAndGetsMixed_oneExchangePerExpiry_G9() {
    int count = 1_000;
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .manager(manager -> manager.maximumCachedUsers(1))
                .start();
        Racers racers = new Racers(4 * count)) {
      List<String> users = IntStream.range(0, count).mapToObj(i -> "user-" + i).toList();
      users.forEach(engine::signIn);
      List<UserTokens> handles = users.stream().map(engine.tokens()::forUser).toList();
      for (int expiry = 1; expiry <= 3; expiry++) {
        int before = engine.exchanges();
        engine.expire();
        racers.race(
            i -> i < 2 * count ? engine.get(users.get(i % count)) : handles.get(i % count).get());
        assertEquals(count, engine.exchanges() - before);
      }
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  /** Returns the virtual threads of Java 21 and later; without them the test is passed over. */
  static ThreadFactory virtualThreads() throws ReflectiveOperationException {
    Assumptions.assumeTrue(
        Runtime.version().feature() >= 21, "virtual threads: not before Java 21");
    Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
    return (ThreadFactory)
        Class.forName("java.lang.Thread$Builder").getMethod("factory").invoke(builder);
  }
}
