package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A refresh token that was signed in with once is signed in with again, as by an application that
 * starts anew with what is in its settings. The server has taken another one in its place since.
 */
class RepeatedSignInTest {

  private static final Duration TICK = Duration.ofSeconds(1);
  private static final TokenStore.Key PENDING =
      new TokenStore.Key(TokenStore.Kind.SIGN_IN, FakeBroker.NAME, "alice");

  private final TokenStore store = TokenStore.inMemory();
  private final FailingStore seenByTheOther = new FailingStore(store);
  private final EngineFixture engine =
      EngineFixture.of(RotationProfile.STRICT).store(store).start();
  private final EngineFixture other = engine.another(seenByTheOther);
  private final String given = engine.server().refreshToken("alice");
  private final Grant grant = new Grant.Refresh(given);

  @AfterEach
  void close() {
    other.close();
    engine.close();
  }

  private void assertServed(EngineFixture process) {
    assertTrue(engine.server().accepts(process.getAsTimePasses("alice").value()));
    assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
  }

  @Test
  void loginThatHasComeOfIt_staysAsItIs() {
    engine.signIn("alice", grant);
    engine.expire();
    AccessToken renewed = engine.get("alice");
    int sent = engine.exchanges();

    other.signIn("alice", grant);

    assertEquals(renewed, other.get("alice"));
    assertEquals(sent, engine.exchanges());
    assertEquals(1, other.events(TokenEvent.SignedIn.class).size());
    engine.expire();
    assertServed(other);
    assertServed(engine);
  }

  @Test
  void wholeSetImportedAgain_newerTokensStay() {
    TokenResponse set =
        TokenResponse.builder()
            .accessToken(engine.server().accessToken("alice"))
            .refreshToken(given)
            .expiresIn(engine.server().life())
            .build();
    engine.signIn("alice", new Grant.Imported(set, null));
    assertEquals(0, engine.exchanges());
    engine.expire();
    assertServed(engine);

    other.signIn("alice", new Grant.Imported(set, null));

    engine.expire();
    assertServed(other);
  }

  /** By one process or by two: the second waits for the first and takes what it has brought. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void twoAtOnce_oneExchange(boolean byAnother) throws Exception {
    List<CompletableFuture<Void>> signIns = new ArrayList<>();
    try (Gate gate = engine.server().holdRequests("token")) {
      signIns.add(CompletableFuture.runAsync(() -> engine.signIn("alice", grant)));
      gate.awaitArrivals(1);
      EngineFixture second = byAnother ? other : engine;
      signIns.add(CompletableFuture.runAsync(() -> second.signIn("alice", grant)));
    }
    engine.liveUntil(TICK, () -> signIns.stream().allMatch(CompletableFuture::isDone));
    for (CompletableFuture<Void> signIn : signIns) {
      signIn.get();
    }
    assertEquals(1, engine.exchanges());
    assertServed(engine);
    assertServed(other);
  }

  /** Between the look at what is stored and the intent, the other has come and gone. */
  @Test
  void otherWasFirstInTheLastMoment_nothingIsSent() {
    seenByTheOther.beforeNextBegin(() -> engine.signIn("alice", grant));

    other.signIn("alice", grant);

    assertEquals(1, engine.exchanges());
    assertNull(Objects.requireNonNull(store.load(PENDING)).intent());
    engine.expire();
    assertServed(other); // its turn with the client was given back
  }

  /** Whoever brings it next need not wait for one that has begun and sent nothing. */
  @Test
  void storeCantBeReadInTheLastMoment_nothingIsSent_broughtAgainAtOnce() {
    seenByTheOther.beforeNextRead(() -> {});
    seenByTheOther.beforeNextRead(
        () -> {
          throw new TokenStoreException(TokenStoreException.Reason.READ_FAILED, "down", null);
        });
    assertThrows(TokenStoreException.class, () -> other.signIn("alice", grant));
    assertEquals(0, engine.exchanges());

    other.signIn("alice", grant);

    assertEquals(1, engine.exchanges());
    assertServed(other);
  }

