package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What decides when things go wrong: for a user, for a client, for all. */
class FailureTest {

  // G30: still valid always wins

  @Test
  void everyRenewalFails_tokenInHandServed_oneEventPerAttempt_G30() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      AccessToken inHand = engine.get("alice");
      engine.server().fail("token", Fault.html(403), 10_000);
      int before = engine.exchanges();
      engine.clock().jump(engine.server().life().minusSeconds(170));
      for (int i = 0; i < 1_000; i++) {
        engine.clock().advance(Duration.ofMillis(100));
        assertEquals(inHand, engine.get("alice"));
        Await.until("an attempt that began has ended", () -> realm(engine).stepsRunning() == 0);
      }
      Await.until("no step is running", () -> realm(engine).stepsRunning() == 0);
      int attempts = engine.exchanges() - before;
      assertTrue(attempts > 1, "it goes on trying");
      assertTrue(attempts <= 20, attempts + " attempts in 100 s");
      Await.until(
          "one event for each",
          () -> engine.events(TokenEvent.RenewalFailing.class).size() == attempts);
    }
  }

  @Test
  void storeGone_tokenInHandServed_thenTypedFailure_nothingExchanged_G12_X13() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice")) {
      AccessToken inHand = engine.get("alice");
      store.failReads(true);
      store.failWrites(true);
      engine.clock().jump(engine.server().life().minusSeconds(100));
      for (int i = 0; i < 100; i++) {
        assertEquals(inHand, engine.get("alice"));
      }
      engine.expire();
      assertThrows(TokenStoreException.class, () -> engine.get("alice"));
      assertEquals(1, engine.exchanges());
      engine.settle();
      store.failReads(false);
      store.failWrites(false);
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  // G29: one dead user among good ones

  @Test
  void deadUserAskedForTenMinutes_atMostThreeExchanges_othersAreServed_afterRestartNone_G29() {
    try (EngineFixture engine = EngineFixture.strict()) {
      List<String> users = IntStream.range(0, 1_000).mapToObj(i -> "user-" + i).toList();
      users.forEach(engine::signIn);
      users.forEach(engine::get);
      engine.server().endSessions("user-0");
      engine.expire();
      for (int second = 0; second < 600; second++) {
        // Or many seconds go by while a busy machine starts one exchange.
        engine.live(Duration.ofSeconds(1));
        for (int call = 0; call < 100; call++) {
          assertThrows(SignInRequiredException.class, () -> engine.get("user-0"));
        }
        AccessToken good = engine.get(users.get(1 + second % 999));
        assertTrue(good.expiresAt().isAfter(engine.clock().now()));
      }
      assertTrue(engine.server().count("token", "user-0") <= 1 + 3);

      int before = engine.server().count("token", "user-0");
      try (EngineFixture restarted = engine.another()) {
        assertThrows(SignInRequiredException.class, () -> restarted.get("user-0"));
      }
      assertEquals(before, engine.server().count("token", "user-0"));
    }
  }

  // G31: token-endpoint budget and ban guard

  @Test
  void clientSecretWrong_thousandUsers_twoPosts_thenOnePerFiveMinutes_G31_P14_O4()
      throws Exception {
    WrongSecret run = new WrongSecret();
    try (EngineFixture engine = run.engine) {
      List<String> users = IntStream.range(0, 1_000).mapToObj(i -> "user-" + i).toList();
      int before = engine.exchanges();

      List<CompletableFuture<AccessToken>> asked =
          users.stream().map(user -> engine.tokens().getAsync(user)).toList();
      int refused = 0;
      int paused = 0;
      for (CompletableFuture<AccessToken> future : asked) {
        Throwable failure = assertThrows(ExecutionException.class, future::get).getCause();
        if (failure instanceof BrokerConfigurationException) {
          refused++;
        } else {
          BrokerUnavailableException unavailable =
              assertInstanceOf(BrokerUnavailableException.class, failure);
          assertEquals(BrokerUnavailableException.Reason.CLIENT_PAUSED, unavailable.reason());
          assertEquals(engine.clock().now().plus(Duration.ofMinutes(5)), unavailable.retryAt());
          paused++;
        }
      }
      assertEquals(2, engine.exchanges() - before);
      assertEquals(2, refused);
      assertEquals(998, paused);

      for (int minute = 0; minute < 60; minute++) {
        engine.clock().jump(Duration.ofMinutes(1));
        for (int i = 0; i < 20; i++) {
          String user = users.get((minute * 20 + i) % 1_000);
          assertThrows(TokenException.class, () -> engine.get(user));
        }
      }
      int inAnHour = engine.exchanges() - before - 2;
      assertTrue(inAnHour >= 11 && inAnHour <= 12, inAnHour + " in an hour");

      run.client = FakeBroker.client();
      engine.clock().jump(Duration.ofMinutes(5));
      assertTrue(engine.server().accepts(engine.get("user-3").value()), "no user was marked");
      assertTrue(engine.server().accepts(engine.get("user-4").value()));
    }
  }

  /** A thousand users whose tokens have ended, and a client whose secret is wrong. */
  private static final class WrongSecret {

    volatile ClientCredentials client = FakeBroker.client();
    final EngineFixture engine;

    WrongSecret() {
      EngineFixture first =
          EngineFixture.of(RotationProfile.NONE)
              .settings(settings -> settings.client(() -> client))
              .start();
      for (int i = 0; i < 1_000; i++) {
        String user = "user-" + i;
        first.signIn(user);
      }
      first.expire();
      // A process that has just started: it knows nothing of the client.
      engine = first.another();
      client = ClientCredentials.of(FakeAuthorizationServer.CLIENT_ID, "canary-another-secret");
    }
  }

  @Test
  void clientFails_onlyWhileUnproven_oneAtATime() {
    try (EngineFixture engine = EngineFixture.constant()) {
      List<CompletableFuture<Void>> signIns = new ArrayList<>();
      try (Gate gate = engine.server().holdAnswers("token")) {
        for (int i = 0; i < 8; i++) {
          String user = "user-" + i;
          signIns.add(CompletableFuture.runAsync(() -> engine.signIn(user)));
        }
        gate.awaitArrivals(1);
        assertEquals(1, gate.arrivals());
      }
      signIns.forEach(CompletableFuture::join);
    }
  }

  // G32: revocation blast radius

  @Test
  void revokeThatReachesAllUsers_refusedWithTheirNames_signOutIsLocal_G32() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .broker(broker -> broker.revokes(SignOut.Reach.CLIENT))
            .start()
            .signIn("alice", "bob", "carol")) {
      BrokerConfigurationException refused =
          assertThrows(
              BrokerConfigurationException.class,
              () -> engine.manager().revoke(FakeBroker.NAME, "alice"));
      assertTrue(String.valueOf(refused.getMessage()).contains("[alice, bob, carol]"));
      assertEquals(0, engine.server().count("revoke"));

      engine.signOut("alice");
      assertEquals(0, engine.server().count("revoke"));
      engine.expire();
      assertTrue(engine.server().accepts(engine.get("bob").value()));
      assertTrue(engine.server().accepts(engine.get("carol").value()));

      assertTrue(engine.manager().revokeForAllUsersOfTheClient(FakeBroker.NAME, "bob"));
      assertEquals(1, engine.server().count("revoke"));
    }
  }

  @Test
  void signOut_reachOfOneUser_sessionEndsAtTheBroker() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .broker(broker -> broker.revokes(SignOut.Reach.USER))
            .start()
            .signIn("alice", "bob")) {
      engine.signOut("alice");
      assertEquals(1, engine.server().count("revoke"));
      assertFalse(engine.server().hasSession("alice"));
      assertTrue(engine.server().hasSession("bob"));
    }
  }

  // What the manager tells

  @Test
  void forget_leavesNoTrace() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice", "bob")) {
      engine.manager().forget("alice");

      assertEquals(List.of("bob"), engine.manager().users(FakeBroker.NAME));
      assertEquals(
          UserStatus.State.NEVER_SIGNED_IN,
          engine.manager().status(FakeBroker.NAME, "alice").state());
      for (TokenStore.Kind kind : TokenStore.Kind.values()) {
        assertFalse(
            engine.store().list(kind, FakeBroker.NAME).stream()
                .anyMatch(label -> label.key().subject().equals("alice")));
      }
      engine.manager().forget("alice");
      engine.manager().forget("nobody");
    }
  }

  @Test
  void status_eachState() {
    try (EngineFixture engine = EngineFixture.strict()) {
      assertState(engine, UserStatus.State.NEVER_SIGNED_IN);
      assertFalse(engine.manager().isSignedIn(FakeBroker.NAME, "alice"));
      engine.signIn("alice");
      assertState(engine, UserStatus.State.SIGNED_IN);
      assertTrue(engine.manager().isSignedIn(FakeBroker.NAME, "alice"));
      engine.expire();
      engine.server().fail("token", Fault.html(403), 1);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertState(engine, UserStatus.State.RENEWAL_FAILING);
      assertEquals(
          BrokerUnavailableException.Reason.BUSY,
          engine.manager().status(FakeBroker.NAME, "alice").lastFailure());
      engine.server().endSessions("alice");
      engine.clock().jump(Duration.ofSeconds(10));
      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertState(engine, UserStatus.State.SIGN_IN_REQUIRED);
      assertFalse(engine.manager().isSignedIn(FakeBroker.NAME, "alice"));
      engine.signOut("alice");
      assertState(engine, UserStatus.State.SIGNED_OUT);
      engine.clock().jump(Duration.ofHours(23));
      assertEquals(0, engine.manager().purge());
      assertState(engine, UserStatus.State.SIGNED_OUT);
      engine.clock().jump(Duration.ofHours(2));
      assertEquals(1, engine.manager().purge());
      assertState(engine, UserStatus.State.NEVER_SIGNED_IN);
    }
  }

  private static void assertState(EngineFixture engine, UserStatus.State state) {
    UserStatus status = engine.manager().status(FakeBroker.NAME, "alice");
    assertEquals(state, status.state());
    assertFalse(status.toString().contains("canary-r"));
  }

  @Test
  void awaitSignIn_signedInElsewhere_returns() throws Exception {
    try (EngineFixture engine = EngineFixture.strict();
        EngineFixture other = engine.another()) {
      CompletableFuture<Void> waiting =
          CompletableFuture.runAsync(
              () -> engine.manager().awaitSignIn(FakeBroker.NAME, "alice", Duration.ofSeconds(30)));
      other.signIn("alice");
      engine.liveUntil(Duration.ofMillis(100), waiting::isDone);
      waiting.get();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void awaitSignIn_nobodyComes_typedFailure() {
    try (EngineFixture engine = EngineFixture.strict()) {
      assertThrows(
          BrokerUnavailableException.class,
          () -> engine.manager().awaitSignIn(FakeBroker.NAME, "alice", Duration.ofMillis(1)));
    }
  }

  @Test
  void preload_expiredUsers_renewedAtAPace_foregroundFirst_G13() {
    try (EngineFixture engine = EngineFixture.strict()) {
      List<String> users = IntStream.range(0, 60).mapToObj(i -> "user-" + i).toList();
      users.forEach(engine::signIn);
      engine.expire();
      try (EngineFixture started = engine.another()) {
        int before = started.exchanges();
        CompletableFuture<Void> loaded = started.manager().preload(FakeBroker.NAME, users);
        Await.until("the first is done", () -> realm(started).stepsRunning() == 0);
        assertTrue(started.exchanges() - before <= 16);

        assertTrue(started.server().accepts(started.get("user-59").value()));
        assertTrue(started.exchanges() - before <= 17, "it has jumped the queue");

        Instant start = started.clock().now();
        started.liveUntil(Duration.ofMillis(10), loaded::isDone);
        assertEquals(60, started.exchanges() - before);
        assertTrue(
            Duration.between(start, started.clock().now()).compareTo(Duration.ofMillis(1_100)) >= 0,
            "50 a second");
      }
    }
  }

  private static Realm realm(EngineFixture engine) {
    return ((ManagedTokenProvider) engine.tokens()).realm();
  }

  @Test
  void secondPersonAtTheBroker_refused_unlessAllowed() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE).broker(FakeBroker::probe).start()) {
      engine.signIn("alice");
      AccessToken alices = engine.get("alice");

      SignInRequiredException refused =
          assertThrows(
              SignInRequiredException.class,
              () -> engine.signIn("alice", FakeBroker.grant(engine.server(), "bob")));
      assertEquals(SignInRequiredException.Reason.DIFFERENT_ACCOUNT, refused.reason());
      assertEquals(alices, engine.get("alice"));

      engine
          .manager()
          .signInAsAnyone(FakeBroker.NAME, "alice", FakeBroker.grant(engine.server(), "bob"));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void validate_alive_profileKept_whileNoExchangeIsDisturbed() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).broker(FakeBroker::probe).start()) {
      engine.signIn("alice");
      assertInstanceOf(
          ProbeAnswer.Alive.class, engine.manager().validate(FakeBroker.NAME, "alice"));
      UserStatus status = engine.manager().status(FakeBroker.NAME, "alice");
      assertEquals(engine.clock().now(), status.validatedAt());
      engine.expire();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void validate_storeRefusesTheProfile_nextRenewalIsNotHeldUp() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(FakeBroker::probe)
            .store(store)
            .start()
            .signIn("alice")) {
      engine.get("alice");
      store.failCommits(true);
      assertThrows(
          TokenStoreException.class, () -> engine.manager().validate(FakeBroker.NAME, "alice"));
      store.failCommits(false);
      engine.expire();

      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void anotherClientIdThanAtSignIn_signInRequired_nothingSent() {
    List<ClientCredentials> client = new ArrayList<>(List.of(FakeBroker.client()));
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .settings(settings -> settings.client(() -> client.get(0)))
            .start()
            .signIn("alice")) {
      client.set(0, ClientCredentials.of("another-client", "canary-another"));
      engine.expire();
      SignInRequiredException changed =
          assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertEquals(SignInRequiredException.Reason.CLIENT_CHANGED, changed.reason());
      assertEquals(1, engine.exchanges());

      client.set(0, FakeBroker.client());
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void holdShorterThanAnExchange_refusedWhenBuilt_withTheNumbers() {
    IllegalArgumentException tooShort =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                EngineFixture.of(RotationProfile.STRICT)
                    .settings(settings -> settings.hold(Duration.ofSeconds(49)))
                    .start());
    assertTrue(String.valueOf(tooShort.getMessage()).contains("PT50S"));
  }
}
