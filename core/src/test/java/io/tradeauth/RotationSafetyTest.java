package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.Racers;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever fails around an answer, a rotated refresh token is kept and a spent one not sent. */
class RotationSafetyTest {

  private static final Duration TICK = Duration.ofMillis(100);
  private static final TokenStore.Key ALICE =
      new TokenStore.Key(TokenStore.Kind.LOGIN, FakeBroker.NAME, "alice");

  private static final Fault REFUSED = Fault.json(400, "{\"error\":\"invalid_grant\"}");

  private final FailingStore store = new FailingStore();

  private EngineFixture strict() {
    return EngineFixture.of(RotationProfile.STRICT).store(store).start();
  }

  private static TokenStoreException full() {
    return new TokenStoreException(TokenStoreException.Reason.WRITE_FAILED, "full", null);
  }

  private static void assertSessionLives(EngineFixture engine) {
    engine.expire();
    CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
    engine.liveUntil(TICK, got::isDone);
    assertTrue(engine.server().accepts(got.join().value()));
    engine.live(Duration.ofSeconds(3)); // for the other process that waits for this one
    assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
  }

  /** Whoever asks while the new tokens are being saved sees nothing of them. */
  @Test
  void commitTakesLong_nobodySeesTheNewTokenBefore_G4_P8() {
    CountDownLatch saving = new CountDownLatch(1);
    CountDownLatch saved = new CountDownLatch(1);
    try (EngineFixture engine = strict().signIn("alice");
        EngineFixture other = engine.another();
        Racers readers = new Racers(8)) {
      engine.clock().jump(Duration.ofSeconds(6));
      AccessToken inHand = engine.get("alice");
      store.beforeNextCommit(
          () -> {
            saving.countDown();
            Await.forLatch(saved);
          });
      Future<AccessToken> renewal = readers.go(racer -> engine.tokens().renew("alice"));
      Await.forLatch(saving);

      List<Boolean> all =
          readers.race(
              racer -> {
                EngineFixture mine = racer % 2 == 0 ? engine : other;
                boolean old = true;
                for (int i = 0; i < 125; i++) {
                  old &= mine.get("alice").equals(inHand);
                  old &= mine.tokens().getAsync("alice").join().equals(inHand);
                  old &= mine.tokens().peek("alice").orElseThrow().equals(inHand);
                }
                return old;
              });

      assertFalse(all.contains(false), "a token was seen that was not stored");
      saved.countDown();
      assertTrue(engine.server().accepts(Racers.result(renewal).value()));
    }
  }

  @Test
  void commitTakesLong_noTokenInHand_everybodyWaitsForIt_G4_P8() {
    CountDownLatch saving = new CountDownLatch(1);
    CountDownLatch saved = new CountDownLatch(1);
    try (EngineFixture engine = strict().signIn("alice")) {
      engine.expire();
      store.beforeNextCommit(
          () -> {
            saving.countDown();
            Await.forLatch(saved);
          });
      CompletableFuture<AccessToken> first = engine.tokens().getAsync("alice");
      Await.forLatch(saving);
      CompletableFuture<AccessToken> late = engine.tokens().getAsync("alice");

      assertTrue(engine.tokens().peek("alice").isEmpty());
      assertFalse(first.isDone() || late.isDone(), "a token was given that was not stored");

      saved.countDown();
      assertEquals(Racers.result(first), Racers.result(late));
      assertTrue(engine.server().accepts(late.join().value()));
    }
  }

  @Test
  void errorInsideTheCommit_rotatedTokensKeptAndServed_C13() {
    try (EngineFixture engine = strict().signIn("alice")) {
      store.failNextCommit(new NoClassDefFoundError("a driver's class"));
      engine.expire();

      assertTrue(engine.server().accepts(engine.get("alice").value()));

      assertEquals(1, engine.events(TokenEvent.UnsavedRotation.class).size());
      engine.live(Duration.ofSeconds(6));
      assertEquals(
          UserStatus.State.SIGNED_IN, engine.manager().status(FakeBroker.NAME, "alice").state());
      assertSessionLives(engine);
    }
  }

  @Test
  void logThatThrowsAfterTheAnswer_rotatedTokensSavedBefore_C13() {
    Logger log = Logger.getLogger("io.tradeauth.exchange");
    Handler broken = new BrokenHandler();
    try (EngineFixture engine = strict().signIn("alice")) {
      log.addHandler(broken);
      engine.expire();
      engine.get("alice");
      log.removeHandler(broken);
      assertSessionLives(engine);
    } finally {
      log.removeHandler(broken);
    }
  }

