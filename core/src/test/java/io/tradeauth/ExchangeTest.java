package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.TokenLedger;
import io.tradeauth.testing.Wire;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What an exchange does with each of the four answers, by rotation profile (G6). */
class ExchangeTest {

  // Nobody has taken anything

  @Test
  void firewallAnswersInTheServersPlace_busy_thenOneExchangeSucceeds() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.html(403), 1);

      BrokerUnavailableException busy =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));

      assertEquals(BrokerUnavailableException.Reason.BUSY, busy.reason());
      assertEquals(2, engine.exchanges());
      engine.clock().jump(Duration.ofSeconds(6));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  /** A redirect is an answer that took nothing: it is not followed, and the intent taken back. */
  @ParameterizedTest
  @ValueSource(ints = {301, 302, 303, 307, 308})
  void redirected_notFollowed_busy_nothingSpent_thenOneExchangeSucceeds_N12(int status) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      final TokenStore.StoredRecord before = engine.stored("alice");
      engine
          .server()
          .fail(
              "token",
              Fault.instead(
                  new mockwebserver3.MockResponse.Builder()
                      .code(status)
                      .setHeader("Location", engine.server().tokenUri().resolve("/elsewhere"))
                      .build()),
              1);

      BrokerUnavailableException busy =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));

      assertEquals(BrokerUnavailableException.Reason.BUSY, busy.reason());
      assertEquals(2, engine.server().calls().size(), "the sign-in and what was redirected");
      assertNull(engine.stored("alice").intent());
      assertEquals(before.version(), engine.stored("alice").version());
      engine.clock().jump(Duration.between(engine.clock().now(), busy.retryAt()));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  // G6: NONE

  @Test
  void none_answersLost_atMostThreeAttemptsWithBackoff_G6() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 5);

      BrokerUnavailableException lost =
          assertThrows(BrokerUnavailableException.class, () -> engine.getAsTimePasses("alice"));

      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, lost.reason());
      assertEquals(1 + 3, engine.exchanges());
    }
  }

  @Test
  void none_oneAnswerLost_sameGetSucceeds_G6() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);

      AccessToken token = engine.getAsTimePasses("alice");

      assertTrue(engine.server().accepts(token.value()));
      assertEquals(1 + 2, engine.exchanges());
    }
  }

  // G6: LEEWAY

  @Test
  void leeway_answerLost_repeatedInTime_G6() {
    RotationProfile leeway = RotationProfile.leeway(Duration.ofSeconds(30));
    try (EngineFixture engine = EngineFixture.of(leeway).start().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);

      AccessToken token = engine.getAsTimePasses("alice");

      assertTrue(engine.server().accepts(token.value()));
      assertTrue(engine.server().hasSession("alice"));
    }
  }

  // G6: STRICT

  @Test
  void strict_answerLost_nothingForTheHold_thenOneProbe_rotationLostOnce_G6_X3() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);

      BrokerUnavailableException doubt =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, doubt.reason());
      assertEquals(
          engine.clock().now().plusSeconds(60), doubt.retryAt(), "the time to try again is told");

      for (int second = 0; second < 59; second++) {
        engine.clock().advance(Duration.ofSeconds(1));
        assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      }
      assertEquals(2, engine.exchanges(), "nothing is sent inside the hold");

      engine.clock().advance(Duration.ofSeconds(2));
      SignInRequiredException lost =
          assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertEquals(SignInRequiredException.Reason.ROTATION_LOST, lost.reason());
      assertEquals(3, engine.exchanges(), "exactly one probe");

      engine.clock().advance(Duration.ofHours(2));
      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertEquals(3, engine.exchanges(), "and nothing more, ever");
      assertEquals(1, engine.events(TokenEvent.SignInRequired.class).size());
    }
  }

  @Test
  void strict_answerLostBeforeItWasProcessed_probeSucceeds_G6() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.reset(), 1);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));

      engine.clock().jump(Duration.ofSeconds(61));

      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(3, engine.exchanges());
    }
  }

  @Test
  void strict_probesUnclear_oneEachHold_doublingToFiveMinutes_untilDefinite_G6() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.reset(), 1);
      engine.server().fail("token", Fault.html(503), 2);
      engine
          .server()
          .fail(
              "token",
              Fault.instead(new mockwebserver3.MockResponse.Builder().code(429).build()),
              1);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      int sent = engine.exchanges();

      for (long hold : List.of(60, 120, 240)) {
        engine.clock().jump(Duration.ofSeconds(hold - 1));
        assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
        assertEquals(sent, engine.exchanges(), "inside the hold of " + hold + " s");
        engine.clock().jump(Duration.ofSeconds(1));
        assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
        sent++;
        assertEquals(sent, engine.exchanges(), "one probe after the hold of " + hold + " s");
      }
      engine.clock().jump(Duration.ofMinutes(5));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(sent + 1, engine.exchanges());
      assertEquals(1, engine.events(TokenEvent.Recovered.class).size());
    }
  }

  @Test
  void strict_inDoubtWhileTokenLives_tokenServed_noProbeBeforeItsSkewPoint_G6() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      AccessToken inHand = engine.get("alice");
      long life = engine.server().life().toSeconds();
      engine.server().fail("token", Fault.loseAnswer(), 1);
      engine.clock().jump(Duration.ofSeconds(life * 81 / 100));
      assertEquals(inHand, engine.get("alice"));
      Await.until("the renewal is lost", () -> engine.exchanges() == 2);
      Await.until("its failure is known", () -> isFailing(engine));
      engine.settle(); // or the next gets would wait for this very exchange

      engine.clock().jump(Duration.ofSeconds(70));
      assertEquals(inHand, engine.get("alice"));
      engine.settle();
      assertEquals(2, engine.exchanges(), "a probe could end what still works");

      engine.clock().jump(engine.server().life());
      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertEquals(3, engine.exchanges());
    }
  }

  private static boolean isFailing(EngineFixture engine) {
    return !engine.events(TokenEvent.RenewalFailing.class).isEmpty();
  }

  // Definite answers

  @Test
  void refused_userMarked_nothingMoreSent_newSignInHeals_P13() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice", "bob")) {
      engine.expire();
      engine.server().endSessions("alice");

      for (int i = 0; i < 10; i++) {
        assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
        engine.clock().jump(Duration.ofMinutes(1));
      }
      assertEquals(2 + 1, engine.exchanges());
      assertTrue(engine.server().accepts(engine.get("bob").value()));

      engine.signIn("alice");
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void refused_fragile_reuseSuspectedWithFingerprintsOnly_G8() {
    try (EngineFixture engine = EngineFixture.strict()) {
      String refreshToken = engine.server().refreshToken("alice");
      engine.signIn("alice", new Grant.Refresh(refreshToken));
      engine.server().endSessions("alice");
      engine.expire();

      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));

      List<TokenEvent.ReuseSuspected> suspicions = engine.events(TokenEvent.ReuseSuspected.class);
      assertEquals(1, suspicions.size());
      TokenEvent.ReuseSuspected suspicion = suspicions.get(0);
      assertFalse(suspicion.toString().contains("canary"));
      assertEquals(suspicion.sent(), suspicion.stored(), "nobody else has renewed it here");
      assertTrue(suspicion.isOurs());
      assertTrue(suspicion.advice().contains("this instance"));
    }
  }

  @Test
  void refused_fragile_storedByAnotherProcess_whichIsNamed_G8() {
    try (EngineFixture one = EngineFixture.strict();
        EngineFixture two = one.another()) {
      one.signIn("alice");
      one.server().endSessions("alice");
      one.expire();

      assertThrows(SignInRequiredException.class, () -> two.get("alice"));

      TokenEvent.ReuseSuspected suspicion = two.events(TokenEvent.ReuseSuspected.class).get(0);
      assertFalse(suspicion.isOurs());
      assertFalse(suspicion.instance().isEmpty());
      assertTrue(suspicion.advice().contains(suspicion.instance()));
    }
  }

  @ParameterizedTest
  @CsvSource({"false, 59, 0", "true, 59, 0", "false, 61, 1", "true, 61, 1"})
  void refused_fragile_inTheLastMinuteOfItsLife_nobodyIsSuspected_G8(
      boolean idle, int secondsLeft, int suspicions) {
    Duration limit = Duration.ofHours(1);
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(
                broker ->
                    broker.profile(
                        profile -> {
                          if (idle) {
                            profile.refreshIdleLimit(limit);
                          } else {
                            profile.refreshLifeLimit(limit);
                          }
                        }))
            .start()
            .signIn("alice")) {
      engine.server().endSessions("alice");
      engine.clock().jump(limit.minusSeconds(secondsLeft));

      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));

      assertEquals(suspicions, engine.events(TokenEvent.ReuseSuspected.class).size());
    }
  }

  @Test
  void throttled_retryAfterHonoured_N10_G31() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice", "bob")) {
      engine.expire();
      engine
          .server()
          .fail(
              "token",
              Fault.instead(
                  new mockwebserver3.MockResponse.Builder()
                      .code(429)
                      .setHeader("Retry-After", "120")
                      .build()),
              1);

      BrokerUnavailableException busy =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertEquals(engine.clock().now().plusSeconds(120), busy.retryAt());
      int sent = engine.exchanges();

      engine.clock().jump(Duration.ofSeconds(119));
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertThrows(BrokerUnavailableException.class, () -> engine.get("bob"));
      assertEquals(sent, engine.exchanges(), "no call for the client before");

      engine.clock().jump(Duration.ofSeconds(2));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"truncate", "html", "loseAnswer"})
  void anyDoubt_strict_refreshTokenSentOnce_N7_N8(String kind) {
    Fault fault =
        switch (kind) {
          case "truncate" -> Fault.truncate();
          case "html" -> Fault.html(502);
          default -> Fault.loseAnswer();
        };
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", fault, 1);

      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      engine.clock().jump(Duration.ofSeconds(30));
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));

      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void linkDiesInTheMiddle_inDoubtWhenTheTimeIsUp_nobodyIsHeldUp_N15() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .settings(settings -> settings.attemptTimeout(Duration.ofMillis(200)))
            .start()
            .signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.stall(), 1);

      BrokerUnavailableException doubt =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, doubt.reason());

      engine.clock().jump(Duration.ofSeconds(61));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(3, engine.exchanges());
    }
  }

  @Test
  void code_answerLost_neverSentAgain_userMustStartOver_G6() {
    try (EngineFixture engine = EngineFixture.constant()) {
      engine.server().fail("token", Fault.loseAnswer(), 3);

      SignInRequiredException lost =
          assertThrows(
              SignInRequiredException.class,
              () -> engine.signIn("alice", FakeBroker.code(engine.server(), "alice")));

      assertEquals(SignInRequiredException.Reason.CODE_LOST, lost.reason());
      assertEquals(1, engine.exchanges());
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.CODE));
    }
  }

  @Test
  void failedSignIn_whatWasStoredStays() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      AccessToken before = engine.get("alice");

      assertThrows(
          SignInRequiredException.class,
          () -> engine.signIn("alice", new Grant.Refresh("never-issued-canary")));

      assertEquals(before, engine.get("alice"));
      engine.expire();
      assertNotEquals(before, engine.get("alice"));
    }
  }

  // The store

  @Test
  void storeReadOnly_nothingSpent_living_tokenServed_G2() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice")) {
      AccessToken inHand = engine.get("alice");
      store.failWrites(true);
      engine.clock().jump(Duration.ofSeconds(engine.server().life().toSeconds() * 80 / 100));
      for (int i = 0; i < 100; i++) {
        assertEquals(inHand, engine.get("alice"));
      }
      engine.expire();
      for (int i = 0; i < 100; i++) {
        assertThrows(TokenStoreException.class, () -> engine.get("alice"));
      }
      assertEquals(1, engine.exchanges());

      store.failWrites(false);
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void commitFails_tokensServedUnsaved_savedWhenTheStoreHeals_spentTokenNeverSent_G3() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice")) {
      engine.expire();
      store.failCommits(true);

      AccessToken unsaved = engine.getAsTimePasses("alice");

      assertTrue(engine.server().accepts(unsaved.value()));
      assertEquals(1, engine.events(TokenEvent.UnsavedRotation.class).size());
      assertEquals(
          UserStatus.State.UNSAVED, engine.manager().status(FakeBroker.NAME, "alice").state());
      for (int i = 0; i < 50; i++) {
        assertEquals(unsaved, engine.get("alice"));
      }
      store.failCommits(false);
      engine.liveUntil(
          Duration.ofSeconds(1),
          () ->
              engine.manager().status(FakeBroker.NAME, "alice").state()
                  == UserStatus.State.SIGNED_IN);
      engine.expire();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  @Test
  void accessTokenUnusable_refreshTokenSaved_tokenInHandServed_P3_P5() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      AccessToken inHand = engine.get("alice");
      engine
          .server()
          .fail(
              "token",
              Fault.after(
                  answer ->
                      answer
                          .newBuilder()
                          .body(Wire.body(answer).replaceFirst("\"access_token\":\"", "$0\\\\n"))
                          .build()),
              1);
      engine.clock().jump(engine.server().life().minusSeconds(150));
      assertEquals(inHand, engine.tokens().getLasting("alice", Duration.ofMinutes(5)));
      assertEquals(2, engine.exchanges());
      assertEquals(
          BrokerUnavailableException.Reason.UNUSABLE_ANSWER,
          engine.manager().status(FakeBroker.NAME, "alice").lastFailure());

      engine.expire();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  @Test
  void unsavedAtClose_saysWhoMustSignInAgain_C11() {
    FailingStore store = new FailingStore();
    EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice");
    engine.expire();
    store.failCommits(true);
    engine.getAsTimePasses("alice");

    TokenStoreException lost = assertThrows(TokenStoreException.class, engine::close);

    assertTrue(String.valueOf(lost.getMessage()).contains("alice"));
  }
}
