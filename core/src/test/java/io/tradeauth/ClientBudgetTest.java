package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import mockwebserver3.MockResponse;
import org.junit.jupiter.api.Test;

/** What a client whose secret the server refuses costs, also across processes (G31, A10). */
class ClientBudgetTest {

  private static final String WRONG = "canary-another-secret";

  private ClientCredentials client = FakeBroker.client();

  private EngineFixture engine(TokenStore store) {
    return EngineFixture.of(RotationProfile.NONE)
        .store(store)
        .settings(settings -> settings.client(() -> client).maxWait(Duration.ofSeconds(20)))
        .start();
  }

  private static List<String> signIn(EngineFixture engine, int users) {
    List<String> names = IntStream.range(0, users).mapToObj(i -> "user-" + i).toList();
    names.forEach(engine::signIn);
    engine.settle(); // the last proof of the client is older than what comes
    return names;
  }

  private static List<CompletableFuture<AccessToken>> ask(
      EngineFixture engine, List<String> users) {
    return users.stream().map(user -> engine.tokens().getAsync(user)).toList();
  }

  private static void join(List<CompletableFuture<AccessToken>> all) {
    all.forEach(one -> one.handle((token, failure) -> true).orTimeout(30, TimeUnit.SECONDS).join());
  }

  @Test
  void provenClient_secretReplacedByAWrongOne_twoRefused_G31() {
    try (EngineFixture engine = engine(TokenStore.inMemory())) {
      List<String> users = signIn(engine, 200);
      engine.expire();
      client = ClientCredentials.of(FakeAuthorizationServer.CLIENT_ID, WRONG);
      int before = engine.exchanges();

      join(ask(engine, users));

      assertEquals(2, engine.exchanges() - before);
    }
  }