  private static final class BrokenHandler extends Handler {
    @Override
    public void publish(LogRecord record) {
      throw new IllegalStateException("no space left");
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @Test
  void signIn_commitFailsOnce_triedAgain_X11() {
    try (EngineFixture engine = strict()) {
      store.failNextCommit(full());
      CompletableFuture<Void> signIn = CompletableFuture.runAsync(() -> engine.signIn("alice"));
      engine.liveUntil(TICK, signIn::isDone);
      signIn.join();
      assertEquals(1, engine.exchanges());
      assertSessionLives(engine);
    }
  }

  /** The first sign-in of a user, so that the store has nothing of them. */
  private static void signInWhileWritesFail(EngineFixture engine, FailingStore failing) {
    Gate gate = engine.server().holdAnswers("token");
    CompletableFuture<Void> signIn = CompletableFuture.runAsync(() -> engine.signIn("alice"));
    gate.awaitArrivals(1);
    failing.failWrites(true);
    gate.open();
    engine.liveUntil(TICK, signIn::isDone);
    signIn.join();
  }

  @Test
  void signIn_storeRefusesAfterTheExchange_servedUnsaved_savedWhenItHeals_X11() {
    try (EngineFixture engine = strict()) {
      signInWhileWritesFail(engine, store);
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(1, engine.events(TokenEvent.UnsavedRotation.class).size());

      store.failWrites(false);
      engine.live(Duration.ofSeconds(6));
      try (EngineFixture restarted = engine.another()) {
        assertEquals(engine.get("alice"), restarted.get("alice"));
      }
      assertSessionLives(engine);
    }
  }

  /** What a renewal of before brings, tokens or the end of the login, is of no use any more. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void unsavedSignIn_renewalOfBeforeCannotBeSavedEither_signInStays_G3(boolean refused) {
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .store(store)
                .settings(settings -> settings.commitTimeout(Duration.ofMillis(10)))
                .start()
                .signIn("alice");
        Stop saving = new Stop()) {
      engine.expire();
      if (refused) {
        engine.server().fail("token", REFUSED, 1);
      }
      store.beforeNextCommit(saving::reach);
      CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
      saving.await();
      Gate gate = engine.server().holdAnswers("token");
      CompletableFuture<Void> signIn = CompletableFuture.runAsync(() -> engine.signIn("alice"));
      gate.awaitArrivals(1);
      store.failWrites(true);
      gate.open();
      signIn.join();
      AccessToken brought = got.join();
      store.failNextCommit(full());
      saving.close();
      engine.settle();

      store.failWrites(false);
      engine.live(Duration.ofSeconds(6));

      try (EngineFixture restarted = engine.another()) {
        assertEquals(brought, restarted.get("alice"));
      }
      assertEquals(0, engine.events(TokenEvent.SignInRequired.class).size());
      assertSessionLives(engine);
    }
  }

  /** Not even if the store can't tell of it when it can be written again. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void unsavedSignIn_anotherSignsInMeanwhile_newerOneStays_C10(boolean isReadable) {
    FailingStore ours = new FailingStore(store);
    try (EngineFixture engine = EngineFixture.of(RotationProfile.STRICT).store(ours).start();
        EngineFixture other = engine.another(store)) {
      signInWhileWritesFail(engine, ours);
      other.signIn("alice");
      AccessToken newer = other.get("alice");

      if (!isReadable) {
        ours.beforeNextRead(
            () -> {
              throw new TokenStoreException(TokenStoreException.Reason.READ_FAILED, "down", null);
            });
      }
      ours.failWrites(false);
      engine.live(Duration.ofSeconds(11));

      assertEquals(newer, engine.get("alice"));
      assertEquals(newer, other.get("alice"));
    }
  }

  /** The sign-out waits: what it wrote first would be written over. */
  @Test
  void unsavedSignIn_signedOutWhileItIsSaved_isSignedOut() throws Exception {
    FailingStore ours = new FailingStore(store);
    CountDownLatch saving = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    try (EngineFixture engine = EngineFixture.of(RotationProfile.STRICT).store(ours).start()) {
      signInWhileWritesFail(engine, ours);
      ours.failWrites(false);
      ours.beforeNextSupersede(
          () -> {
            saving.countDown();
            awaitUninterrupted(goOn);
          });
      engine.advance(Duration.ofSeconds(6));
      saving.await();
      CompletableFuture<Void> signOut = CompletableFuture.runAsync(() -> engine.signOut("alice"));
      assertThrows(
          TimeoutException.class, () -> signOut.get(200, TimeUnit.MILLISECONDS), "it waits");
      goOn.countDown();
      signOut.get();

      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertEquals(TokenStore.State.SIGNED_OUT, engine.stored("alice").content().state());
    }
  }

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted", e);
    }
  }

