package io.tradeauth.tradestation;

import static io.tradeauth.tradestation.TradeStation.RefreshTokens.ROTATING;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.tradeauth.AccessToken;
import io.tradeauth.ClientCredentials;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.UserTokens;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.tradestation.testing.TradeStationSimulator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The engine before a server that ends the session when a refresh token is used twice. What is said
 * of it comes from the server's log and memory.
 */
@Timeout(600)
class StrictServerTest {

  private static final int CALLERS = 64;

  private final ManualClock clock = ManualClock.at("2026-01-05T15:00:00Z");
  private final TradeStationSimulator server = TradeStationSimulator.rotating(clock);
  private final ExecutorService pool = Executors.newFixedThreadPool(2 * CALLERS);

  @AfterEach
  void close() {
    pool.shutdownNow();
    server.close();
  }

  /** G9, G23: many at expiry and as many late 401s: one exchange, and the session lives. */
  @Test
  void callersAtExpiryAndLateRefusals_oneExchangeEach_noSessionLost() throws Exception {
    rounds(50);
  }

  /** The same for as long as the issue asks. */
  @Test
  @Tag("stress")
  void thousandRounds_oneExchangeEach_noSessionLost() throws Exception {
    rounds(1000);
  }

  private void rounds(int rounds) throws Exception {
    server.absoluteLife(Duration.ofDays(365));
    try (TokenManager manager = manager(Long.MAX_VALUE)) {
      signIn(manager, "alice");
      UserTokens tokens = manager.provider(TradeStation.LIVE).forUser("alice");
      AccessToken before = tokens.get();
      int exchanges = server.count("token");
      for (int round = 1; round <= rounds; round++) {
        clock.jump(Duration.ofMinutes(20));
        AccessToken rejected = before;
        Set<AccessToken> expired = together(tokens::get, () -> tokens.getInsteadOf(rejected));
        assertEquals(1, expired.size(), "round " + round);
        assertEquals(exchanges + round, server.count("token"), "round " + round);
        Set<AccessToken> late = together(() -> tokens.getInsteadOf(rejected));
        assertEquals(expired, late, "round " + round);
        assertEquals(exchanges + round, server.count("token"), "round " + round);
        before = late.iterator().next();
      }
    }
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
    assertEquals(0, server.count(call -> call.status() >= 400));
  }

  /** One round of very many callers for one user. */
  @Test
  void thousandCallers_oneExchange() throws Exception {
    storm(Executors.defaultThreadFactory(), 1000);
  }

  @Test
  @Tag("stress")
  void tenThousandCallers_oneExchange() throws Exception {
    storm(Executors.defaultThreadFactory(), 10_000);
  }

  /** The same on virtual threads, where there are any. */
  @Test
  void tenThousandCallersOnVirtualThreads_oneExchange() throws Exception {
    storm(virtualThreads(), 10_000);
  }

  private void storm(ThreadFactory threads, int callers) throws Exception {
    try (TokenManager manager = manager(Long.MAX_VALUE)) {
      signIn(manager, "alice");
      TokenProvider provider = manager.provider(TradeStation.LIVE);
      int exchanges = server.count("token");
      clock.jump(Duration.ofMinutes(20));
      Set<String> tokens = ConcurrentHashMap.newKeySet();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      CountDownLatch start = new CountDownLatch(1);
      CountDownLatch done = new CountDownLatch(callers);
      for (int i = 0; i < callers; i++) {
        threads
            .newThread(
                () -> {
                  try {
                    start.await();
                    tokens.add(provider.get("alice").value());
                  } catch (Throwable e) {
                    failure.set(e);
                  } finally {
                    done.countDown();
                  }
                })
            .start();
      }
      start.countDown();
      done.await();
      assertNull(failure.get());
      assertEquals(1, tokens.size());
      assertEquals(exchanges + 1, server.count("token"));
    }
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  private static ThreadFactory virtualThreads() throws ReflectiveOperationException {
    Assumptions.assumeTrue(Runtime.version().feature() >= 21, "no virtual threads here");
    Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
    Class<?> type = Class.forName("java.lang.Thread$Builder");
    return (ThreadFactory) type.getMethod("factory").invoke(builder);
  }

  /** An eviction never breaks the single flight: one exchange per user and expiry. G9. */
  @Test
  void cacheOfOne_manyUsers_handlesAndGetsMixed_oneExchangeEach() throws Exception {
    cacheOfOne(100);
  }

  @Test
  @Tag("stress")
  void cacheOfOne_thousandUsers_handlesAndGetsMixed_oneExchangeEach() throws Exception {
    cacheOfOne(1000);
  }

  private void cacheOfOne(int users) throws Exception {
    try (TokenManager manager = manager(1)) {
      TokenProvider provider = manager.provider(TradeStation.LIVE);
      List<UserTokens> handles = new ArrayList<>();
      for (int i = 0; i < users; i++) {
        signIn(manager, "user" + i);
        handles.add(provider.forUser("user" + i));
      }
      int exchanges = server.count("token");
      clock.jump(Duration.ofMinutes(20));
      List<Callable<AccessToken>> calls = new ArrayList<>();
      for (int i = 0; i < users; i++) {
        String user = "user" + i;
        calls.add(() -> provider.get(user));
        calls.add(handles.get(i)::get);
        calls.add(() -> provider.get(user));
        calls.add(handles.get(i)::get);
      }
      List<Future<AccessToken>> tokens = pool.invokeAll(calls);
      for (int i = 0; i < users; i++) {
        Set<AccessToken> own = ConcurrentHashMap.newKeySet();
        for (Future<AccessToken> token : tokens.subList(4 * i, 4 * i + 4)) {
          own.add(token.get());
        }
        assertEquals(1, own.size(), "user" + i);
      }
      assertEquals(exchanges + users, server.count("token"));
    }
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
    assertEquals(0, server.count(call -> call.status() >= 400));
  }

  private TokenManager manager(long maximumCachedUsers) {
    ClientCredentials client =
        ClientCredentials.of(server.key().clientId(), server.key().clientSecret());
    TokenManager.Builder builder =
        TokenManager.builder()
            .time(clock)
            .broker(
                TradeStation.at(
                    TradeStation.LIVE, ROTATING, server.signInHost(), server.liveHost()),
                settings -> settings.client(client).maxWait(Duration.ofMinutes(5)));
    return (maximumCachedUsers == Long.MAX_VALUE
            ? builder
            : builder.maximumCachedUsers(maximumCachedUsers))
        .build();
  }

  private void signIn(TokenManager manager, String user) {
    manager.signIn(TradeStation.LIVE, user, TradeStation.refreshToken(server.refreshToken(user)));
  }

  /** Lets 64 callers do each of these at once, and returns what they got. */
  @SafeVarargs
  private <T> Set<T> together(Callable<T>... works) throws Exception {
    CyclicBarrier start = new CyclicBarrier(CALLERS * works.length);
    List<Callable<T>> tasks = new ArrayList<>();
    for (Callable<T> work : works) {
      for (int i = 0; i < CALLERS; i++) {
        tasks.add(
            () -> {
              start.await();
              return work.call();
            });
      }
    }
    Set<T> results = ConcurrentHashMap.newKeySet();
    for (Future<T> future : pool.invokeAll(tasks)) {
      results.add(future.get());
    }
    return results;
  }
}