  @Test
  void sameClient_oneUsersSecretIsWrong_hisTwoRefused_theOthersServed_G31() {
    ClientCredentials wrong = ClientCredentials.of(FakeAuthorizationServer.CLIENT_ID, WRONG);
    String[] bad = {""};
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .settings(
                settings ->
                    settings.clientOf(user -> user.equals(bad[0]) ? wrong : FakeBroker.client()))
            .start()) {
      List<String> users = signIn(engine, 30);
      engine.expire();
      bad[0] = "user-0";
      for (String user : users.subList(1, 30)) {
        assertThrows(TokenException.class, () -> engine.get("user-0"));
        engine.get(user);
      }
      assertEquals(1 + 2, engine.server().count("token", "user-0"));
    }
  }

  /** The server's doing, after a while without a request: the first four find out. */
  @Test
  void secretReplacedAtTheServer_atMostFiveRefused_G31() {
    try (EngineFixture engine = engine(TokenStore.inMemory())) {
      List<String> users = signIn(engine, 200);
      engine.expire();
      engine.server().client(FakeAuthorizationServer.CLIENT_ID, WRONG);
      int before = engine.exchanges();

      join(ask(engine, users));

      int refused = engine.exchanges() - before;
      assertTrue(refused <= 5, refused + " refused");
    }
  }

  /** What can't be kept: those under way with a secret that was good a moment ago. */
  @Test
  void secretReplacedAtTheServerWhileManyAreUnderWay_theseAreRefused_noneIsBegun_G31() {
    try (EngineFixture engine = engine(TokenStore.inMemory())) {
      List<String> users = signIn(engine, 200);
      engine.expire();
      engine.get("user-0");
      int before = engine.exchanges();
      try (Gate gate = engine.server().holdRequests("token")) {
        List<CompletableFuture<AccessToken>> all = ask(engine, users.subList(1, 200));
        gate.awaitArrivals(64);
        engine.server().client(FakeAuthorizationServer.CLIENT_ID, WRONG);
        gate.open();
        join(all);
      }
      assertTrue(engine.exchanges() - before <= 64, (engine.exchanges() - before) + " refused");
    }
  }

  @Test
  void pause_restartForgetsNothing_A10() {
    TokenStore store = TokenStore.inMemory();
    try (EngineFixture engine = engine(store)) {
      signIn(engine, 3);
      engine.expire();
      client = ClientCredentials.of(FakeAuthorizationServer.CLIENT_ID, WRONG);
      assertThrows(BrokerConfigurationException.class, () -> engine.get("user-0"));
      assertThrows(BrokerConfigurationException.class, () -> engine.get("user-1"));
      int sent = engine.exchanges();

      try (EngineFixture restarted = engine.another()) {
        BrokerUnavailableException paused =
            assertThrows(BrokerUnavailableException.class, () -> restarted.get("user-2"));
        assertEquals(BrokerUnavailableException.Reason.CLIENT_PAUSED, paused.reason());
        assertEquals(sent, engine.exchanges());

        client = FakeBroker.client();
        restarted.signIn("user-2");
        assertTrue(engine.server().accepts(restarted.get("user-2").value()), "a good secret goes");
      }
    }
  }

  @Test
  void throttled_restartForgetsNothing_N10() {
    try (EngineFixture engine = engine(TokenStore.inMemory())) {
      signIn(engine, 2);
      engine.expire();
      engine
          .server()
          .fail(
              "token",
              Fault.instead(
                  new MockResponse.Builder().code(429).setHeader("Retry-After", "120").build()),
              1);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("user-0"));
      int sent = engine.exchanges();
      engine.clock().jump(Duration.ofSeconds(100));

      try (EngineFixture restarted = engine.another()) {
        BrokerUnavailableException paused =
            assertThrows(BrokerUnavailableException.class, () -> restarted.get("user-1"));
        assertEquals(engine.clock().now().plusSeconds(20), paused.retryAt());
        assertEquals(sent, engine.exchanges());
      }
    }
  }

  @Test
  void wrongSecret_fourProcesses_atMostFiveRefusedInFiveMinutes_A10() {
    TokenStore store = TokenStore.inMemory();
    try (EngineFixture one = engine(store);
        EngineFixture two = one.another();
        EngineFixture three = one.another();
        EngineFixture four = one.another()) {
      List<String> users = signIn(one, 80);
      one.expire();
      client = ClientCredentials.of(FakeAuthorizationServer.CLIENT_ID, WRONG);
      int before = one.exchanges();
      List<EngineFixture> processes = List.of(one, two, three, four);

      List<CompletableFuture<AccessToken>> all =
          IntStream.range(0, 80)
              .mapToObj(i -> processes.get(i % 4).tokens().getAsync(users.get(i)))
              .toList();
      // Who finds no room looks again a little later.
      one.liveUntil(Duration.ofMillis(200), () -> all.stream().allMatch(CompletableFuture::isDone));

      int refused = one.exchanges() - before;
      assertTrue(refused <= 5, refused + " refused");
    }
  }

  @Test
  void storeFailsForBudgets_requestsGoOnAllTheSame() {
    FailingStore store = new FailingStore();
    store.failKind(TokenStore.Kind.BUDGET);
    try (EngineFixture engine = engine(store)) {
      signIn(engine, 1);
      engine.expire();
      client = ClientCredentials.of(FakeAuthorizationServer.CLIENT_ID, WRONG);
      assertThrows(BrokerConfigurationException.class, () -> engine.get("user-0"));
      client = FakeBroker.client();
      assertTrue(engine.server().accepts(engine.get("user-0").value()));
    }
  }

  @Test
  void forget_usersOwnClient_itsBudgetIsForgotten() {
    try (EngineFixture engine = engine(TokenStore.inMemory())) {
      engine.signInWithClient("own-client", "canary-own", "alice");
      engine.expire();
      engine.server().client("own-client", "canary-replaced");
      assertThrows(BrokerConfigurationException.class, () -> engine.get("alice"));
      TokenStore.Key budget =
          new TokenStore.Key(TokenStore.Kind.BUDGET, FakeBroker.NAME, "own-client");
      assertTrue(engine.store().load(budget) != null);

      engine.manager().forget("alice");

      assertTrue(engine.store().load(budget) == null);
    }
  }

  private static EngineFixture signInWithTheirOwnClient(EngineFixture engine, int users) {
    String[] names = IntStream.range(0, users).mapToObj(i -> "user-" + i).toArray(String[]::new);
    engine.signInWithClient("own-client", "canary-own", names);
    engine.expire();
    return engine;
  }

  /** One is under way, to find out whether the server takes the client; the others wait for it. */
  private static List<CompletableFuture<AccessToken>> askOneAfterTheOther(
      EngineFixture restarted, int users, Gate gate) {
    Realm realm = ((ManagedTokenProvider) restarted.tokens()).realm();
    List<CompletableFuture<AccessToken>> asked = new ArrayList<>();
    for (int i = 0; i < users; i++) {
      asked.add(restarted.tokens().getAsync("user-" + i));
      gate.awaitArrivals(1);
      Await.until("all but the first hold no thread", () -> realm.stepsRunning() == 1);
    }
    return asked;
  }

  /** Lets the server answer the request under way with what says nothing of the client. */
  private static void teachNothing(EngineFixture engine) {
    engine.server().fail("token", Fault.json(400, "{\"error\":\"temporarily_unavailable\"}"), 1);
  }

  @Test
  void oneOfManyWithTheSameClientForgotten_theOthersWhoWaitGoOn() {
    try (EngineFixture engine = signInWithTheirOwnClient(engine(TokenStore.inMemory()), 6);
        EngineFixture restarted = engine.another();
        Gate gate = engine.server().holdRequests("token")) {
      List<CompletableFuture<AccessToken>> asked = askOneAfterTheOther(restarted, 6, gate);
      restarted.manager().forget("user-5");
      teachNothing(engine);
      gate.open();
      restarted.liveUntil(
          Duration.ofMillis(200), () -> asked.stream().allMatch(CompletableFuture::isDone));
      asked
          .subList(1, 5)
          .forEach(token -> assertTrue(engine.server().accepts(token.join().value())));
    }
  }

  @Test
  void closedWhileManyWaitForTheFirstAnswer_allAreToldWhenItHasCome() {
    try (EngineFixture engine = engine(TokenStore.inMemory())) {
      List<String> users = signIn(engine, 6);
      engine.expire();
      EngineFixture restarted = engine.another();
      Gate gate = engine.server().holdRequests("token");
      List<CompletableFuture<AccessToken>> asked = askOneAfterTheOther(restarted, 6, gate);
      assertEquals(users.size(), asked.size());
      CompletableFuture<Void> closing = CompletableFuture.runAsync(restarted::close);
      Await.until("it closes", () -> isClosed(restarted));
      teachNothing(engine);
      gate.open();
      closing.orTimeout(20, TimeUnit.SECONDS).join();

      Await.until("all are told", () -> asked.stream().allMatch(CompletableFuture::isDone));
    }
  }

  private static boolean isClosed(EngineFixture engine) {
    try {
      engine.manager().purge();
      return false;
    } catch (BrokerUnavailableException e) {
      return true;
    }
  }
}