  @Test
  void unsavedSignIn_signedOut_staysSoWhenTheStoreIsBack() {
    FailingStore ours = new FailingStore(store);
    try (EngineFixture engine = EngineFixture.of(RotationProfile.STRICT).store(ours).start()) {
      signInWhileWritesFail(engine, ours);
      engine.get("alice");
      assertThrows(TokenStoreException.class, () -> engine.signOut("alice"));
      assertTrue(engine.server().accepts(engine.get("alice").value()), "not signed out yet");

      ours.failWrites(false);
      engine.signOut("alice");
      engine.live(Duration.ofSeconds(11));

      SignInRequiredException signedOut =
          assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertEquals(SignInRequiredException.Reason.SIGNED_OUT, signedOut.reason());
      assertEquals(1, engine.events(TokenEvent.SignedOut.class).size());
    }
  }

  @Test
  void signInWhoseAnswerIsLost_sameTokenNotSentBeforeTheHold_G6() {
    try (EngineFixture engine = strict()) {
      Grant grant = FakeBroker.grant(engine.server(), "alice");
      engine.server().fail("token", Fault.loseAnswer(), 1);
      BrokerUnavailableException lost =
          assertThrows(BrokerUnavailableException.class, () -> engine.signIn("alice", grant));
      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, lost.reason());

      CompletableFuture<Void> again =
          CompletableFuture.runAsync(() -> engine.signIn("alice", grant));
      engine.live(Duration.ofSeconds(55));
      assertEquals(1, engine.exchanges());
      assertFalse(again.isDone());
      engine.liveUntil(TICK, again::isDone);
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void invalidGrant_storeFails_rememberedAndNothingSentAgain_P13() {
    try (EngineFixture engine = strict().signIn("alice")) {
      engine.server().endSessions("alice");
      store.failCommits(true);
      engine.expire();
      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      final int sent = engine.exchanges();
      assertEquals(1, engine.events(TokenEvent.SignInRequired.class).size());

      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      store.failCommits(false);
      engine.live(Duration.ofSeconds(6));
      try (EngineFixture restarted = engine.another()) {
        assertThrows(SignInRequiredException.class, () -> restarted.get("alice"));
      }
      assertEquals(sent, engine.exchanges());
    }
  }

  /** Whoever asked first is told what broke, everybody after that what is known. */
  @Test
  void invalidGrant_storeFailsWithAnError_rememberedAndNothingSentAgain_C13_P13() {
    try (EngineFixture engine = strict().signIn("alice")) {
      engine.server().endSessions("alice");
      store.failNextCommit(new NoClassDefFoundError("a driver's class"));
      engine.expire();
      BrokerUnavailableException broken =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertEquals(BrokerUnavailableException.Reason.UNUSABLE_ANSWER, broken.reason());
      int sent = engine.exchanges();

      engine.live(Duration.ofSeconds(6));

      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertEquals(sent, engine.exchanges());
    }
  }

  @Test
  void serverThatNeverRotatedStarts_treatedAsStrictFromThenOn() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(broker -> broker.rotation(RotationProfile.NONE))
            .start()
            .signIn("alice")) {
      engine.expire();
      engine.get("alice");
      engine.server().fail("token", Fault.loseAnswer(), 1);
      engine.expire();
      CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
      engine.liveUntil(TICK, got::isDone);
      assertReason(BrokerUnavailableException.Reason.IN_DOUBT, got);
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  private static void assertReason(
      BrokerUnavailableException.Reason reason, CompletableFuture<AccessToken> got) {
    CompletionException failure = assertThrows(CompletionException.class, got::join);
    assertEquals(reason, ((TokenException) failure.getCause()).reason());
  }

  @Test
  void abandonedIntent_tokenInHandStillUsable_noProbeBeforeItsSkewPoint_G11() {
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .server(server -> server.life(Duration.ofMinutes(20)))
                .store(store)
                .start();
        EngineFixture other = engine.another()) {
      engine.signIn("alice");
      AccessToken inHand = other.get("alice");
      TokenStore.StoredRecord stored = store.load(ALICE);
      store.begin(ALICE, stored.version(), new TokenStore.Intent("dead", "dead", "Refresh"), null);
      engine.clock().jump(Duration.ofMinutes(16).plusSeconds(5));
      assertEquals(inHand, other.get("alice"));
      int before = engine.exchanges();

      engine.live(Duration.ofSeconds(100));

      assertEquals(inHand, other.get("alice"));
      assertEquals(before, engine.exchanges());
      engine.live(Duration.ofSeconds(80));
      assertEquals(before + 1, engine.exchanges(), "one probe when nothing is lost by it");
      assertTrue(engine.server().accepts(other.get("alice").value()));
    }
  }