  /** A process has died when its sign-in had brought tokens that were not in their place yet. */
  @Test
  void leftBesideTheLogin_broughtToItsPlace_nothingIsSent() {
    engine.signIn("alice", grant);
    TokenStore.StoredRecord login = engine.stored("alice");
    store.supersede(PENDING, login.content());
    store.forget(login(FakeBroker.NAME));

    CompletableFuture<Void> again = CompletableFuture.runAsync(() -> other.signIn("alice", grant));
    engine.live(Duration.ofSeconds(50));
    assertFalse(again.isDone(), "it may be alive");
    engine.liveUntil(TICK, again::isDone);
    again.join();

    assertEquals(1, engine.exchanges());
    assertNull(store.load(PENDING));
    engine.expire();
    assertServed(other);
  }

  private static TokenStore.Key login(String realm) {
    return new TokenStore.Key(TokenStore.Kind.LOGIN, realm, "alice");
  }

  @Test
  void broughtTokensCantBeSaved_theyAreShared() {
    seenByTheOther.beforeNextCommit(() -> seenByTheOther.failWrites(true));
    CompletableFuture<Void> first = CompletableFuture.runAsync(() -> other.signIn("alice", grant));
    engine.liveUntil(TICK, first::isDone);
    int sent = engine.exchanges();

    other.signIn("alice", grant);

    assertEquals(sent, engine.exchanges());
    seenByTheOther.failWrites(false);
  }

  @Test
  void sessionHasEnded_isSent() {
    engine.signIn("alice", grant);
    engine.server().endSessions("alice");
    engine.expire();
    assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
    int sent = engine.exchanges();

    assertThrows(SignInRequiredException.class, () -> engine.signIn("alice", grant));

    assertEquals(sent + 1, engine.exchanges());
  }

  /** Whoever brings another secret wants it used. */
  @Test
  void anotherSecretOfTheClient_isSent() {
    engine.server().client("own", "canary-first");
    RefreshToken token = RefreshToken.of(engine.server().refreshToken("carol", "own"));
    engine.signIn("carol", new Grant.Refresh(token, ClientCredentials.of("own", "canary-first")));
    int sent = engine.exchanges();

    assertThrows(
        BrokerConfigurationException.class,
        () ->
            engine.signIn(
                "carol", new Grant.Refresh(token, ClientCredentials.of("own", "canary-other"))));

    assertEquals(sent + 1, engine.exchanges());
  }

  /** A server that was said not to rotate is believed until it has. */
  @Test
  void saidNotToRotate_hasDoneSoAtTheFirstSignIn_notSentAgain() {
    try (EngineFixture fixture =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(broker -> broker.rotation(RotationProfile.NONE))
            .start()) {
      Grant same = FakeBroker.grant(fixture.server(), "bob");
      fixture.signIn("bob", same);

      fixture.signIn("bob", same);

      assertEquals(1, fixture.exchanges());
    }
  }

  @Test
  void saidNotToRotate_hasDoneSoAndCantBeSaved_notSentAgain() {
    FailingStore failing = new FailingStore();
    try (EngineFixture fixture =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(broker -> broker.rotation(RotationProfile.NONE))
            .store(failing)
            .start()) {
      Grant same = FakeBroker.grant(fixture.server(), "bob");
      failing.beforeNextCommit(() -> failing.failWrites(true));
      CompletableFuture<Void> first = CompletableFuture.runAsync(() -> fixture.signIn("bob", same));
      fixture.liveUntil(TICK, first::isDone);
      first.join();

      fixture.signIn("bob", same);

      assertEquals(1, fixture.exchanges());
      failing.failWrites(false);
    }
  }

  @Test
  void saidNotToRotate_signedInByAnotherWhileItLooked_sentOnce() {
    TokenStore records = TokenStore.inMemory();
    FailingStore seenByTheOther = new FailingStore(records);
    try (EngineFixture fixture =
            EngineFixture.of(RotationProfile.STRICT)
                .broker(broker -> broker.rotation(RotationProfile.NONE))
                .store(records)
                .start();
        EngineFixture other = fixture.another(seenByTheOther)) {
      Grant same = FakeBroker.grant(fixture.server(), "bob");
      seenByTheOther.beforeNextBegin(() -> fixture.signIn("bob", same));

      other.signIn("bob", same);

      assertEquals(1, fixture.exchanges());
    }
  }

  @Test
  void serverThatDoesNotRotate_isAskedEachTime() {
    try (EngineFixture constant = EngineFixture.constant()) {
      Grant same = FakeBroker.grant(constant.server(), "bob");
      constant.signIn("bob", same);

      constant.signIn("bob", same);

      assertEquals(2, constant.exchanges());
    }
  }
}
