package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.Racers;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** One exchange at a time for each login, whoever asks, and what that costs the others. */
class SingleFlightTest {

  private final ExecutorService callers = Executors.newCachedThreadPool();

  @AfterEach
  void stop() {
    callers.shutdownNow();
  }

  // G7: the refresh outlives its caller

  @Test
  void allCallersInterrupted_exchangeCompletes_nextGetSendsNothing_G7_C4() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      List<Thread> threads = new ArrayList<>();
      AtomicInteger interrupted = new AtomicInteger();
      try (Gate gate = engine.server().holdAnswers("token")) {
        CountDownLatch started = new CountDownLatch(50);
        for (int i = 0; i < 50; i++) {
          Thread thread =
              new Thread(
                  () -> {
                    started.countDown();
                    try {
                      engine.get("alice");
                    } catch (TokenWaitInterruptedException e) {
                      if (Thread.currentThread().isInterrupted()) {
                        interrupted.incrementAndGet();
                      }
                    }
                  });
          thread.start();
          threads.add(thread);
        }
        started.await();
        gate.awaitArrivals(1);
        threads.forEach(Thread::interrupt);
        for (Thread thread : threads) {
          thread.join();
        }
      }
      assertEquals(50, interrupted.get(), "each is told, and its flag is set again");
      Await.until("the tokens are saved", () -> engine.tokens().peek("alice").isPresent());
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void futureCancelled_othersGetTheToken_C5() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      CompletableFuture<AccessToken> cancelled;
      CompletableFuture<AccessToken> patient;
      try (Gate gate = engine.server().holdAnswers("token")) {
        cancelled = engine.tokens().getAsync("alice");
        patient = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        cancelled.cancel(true);
      }
      assertTrue(engine.server().accepts(patient.join().value()));
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void callerWaitsTooLong_typedFailure_exchangeGoesOn() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .settings(settings -> settings.maxWait(Duration.ofMillis(1)))
            .start()) {
      CompletableFuture.runAsync(() -> engine.signIn("alice")).join();
      engine.expire();
      try (Gate gate = engine.server().holdAnswers("token")) {
        BrokerUnavailableException tooLong =
            assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
        assertEquals(BrokerUnavailableException.Reason.WAITED_TOO_LONG, tooLong.reason());
        gate.awaitArrivals(1);
      }
      Await.until("it goes on", () -> engine.tokens().peek("alice").isPresent());
      assertEquals(2, engine.exchanges());
    }
  }

  // G9: single flight over every entry point

  @Test
  void tokensEnded_thousandCallers_mixedEntryPoints_fiftyExchanges_G9_C1() throws Exception {
    try (EngineFixture engine = EngineFixture.strict()) {
      List<String> users = fiftyUsers(engine);
      List<AccessToken> old = users.stream().map(engine::get).toList();
      int before = engine.exchanges();
      engine.expire();

      together(1_000, i -> enter(engine, i / 50, users.get(i % 50), old.get(i % 50)));

      engine.live(Duration.ofSeconds(10));
      assertEquals(50, engine.exchanges() - before);
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  /** Here the manager itself has begun to renew all of them, one after the other. */
  @Test
  void tokensDue_renewedInTheBackground_thousandCallersMeet_fiftyExchanges_G9_C1()
      throws Exception {
    try (EngineFixture engine = EngineFixture.strict()) {
      List<String> users = fiftyUsers(engine);
      List<AccessToken> old = users.stream().map(engine::get).toList();
      int before = engine.exchanges();
      engine.clock().jump(engine.server().life().minusSeconds(100));
      engine.settle();
      int begun = engine.exchanges() - before;
      assertEquals(50, realm(engine).flightsUnderWay() + begun);
      assertTrue(begun < 50, "some wait for their turn");

      together(1_000, i -> enter(engine, i / 50, users.get(i % 50), old.get(i % 50)));

      engine.live(Duration.ofSeconds(10));
      assertEquals(50, engine.exchanges() - before);
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  private static List<String> fiftyUsers(EngineFixture engine) {
    List<String> users = IntStream.range(0, 50).mapToObj(i -> "user-" + i).toList();
    users.forEach(engine::signIn);
    return users;
  }

  private static AccessToken enter(
      EngineFixture engine, int entry, String user, AccessToken rejected) throws Exception {
    TokenProvider tokens = engine.tokens();
    return switch (entry % 7) {
      case 0 -> tokens.get(user);
      case 1 -> tokens.getInsteadOf(user, rejected);
      case 2 -> tokens.getLasting(user, Duration.ofMinutes(2));
      case 3 -> tokens.forUser(user).get();
      case 4 -> tokens.renew(user);
      case 5 -> {
        engine.manager().preload(FakeBroker.NAME, List.of(user)).get();
        yield tokens.get(user);
      }
      default -> tokens.getAsync(user).get();
    };
  }

  @Test
  void renewedTogether_allGetTheSameToken_orTheSameFailureInTheirOwnException_C12()
      throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      Set<AccessToken> got = new HashSet<>();
      for (Future<AccessToken> future : together(64, i -> engine.get("alice"))) {
        got.add(future.get());
      }
      assertEquals(1, got.size());

      engine.server().fail("token", Fault.html(403), 1);
      Set<Throwable> failures = new HashSet<>();
      Set<Throwable> causes = new HashSet<>();
      int before = engine.exchanges();
      try (Gate gate = engine.server().holdAnswers("token")) {
        engine.expire(); // not before: a round would renew
        List<CompletableFuture<AccessToken>> waiting =
            IntStream.range(0, 8).mapToObj(i -> engine.tokens().getAsync("alice")).toList();
        gate.awaitArrivals(1);
        gate.open();
        for (CompletableFuture<AccessToken> future : waiting) {
          Throwable failure = assertThrows(ExecutionException.class, future::get).getCause();
          failures.add(failure);
          causes.add(failure.getCause());
        }
      }
      assertEquals(8, failures.size(), "each waiter its own exception");
      assertEquals(1, causes.size(), "with one cause");
      assertEquals(1, engine.exchanges() - before);
    }
  }

  // G10: readers of a valid token never wait

  @Test
  void otherUsersExchangeHangs_readersAreServed_G10_C2() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice", "bob")) {
      AccessToken alice = engine.get("alice");
      AccessToken bob = engine.get("bob");
      try (Gate gate = engine.server().holdAnswers("token")) {
        // First, or the token may still be taken for what the renewal has brought.
        engine.clock().jump(Duration.ofSeconds(6));
        CompletableFuture<AccessToken> renewal =
            CompletableFuture.supplyAsync(() -> engine.tokens().renew("alice"), callers);
        Await.until("a renewal may begin", () -> renewalBegan(engine, gate));
        for (int i = 0; i < 10_000; i++) {
          assertSame(alice, engine.get("alice"));
          assertSame(bob, engine.get("bob"));
        }
        assertFalse(renewal.isDone() && gate.arrivals() > 0);
        gate.open();
        renewal.get();
      }
    }
  }

  private static boolean renewalBegan(EngineFixture engine, Gate gate) {
    if (gate.arrivals() == 0) {
      engine.tokens().getAsync("bob");
    }
    return gate.arrivals() > 0 || engine.exchanges() > 2;
  }

  // G30: what hangs is in nobody's way who has a good token in the store

  @Test
  void asManyExchangesHangAsMayRun_storedTokensAreServed_theNextExchangeWaits_G30_C2() {
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .manager(manager -> manager.maximumExchanges(4, 100))
                .start();
        EngineFixture other = engine.another()) {
      List<String> users = IntStream.range(0, 5).mapToObj(i -> "user-" + i).toList();
      users.forEach(engine::signIn);
      engine.expire();
      other.signIn("xenia"); // proves the client, so that many may ask at once
      engine.signIn("zoe", "yves");
      int before = other.exchanges();
      try (Gate gate = engine.server().holdAnswers("token")) {
        List<CompletableFuture<AccessToken>> hanging =
            users.stream().map(user -> other.tokens().getAsync(user)).toList();
        gate.awaitArrivals(4);

        assertTrue(engine.server().accepts(other.get("zoe").value()));
        other.manager().preload(FakeBroker.NAME, List.of("yves"));
        assertTrue(engine.server().accepts(other.get("yves").value()));
        assertEquals(4, gate.arrivals());

        gate.open();
        hanging.forEach(future -> assertTrue(engine.server().accepts(future.join().value())));
      }
      assertEquals(5, other.exchanges() - before);
    }
  }

  @Test
  void asManyExchangesHangAsMayRun_whatAnotherProcessSavesMeanwhileIsServed_G30() {
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .manager(manager -> manager.maximumExchanges(1, 100))
                .start()
                .signIn("zoe", "yves");
        EngineFixture other = engine.another()) {
      TokenStore store = engine.store();
      TokenStore.Key zoe = new TokenStore.Key(TokenStore.Kind.LOGIN, FakeBroker.NAME, "zoe");
      TokenStore.Content ended = store.load(zoe).content();
      engine.expire();
      AccessToken renewed = other.get("zoe");
      TokenStore.Content fresh = store.load(zoe).content();
      TokenStore.Version before = store.supersede(zoe, ended);
      store.begin(zoe, before, new TokenStore.Intent("theirs", "another", "Refresh"), null);
      try (Gate gate = engine.server().holdAnswers("token")) {
        engine.tokens().getAsync("yves");
        gate.awaitArrivals(1);
        CompletableFuture<AccessToken> zoes = engine.tokens().getAsync("zoe");
        Await.until("it waits for the other", () -> realm(engine).stepsRunning() == 1);

        store.commit(zoe, before, fresh);
        Await.until(
            "it has looked again",
            () -> {
              engine.advance(Duration.ofMillis(10));
              return zoes.isDone();
            });

        assertEquals(renewed, zoes.join());
        assertEquals(1, gate.arrivals());
      }
    }
  }

  private static Realm realm(EngineFixture engine) {
    return ((ManagedTokenProvider) engine.tokens()).realm();
  }

  // G22: minimum life per request

  @Test
  void ninetySecondsLeft_whoAsksFor300Waits_whoAsksFor30DoesNot_oneExchange_G22() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      AccessToken old = engine.get("alice");
      CompletableFuture<AccessToken> streaming;
      try (Gate gate = engine.server().holdAnswers("token")) {
        engine.clock().jump(engine.server().life().minusSeconds(90));
        streaming =
            CompletableFuture.supplyAsync(
                () -> engine.tokens().getLasting("alice", Duration.ofSeconds(300)), callers);
        gate.awaitArrivals(1);
        assertEquals(old, engine.tokens().getLasting("alice", Duration.ofSeconds(30)));
        assertEquals(old, engine.get("alice"));
      }
      assertNotEquals(old, streaming.get());
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void lasting_renewalImpossible_tokenInHandServed_G22() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      AccessToken old = engine.get("alice");
      engine.server().fail("token", Fault.html(403));
      engine.clock().jump(engine.server().life().minusSeconds(150));

      assertEquals(old, engine.tokens().getLasting("alice", Duration.ofSeconds(300)));
    }
  }

  // Sign-out and sign-in while an exchange is under way

  @Test
  void signedOutDuringExchange_answerDropped_waiterMustSignIn_C9() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      CompletableFuture<AccessToken> waiting;
      try (Gate gate = engine.server().holdAnswers("token")) {
        waiting = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        engine.signOut("alice");
        Throwable failure = assertThrows(ExecutionException.class, waiting::get).getCause();
        assertEquals(
            SignInRequiredException.Reason.SIGNED_OUT, ((TokenException) failure).reason());
      }
      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertTrue(engine.tokens().peek("alice").isEmpty());
    }
  }

  @Test
  void signedInDuringExchange_newLoginWins_waiterGetsItsToken_C10() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      CompletableFuture<AccessToken> waiting;
      try (Gate gate = engine.server().holdAnswers("token")) {
        waiting = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        CompletableFuture<Void> signingIn =
            CompletableFuture.runAsync(() -> engine.signIn("alice"), callers);
        gate.awaitArrivals(2);
        gate.open();
        signingIn.get();
      }
      AccessToken newest = engine.get("alice");
      assertTrue(engine.server().accepts(newest.value()));
      assertTrue(engine.server().accepts(waiting.get().value()));
      engine.expire();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  // Nothing left behind

  /** A token and its end are published together, and are of one set. */
  @Test
  void readersDuringManyRenewals_tokenAndItsEndAreOfOneSet_C14() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice");
        Racers readers = new Racers(4)) {
      Map<String, Instant> issued = new ConcurrentHashMap<>();
      AtomicBoolean over = new AtomicBoolean();
      UserTokens handle = engine.tokens().forUser("alice");
      List<Future<Map<String, Instant>>> running =
          readers.start(
              racer -> {
                Map<String, Instant> seen = new HashMap<>();
                while (!over.get()) {
                  AccessToken token = racer % 2 == 0 ? handle.get() : engine.get("alice");
                  Instant before = seen.put(token.value(), token.expiresAt());
                  assertTrue(before == null || before.equals(token.expiresAt()));
                }
                return seen;
              });
      for (int i = 0; i < 200; i++) {
        AccessToken token = engine.tokens().renew("alice");
        issued.put(token.value(), token.expiresAt());
        engine.clock().jump(Duration.ofSeconds(6));
      }
      over.set(true);

      for (Map<String, Instant> seen : Racers.results(running)) {
        seen.forEach((token, end) -> assertEquals(issued.getOrDefault(token, end), end));
      }
      assertEquals(200, new HashSet<>(issued.values()).size());
    }
  }

  @Test
  void unknownUsers_leaveNothingBehind_A9() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      for (int i = 0; i < 1_000; i++) {
        String nobody = "nobody-" + i;
        SignInRequiredException unknown =
            assertThrows(SignInRequiredException.class, () -> engine.get(nobody));
        assertEquals(SignInRequiredException.Reason.NOT_SIGNED_IN, unknown.reason());
      }
      ManagedTokenProvider provider = (ManagedTokenProvider) engine.tokens();
      assertEquals(1, provider.cachedUsers());
      assertEquals(0, provider.realm().flightsUnderWay());
      assertEquals(1, engine.exchanges());
    }
  }

  @Test
  void cacheOfOne_thousandUsers_handlesAndGetsMixed_oneExchangePerExpiry() throws Exception {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .manager(manager -> manager.maximumCachedUsers(1))
            .start()) {
      int count = 200;
      List<String> users = IntStream.range(0, count).mapToObj(i -> "user-" + i).toList();
      users.forEach(engine::signIn);
      List<UserTokens> handles = users.stream().map(engine.tokens()::forUser).toList();
      for (int expiry = 1; expiry <= 3; expiry++) {
        int before = engine.exchanges();
        engine.expire();
        together(
            4 * count,
            i -> i % 2 == 0 ? engine.get(users.get(i % count)) : handles.get(i % count).get());
        assertEquals(count, engine.exchanges() - before);
      }
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  // What goes wrong inside

  private static boolean isLogin(Object key) {
    return ((TokenStore.Key) key).kind() == TokenStore.Kind.LOGIN;
  }

  @Test
  void storeAsksForTheTokenItIsAskedToSave_typedRefusal_noDeadlock_C7() {
    List<TokenException> refused = new ArrayList<>();
    List<EngineFixture> self = new ArrayList<>();
    TokenStore nosy =
        (TokenStore)
            java.lang.reflect.Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {TokenStore.class},
                new java.lang.reflect.InvocationHandler() {
                  private final TokenStore store = TokenStore.inMemory();

                  @Override
                  public Object invoke(
                      Object proxy, java.lang.reflect.Method method, Object[] arguments)
                      throws Throwable {
                    boolean begin = method.getName().equals("begin");
                    if (begin && isLogin(arguments[0]) && !self.isEmpty()) {
                      try {
                        self.get(0).get("alice");
                      } catch (TokenException e) {
                        refused.add(e);
                      }
                    }
                    return method.invoke(store, arguments);
                  }
                });
    try (EngineFixture engine = EngineFixture.of(RotationProfile.STRICT).store(nosy).start()) {
      engine.signIn("alice");
      engine.expire();
      self.add(engine);
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(1, refused.size());
      assertEquals(BrokerConfigurationException.Reason.UNSUPPORTED, refused.get(0).reason());
    }
  }

  @Test
  void errorInsideAnExchange_nobodyIsBlockedForEver_C13() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .settings(
                settings ->
                    settings.clientOf(
                        new java.util.function.Function<String, ClientCredentials>() {
                          private int calls;

                          @Override
                          public ClientCredentials apply(String user) {
                            calls++;
                            if (calls == 4) {
                              throw new StackOverflowError("the test says so");
                            }
                            return FakeBroker.client();
                          }
                        }))
            .start()
            .signIn("alice")) {
      engine.expire();
      assertThrows(
          TokenException.class,
          () -> {
            for (int i = 0; i < 3; i++) {
              engine.get("alice");
              engine.expire();
            }
          });
      engine.expire();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void applicationsExecutorRejects_exchangeRunsAllTheSame() {
    ExecutorService small = Executors.newSingleThreadExecutor();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .manager(manager -> manager.executor(small))
            .start()
            .signIn("alice")) {
      engine.expire();
      small.shutdown();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void listenerBlocksThrowsAndCallsBack_getIsNotDelayed_C6() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .manager(manager -> manager.callbackExecutor(callers))
            .start()) {
      engine
          .manager()
          .on(
              TokenEvent.Renewed.class,
              event -> {
                engine.get("alice");
                assertDoesNotThrow(() -> release.await());
                throw new IllegalStateException("the test says so");
              });
      engine.signIn("alice");
      for (int i = 0; i < 3; i++) {
        engine.expire();
        assertTrue(engine.server().accepts(engine.get("alice").value()));
      }
      release.countDown();
    }
  }

  @Test
  void closed_getsFromMemoryGoOn_everythingElseFailsTyped() {
    EngineFixture engine = EngineFixture.strict().signIn("alice");
    AccessToken token = engine.get("alice");
    engine.close();

    assertSame(token, engine.get("alice"));
    BrokerUnavailableException closed =
        assertThrows(BrokerUnavailableException.class, () -> engine.get("bob"));
    assertEquals(BrokerUnavailableException.Reason.CLOSED, closed.reason());
  }

  @Test
  void handle_survivesSignOutAndSignIn() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      UserTokens alice = engine.tokens().forUser("alice");
      AccessToken before = alice.get();
      engine.signOut("alice");
      assertThrows(SignInRequiredException.class, alice::get);
      engine.signIn("alice");
      assertNotSame(before, alice.get());
      assertEquals(engine.get("alice"), alice.get());
    }
  }

  /** Something each of many callers does. */
  private interface Caller {
    AccessToken call(int number) throws Exception;
  }

  private List<Future<AccessToken>> together(int count, Caller caller) throws Exception {
    CyclicBarrier start = new CyclicBarrier(count);
    List<Callable<AccessToken>> calls = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int number = i;
      calls.add(
          () -> {
            start.await();
            return caller.call(number);
          });
    }
    List<Future<AccessToken>> futures = callers.invokeAll(calls);
    for (Future<AccessToken> future : futures) {
      future.get();
    }
    return futures;
  }
}