  @Test
  void answerThatComesTooLate_triedOnceWhenTheStoredOneIsRefused_G11() {
    try (EngineFixture engine = strict().signIn("alice");
        EngineFixture other = engine.another()) {
      CompletableFuture<AccessToken> late = getLate(engine);

      assertTrue(engine.server().accepts(late.join().value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
      assertSessionLives(other);
    }
  }

  /** Its access token was never saved, and is served to nobody. */
  @Test
  void answerThatComesTooLate_serverIsBusyWhenItIsTried_triedAgain_G11() {
    try (EngineFixture engine = strict().signIn("alice")) {
      CompletableFuture<AccessToken> late = getLate(engine, REFUSED, Fault.status(429));

      assertUnavailable(late);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertEquals(0, engine.events(TokenEvent.SignInRequired.class).size());
      engine.live(Duration.ofMinutes(1));
      assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
      assertSessionLives(engine);
    }
  }

  @Test
  void answerThatComesTooLate_noAttemptIsLeftForIt_triedNextTime_G11() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.leeway(Duration.ofSeconds(30)))
            .store(store)
            .start()
            .signIn("alice")) {
      CompletableFuture<AccessToken> late = getLate(engine, Fault.reset(), Fault.reset(), REFUSED);

      assertUnavailable(late);
      assertEquals(0, engine.events(TokenEvent.SignInRequired.class).size());
      engine.live(Duration.ofMinutes(1));
      assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
    }
  }

  /** What could not be saved comes too late when another process has saved something else. */
  @Test
  void unsavedRenewal_anotherSavedMeanwhile_triedWhenThatIsRefused_G11() {
    FailingStore ours = new FailingStore(store);
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(ours).start().signIn("alice")) {
      ours.failCommits(true);
      engine.expire();
      engine.getAsTimePasses("alice");
      commitWorthless();
      ours.failCommits(false);
      engine.live(Duration.ofSeconds(6));

      assertTrue(engine.server().accepts(engine.tokens().renew("alice").value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
      assertSessionLives(engine);
    }
  }

  /** Saves what no server remembers, as another process could. */
  private void commitWorthless() {
    TokenStore.StoredRecord stored = store.load(ALICE);
    Login login = LoginCodec.read(stored.content());
    TokenSet worthless = login.tokens().withRefreshToken(RefreshToken.of("canary-worthless"));
    store.commit(ALICE, stored.version(), LoginCodec.write(login.with(worthless)));
  }

  /** The client was refused before it had its turn. */
  @Test
  void answerThatComesTooLate_clientRefusedWhenItIsTried_triedNextTime_G11() {
    try (EngineFixture engine = strict().signIn("alice")) {
      CompletableFuture<AccessToken> late =
          getLate(engine, REFUSED, Fault.json(401, "{\"error\":\"invalid_client\"}"));
      assertInstanceOf(
          BrokerConfigurationException.class,
          assertThrows(CompletionException.class, late::join).getCause());
      engine.live(Duration.ofMinutes(1));

      assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
      assertSessionLives(engine);
    }
  }

  /**
   * Asks for a token, whose answer comes when what another process could have saved meanwhile is
   * stored, and what no server remembers.
   *
   * @param then what the server does from then on
   */
  private CompletableFuture<AccessToken> getLate(EngineFixture engine, Fault... then) {
    Gate gate = engine.server().holdAnswers("token");
    engine.expire();
    CompletableFuture<AccessToken> late = engine.tokens().getAsync("alice");
    gate.awaitArrivals(1);
    commitWorthless();
    for (Fault fault : then) {
      engine.server().fail("token", fault, 1);
    }
    gate.open();
    engine.liveUntil(TICK, late::isDone);
    return late;
  }

  private static void assertUnavailable(CompletableFuture<AccessToken> got) {
    assertInstanceOf(
        BrokerUnavailableException.class,
        assertThrows(CompletionException.class, got::join).getCause());
  }

  /** Ten minutes: then nobody keeps a secret that was not needed. */
  @ParameterizedTest
  @CsvSource({"9, true", "11, false"})
  void answerThatComesTooLate_keptForTenMinutes(int minutes, boolean kept) {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .server(server -> server.life(Duration.ofHours(2)))
            .store(store)
            .start()) {
      engine.signIn("alice");
      AccessToken older = engine.get("alice");
      TokenSet bought = LoginCodec.read(store.load(ALICE).content()).tokens();
      AccessToken newer = engine.tokens().getInsteadOf("alice", older);
      engine.clock().jump(Duration.ofMinutes(1));
      Gate gate = engine.server().holdAnswers("token");
      CompletableFuture<AccessToken> late =
          CompletableFuture.supplyAsync(() -> engine.tokens().getInsteadOf("alice", newer));
      gate.awaitArrivals(1);
      // What another process could have saved meanwhile: good for now, and can't be renewed.
      TokenStore.StoredRecord stored = store.load(ALICE);
      Login good =
          LoginCodec.read(stored.content())
              .with(bought.withRefreshToken(RefreshToken.of("canary-worthless")));
      store.commit(ALICE, stored.version(), LoginCodec.write(good));
      gate.open();
      engine.liveUntil(TICK, late::isDone);
      assertEquals(older, late.join());
      engine.clock().jump(Duration.ofMinutes(minutes));

      CompletableFuture<AccessToken> next =
          CompletableFuture.supplyAsync(() -> engine.tokens().getInsteadOf("alice", older));
      engine.liveUntil(TICK, next::isDone);

      if (kept) {
        assertTrue(engine.server().accepts(next.join().value()));
        assertNotEquals(older, next.join());
      } else {
        assertInstanceOf(
            SignInRequiredException.class,
            assertThrows(CompletionException.class, next::join).getCause());
      }
    }
  }

  @Test
  void commitWhoseAnswerIsLost_adopted_nothingSentAgain_X14() {
    try (EngineFixture engine = strict().signIn("alice")) {
      store.loseNextCommit(full());
      engine.expire();
      CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
      engine.liveUntil(TICK, got::isDone);
      assertTrue(engine.server().accepts(got.join().value()));
      assertEquals(2, engine.exchanges());
      assertEquals(
          UserStatus.State.SIGNED_IN, engine.manager().status(FakeBroker.NAME, "alice").state());
    }
  }

  @Test
  void renewedByAnotherProcess_troubleIsOver_recoveredIsTold() {
    try (EngineFixture engine = strict();
        EngineFixture other = engine.another()) {
      engine.signIn("alice");
      engine.server().fail("token", Fault.html(403), 1);
      engine.expire();
      assertThrows(TokenException.class, () -> engine.get("alice"));
      assertEquals(
          UserStatus.State.RENEWAL_FAILING,
          engine.manager().status(FakeBroker.NAME, "alice").state());
      AccessToken renewed = other.get("alice");

      assertEquals(renewed, engine.get("alice"));

      assertEquals(1, engine.events(TokenEvent.Recovered.class).size());
      assertEquals(
          UserStatus.State.SIGNED_IN, engine.manager().status(FakeBroker.NAME, "alice").state());
    }
  }

  /** Whoever reads them in the meantime may renew them: what is written again would be spent. */
  @Test
  void signInWrittenThoughItLookedLost_renewedByAnotherMeanwhile_notWrittenAgain() {
    TokenStore records = TokenStore.inMemory();
    FailingStore lossy = new FailingStore(records);
    try (EngineFixture engine = EngineFixture.of(RotationProfile.STRICT).store(records).start();
        EngineFixture other = engine.another(lossy)) {
      lossy.loseNextSupersede(full());
      CompletableFuture<Void> signedIn =
          CompletableFuture.runAsync(
              () -> other.signIn("alice", FakeBroker.code(engine.server(), "alice")));
      Await.until("the tokens are there", () -> records.load(ALICE) != null);
      AccessToken first = engine.get("alice");
      engine.tokens().getInsteadOf("alice", first);
      engine.liveUntil(TICK, signedIn::isDone);
      signedIn.join();

      assertSessionLives(other);
      assertSessionLives(engine);
    }
  }
}
