package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.AccessToken;
import io.tradeauth.TokenEvent;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenStore;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Processes that stand still at the worst moments cost no session of a server that ends it when a
 * refresh token comes twice.
 *
 * <p>Four managers stand in for processes, each with a store of its own over the same records. They
 * stand still for up to twice the hold before the intent is written and before the request is sent;
 * after that, for less than the hold in all: what is longer no client can survive.
 */
class StallSimulationTest {

  /** More in the long run: {@code -Plong}. */
  private static final int EXCHANGES = Integer.getInteger("tradeauth.stalls", 300);

  private static final int PROCESSES = 4;
  private static final int USERS = 100;
  private static final Duration TWICE_THE_HOLD = Duration.ofSeconds(120);
  private static final Duration ON_THE_WAY = Duration.ofSeconds(15);
  private static final Duration BEFORE_THE_COMMIT = Duration.ofSeconds(25);

  private final StoreFixture files = new StoreFixture();
  private final ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
  private final FakeAuthorizationServer server = FakeAuthorizationServer.strict(clock);
  private final Stalls stalls = new Stalls(clock);
  private final List<TokenManager> managers = new ArrayList<>();
  private final AtomicInteger thrownAway = new AtomicInteger();
  private final Queue<TokenEvent> alarms = new ConcurrentLinkedQueue<>();
  private @Nullable HikariDataSource pool;
  private @Nullable Path directory;

  /** Where the records are. */
  enum Place {
    FILE,
    POSTGRESQL,
    H2
  }

  @AfterEach
  void close() throws Exception {
    stalls.on(false);
    managers.forEach(TokenManager::close);
    stalls.close();
    server.close();
    files.close();
    if (pool != null) {
      pool.close();
    }
  }

  private void start(Place place) throws Exception {
    if (place == Place.FILE) {
      directory = files.newDirectory();
    } else {
      pool = TestDatabase.valueOf(place.name()).newPool();
    }
    for (int i = 0; i < PROCESSES; i++) {
      managers.add(newManager(stalling(newStore())));
    }
    server.watch(request -> stalls.perhaps(ON_THE_WAY));
  }

  private TokenStore newStore() {
    return directory != null ? files.open(directory) : TestDatabase.open(pool);
  }

  private TokenManager newManager(TokenStore store) {
    TokenManager manager =
        TokenManager.builder()
            .time(clock)
            .store(store)
            .executor(stalls)
            .callbackExecutor(Runnable::run)
            .broker(
                FakeBroker.of(server),
                settings -> settings.client(FakeBroker.client()).maxWait(Duration.ofHours(1)))
            .build();
    manager.on(TokenEvent.SignInRequired.class, alarms::add);
    manager.on(TokenEvent.ReuseSuspected.class, alarms::add);
    return manager;
  }

  private TokenStore stalling(TokenStore store) {
    return (TokenStore)
        Proxy.newProxyInstance(
            StallSimulationTest.class.getClassLoader(),
            new Class<?>[] {TokenStore.class},
            (proxy, method, parameters) -> {
              if (!StoreCalls.isOfALogin(parameters)) {
                return StoreCalls.invoked(method, store, parameters);
              }
              switch (method.getName()) {
                case "begin" -> {
                  stalls.perhaps(TWICE_THE_HOLD);
                  Object begun = StoreCalls.invoked(method, store, parameters);
                  stalls.perhaps(TWICE_THE_HOLD);
                  return begun;
                }
                case "commit" -> {
                  stalls.perhaps(BEFORE_THE_COMMIT);
                  Object committed = StoreCalls.invoked(method, store, parameters);
                  thrownAway.addAndGet(committed == null ? 1 : 0);
                  return committed;
                }
                default -> {
                  return StoreCalls.invoked(method, store, parameters);
                }
              }
            });
  }

  @ParameterizedTest
  @EnumSource
  void stalledAtAnyPoint_noSessionLost_noGoodAnswerThrownAway_G11_X16(Place place)
      throws Exception {
    start(place);
    List<String> users = IntStream.range(0, USERS).mapToObj(i -> "user-" + i).toList();
    users.forEach(
        user -> managers.get(0).signIn(FakeBroker.NAME, user, FakeBroker.grant(server, user)));
    stalls.on(true);
    int before = server.count("token");
    while (server.count("token") - before < EXCHANGES) {
      clock.jump(server.life().plusSeconds(1));
      List<CompletableFuture<AccessToken>> asked = askAll(users);
      while (!asked.stream().allMatch(CompletableFuture::isDone)) {
        stalls.advance(Duration.ofSeconds(1));
      }
      assertEquals(0, server.ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN), "sent twice");
    }
    users.forEach(user -> assertTrue(server.hasSession(user), user));
    assertEquals(0, alarms.size());
    assertEquals(0, thrownAway.get(), "good answers thrown away");
    assertTrue(stalls.count() > EXCHANGES / 50, "it was put to the test");
    tell(place + ": " + (server.count("token") - before) + " exchanges, " + stalls.count());
  }

  private List<CompletableFuture<AccessToken>> askAll(List<String> users) {
    List<CompletableFuture<AccessToken>> asked = new ArrayList<>();
    for (String user : users) {
      for (TokenManager manager : managers) {
        asked.add(manager.provider(FakeBroker.NAME).getAsync(user));
      }
    }
    return asked;
  }

  /** The long run is asked for its figures. */
  private static void tell(String figures) {
    if (EXCHANGES > 300) {
      System.out.println(figures + " stalls");
    }
  }
}
