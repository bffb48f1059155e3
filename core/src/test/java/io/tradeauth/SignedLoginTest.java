package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.TokenLedger;
import io.tradeauth.testing.Wire;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import mockwebserver3.MockResponse;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A broker where the application can log in by itself, and each login ends the session before. */
class SignedLoginTest {

  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private final AtomicInteger logins = new AtomicInteger();

  private EngineFixture engine() {
    return believedToBe(RotationProfile.RELOGIN).start();
  }

  private EngineFixture.Builder believedToBe(RotationProfile rotation) {
    return EngineFixture.of(RotationProfile.STRICT)
        .broker(broker -> broker.rotation(rotation))
        .inItsPlace((server, usual) -> new LoginBroker(usual, server, logins));
  }

  /** A login is a session that the server begins when it is asked to. */
  private static final class LoginBroker extends OtherBroker {

    private final FakeAuthorizationServer server;
    private final AtomicInteger logins;

    LoginBroker(Broker usual, FakeAuthorizationServer server, AtomicInteger logins) {
      super(usual);
      this.server = server;
      this.logins = logins;
    }

    @Override
    public Grant renewal(@Nullable TokenSet tokens) {
      Grant refresh = super.renewal(tokens);
      return refresh == null ? new Grant.SignedLogin(null) : refresh;
    }

    @Override
    public @Nullable Grant renewalAfterRefusal(Grant renewal) {
      return renewal instanceof Grant.Refresh ? new Grant.SignedLogin(null) : null;
    }

    @Override
    public BrokerCall<ExchangeAnswer> exchange(Grant grant) {
      if (!(grant instanceof Grant.SignedLogin)) {
        return super.exchange(grant);
      }
      logins.incrementAndGet();
      return super.exchange(new Grant.Refresh(server.refreshToken("alice")));
    }

    /** What this server calls 409 may come for a while only. */
    @Override
    ExchangeAnswer read(Grant grant, Answer answer, ExchangeAnswer meaning) {
      return answer.status() == 409 ? new ExchangeAnswer.Later("locked", PATIENCE) : meaning;
    }
  }

  private static void nearTheEnd(EngineFixture engine) {
    engine.clock().jump(engine.server().life().multipliedBy(85).dividedBy(100));
  }

  private static TokenStore.@Nullable Intent openIntent(EngineFixture engine) {
    return engine.stored("alice").intent();
  }

  @Test
  void tokenEnds_refreshed_noLogin() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.expire();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(0, logins.get());
    }
  }

  @Test
  void refreshTokenRefused_logsIn_nobodyIsAsked() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.server().endSessions("alice");
      engine.expire();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(1, logins.get());
      assertEquals(0, engine.events(TokenEvent.SignInRequired.class).size());
    }
  }

  @Test
  void refreshTokenAndLoginRefused_signInRequired() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.server().fail("token", Fault.json(400, "{\"error\":\"invalid_grant\"}"), 2);
      engine.expire();
      SignInRequiredException refused =
          assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
      assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, refused.reason());
      assertEquals(1, logins.get());
      assertEquals(1 + 2, engine.exchanges());
    }
  }

  /** A refresh token that may be spent is not sent again where a login does. */
  @Test
  void answerLost_logsIn_spentTokenNotSentAgain() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);
      assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
      assertEquals(1, logins.get());
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
      assertNull(openIntent(engine));
    }
  }

  /** A login would end what still works. */
  @Test
  void answerLostWhileTheTokenLives_noLoginBeforeItsEnd() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.server().fail("token", Fault.loseAnswer(), 1);
      assertServedUntilItsEnd(engine, BrokerUnavailableException.Reason.IN_DOUBT);
    }
  }

  @Test
  void refreshTokenRefusedWhileTheTokenLives_noLoginBeforeItsEnd() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.server().fail("token", Fault.json(400, "{\"error\":\"invalid_grant\"}"), 1);
      assertServedUntilItsEnd(engine, BrokerUnavailableException.Reason.COOLING_DOWN);
    }
  }

  /** One request, then nothing in the background until the end; then a login. */
  private void assertServedUntilItsEnd(
      EngineFixture engine, BrokerUnavailableException.Reason reason) {
    final AccessToken inHand = engine.get("alice");
    final int before = engine.exchanges();
    nearTheEnd(engine);
    assertEquals(inHand, engine.get("alice"));
    engine.settle();
    assertEquals(before + 1, engine.exchanges());
    assertEquals(0, logins.get());
    assertNull(openIntent(engine));
    assertEquals(reason, engine.events(TokenEvent.RenewalFailing.class).get(0).reason());
    for (int i = 0; i < 60; i++) {
      engine.live(Duration.ofSeconds(1));
      assertEquals(inHand, engine.get("alice"));
    }
    assertEquals(before + 1, engine.exchanges(), "the background rests");
    engine.server().endSessions("alice");
    engine.expire();
    assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
    assertEquals(1, logins.get());
  }

  /**
   * What another process had begun is tried again with what it may have spent; a login would end
   * the token in hand, and comes when that has ended, without waiting for the other once more.
   */
  @Test
  void begunByAnother_probeRefusedWhileTheTokenLives_logsInAtItsEndAtOnce() {
    try (EngineFixture engine = engine().signIn("alice")) {
      final AccessToken inHand = engine.get("alice");
      engine.beginElsewhere(TokenStore.Kind.LOGIN, "alice");
      engine.server().fail("token", Fault.json(400, "{\"error\":\"invalid_grant\"}"), 1);
      nearTheEnd(engine);
      assertEquals(inHand, engine.get("alice"));
      engine.live(Duration.ofSeconds(65));
      assertEquals(inHand, engine.get("alice"));
      assertEquals(1 + 1, engine.exchanges());
      assertEquals(0, logins.get());
      engine.server().endSessions("alice");
      engine.expire();

      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(1, logins.get());
    }
  }

  /** Whoever waits for another sign-in of the same credential is told how its own ends. */
  @Test
  void signInWaitsForAnother_thenRefused_told() {
    try (EngineFixture engine = engine()) {
      engine.beginElsewhere(TokenStore.Kind.SIGN_IN, "alice");
      engine.server().fail("token", Fault.json(400, "{\"error\":\"invalid_grant\"}"), 1);
      CompletableFuture<Void> signIn =
          CompletableFuture.runAsync(() -> engine.signIn("alice", new Grant.SignedLogin(null)));
      engine.liveUntil(Duration.ofSeconds(1), signIn::isDone);
      Throwable told = assertThrows(CompletionException.class, signIn::join).getCause();
      assertEquals(SignInRequiredException.class, told.getClass());
      assertEquals(1, logins.get());
    }
  }

  /** Each has had its turn with the client, and gives it back. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void loginsPostponed_theNextUsersHaveTheirTurn(boolean lost) {
    List<String> users = List.of("a", "b", "c", "d", "e", "f", "g", "h");
    Fault fault = lost ? Fault.loseAnswer() : Fault.json(400, "{\"error\":\"invalid_grant\"}");
    try (EngineFixture engine = engine()) {
      try (EngineFixture before = engine.another()) {
        users.forEach(before::signIn);
      }
      nearTheEnd(engine);
      engine.server().fail("token", fault, users.size());
      int exchanges = engine.exchanges();
      try (EngineFixture restarted = engine.another()) {
        for (String user : users) {
          restarted.get(user); // found in the store
          restarted.get(user); // and that it is due
          restarted.live(Duration.ofSeconds(1));
          assertEquals(++exchanges, engine.exchanges(), user);
        }
        assertEquals(0, logins.get());
        restarted.signIn("new");
        assertTrue(engine.server().accepts(restarted.get("new").value()));
      }
    }
  }

  /** Without a refresh token a renewal is a login, and waits for the end of what works. */
  @Test
  void onlyALoginRenews_newTokenWantedWhileTheOldLives_toldToWait() {
    try (EngineFixture engine = engine()) {
      engine.server().fail("token", withoutRefreshToken(), 1);
      engine.signIn("alice", new Grant.SignedLogin(null));
      final AccessToken inHand = engine.get("alice");
      final int before = engine.exchanges();
      engine.clock().jump(Duration.ofSeconds(10));

      BrokerUnavailableException early =
          assertThrows(BrokerUnavailableException.class, () -> engine.tokens().renew("alice"));

      assertEquals(BrokerUnavailableException.Reason.COOLING_DOWN, early.reason());
      assertEquals(inHand, engine.get("alice"));
      assertEquals(before, engine.exchanges());
      // Whom the API has refused it may log in at once.
      assertTrue(engine.server().accepts(engine.tokens().getInsteadOf("alice", inHand).value()));
      assertEquals(before + 1, engine.exchanges());
    }
  }

  /** It looks once more, and then no more before the end, however often it is asked for. */
  @Test
  void onlyALoginRenews_tokenIsDue_backgroundRestsUntilItsEnd() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine = believedToBe(RotationProfile.RELOGIN).store(store).start()) {
      engine.server().fail("token", withoutRefreshToken(), 1);
      engine.signIn("alice", new Grant.SignedLogin(null));
      final AccessToken inHand = engine.get("alice");
      nearTheEnd(engine);
      engine.get("alice");
      engine.settle();
      int looks = store.reads();

      for (int i = 0; i < 60; i++) {
        engine.live(Duration.ofSeconds(1));
        assertEquals(inHand, engine.get("alice"));
      }

      assertEquals(looks, store.reads());
      engine.expire();
      assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
    }
  }

  private static Fault withoutRefreshToken() {
    return Fault.after(
        answer ->
            answer
                .newBuilder()
                .body(
                    Wire.body(answer)
                        .replaceFirst("\"refresh_token\":\"[^\"]*\",?", "")
                        .replace(",}", "}"))
                .build());
  }

  /** It has had its turn, whatever becomes of the login that follows. */
  @Test
  void lateAnswerRefused_loginBusy_notSentAgain_G11() {
    Fault refused = Fault.json(400, "{\"error\":\"invalid_grant\"}");
    try (EngineFixture engine = engine()) {
      engine.signIn("alice", new Grant.SignedLogin(null));
      engine.expire();
      CompletableFuture<AccessToken> got;
      try (Gate gate = engine.server().holdAnswers("token")) {
        got = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        TokenStore.StoredRecord stored = engine.stored("alice");
        Login login = LoginCodec.read(stored.content());
        TokenSet worthless = login.tokens().withRefreshToken(RefreshToken.of("canary-worthless"));
        engine
            .store()
            .commit(
                new TokenStore.Key(TokenStore.Kind.LOGIN, FakeBroker.NAME, "alice"),
                stored.version(),
                LoginCodec.write(login.with(worthless)));
        engine.server().fail("token", refused, 2);
        engine.server().fail("token", Fault.status(429), 1);
      }
      engine.liveUntil(Duration.ofMillis(100), got::isDone);
      assertThrows(CompletionException.class, got::join);
      int before = logins.get();
      engine.clock().jump(Duration.ofMinutes(1));

      assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
      assertEquals(before + 1, logins.get());
    }
  }

  /** The stamp of a signed login was of a wrong clock: the answer tells the right one. */
  @ParameterizedTest
  @ValueSource(ints = {4, 120})
  void loginRefused_clockWasOff_signedOnceMore_G21(int secondsAhead) {
    try (EngineFixture engine = engine()) {
      engine.server().fail("token", refusedAt(engine, Duration.ofSeconds(secondsAhead)), 1);
      engine.signIn("alice", new Grant.SignedLogin(null));
      assertEquals(2, logins.get());
    }
  }

  @Test
  void loginRefusedTwice_signedOnceMoreOnly_G21() {
    try (EngineFixture engine = engine()) {
      engine.server().fail("token", refusedAt(engine, Duration.ofMinutes(2)), 1);
      engine.server().fail("token", refusedAt(engine, Duration.ofMinutes(4)), 1);
      assertThrows(
          BrokerConfigurationException.class,
          () -> engine.signIn("alice", new Grant.SignedLogin(null)));
      assertEquals(2, logins.get());
    }
  }

  @Test
  void loginRefused_clockWasRight_notSignedAgain_G21() {
    try (EngineFixture engine = engine()) {
      engine.server().fail("token", refusedAt(engine, Duration.ofMillis(1_500)), 1);
      assertThrows(
          BrokerConfigurationException.class,
          () -> engine.signIn("alice", new Grant.SignedLogin(null)));
      assertEquals(1, logins.get());
    }
  }

  private static Fault refusedAt(EngineFixture engine, Duration ahead) {
    ZonedDateTime date = engine.clock().now().plus(ahead).atZone(ZoneOffset.UTC);
    return Fault.instead(
        new MockResponse.Builder()
            .code(401)
            .setHeader("Date", DateTimeFormatter.RFC_1123_DATE_TIME.format(date))
            .body("{\"error\":\"invalid_client\"}")
            .build());
  }

  // What may be said for a while only

  @Test
  void temporaryRefusalForLongerThanItsPatience_isARefusal() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.status(409), 10_000);
      Instant first = engine.clock().now();
      Instant last = first;
      TokenException told = assertThrows(TokenException.class, () -> engine.get("alice"));
      while (told instanceof BrokerUnavailableException) {
        assertEquals(BrokerUnavailableException.Reason.BUSY, told.reason());
        last = engine.clock().now();
        Instant retryAt = ((BrokerUnavailableException) told).retryAt();
        engine.clock().jump(Duration.between(last, retryAt));
        told = assertThrows(TokenException.class, () -> engine.get("alice"));
      }
      assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, told.reason());
      assertTrue(Duration.between(first, last).compareTo(PATIENCE) < 0);
      assertTrue(Duration.between(first, engine.clock().now()).compareTo(PATIENCE) >= 0);
    }
  }

  /** The server has taken the client all the while, and so lets many of it go at once. */
  @Test
  void temporaryRefusalForLongerThanItsPatience_othersOfTheClientGoAtOnce_N2() {
    try (EngineFixture engine = engine().signIn("alice", "bob", "carol");
        EngineFixture another = engine.another()) {
      engine.expire();
      refuseForAWhile(another, Fault.status(409));
      assertThrows(SignInRequiredException.class, () -> another.get("alice"));
      ExchangeEdgesTest.assertBothGoAtOnce(another, "bob", "carol");
    }
  }

  /** Nobody knows what became of what was sent before. */
  @Test
  void answerLostBeforeTheLastTemporaryRefusal_rotationMayBeLost_G6() {
    try (EngineFixture engine =
        believedToBe(RotationProfile.leeway(Duration.ofSeconds(30))).start().signIn("alice")) {
      engine.expire();
      refuseForAWhile(engine, Fault.loseAnswer(), Fault.status(409));
      SignInRequiredException told =
          assertThrows(SignInRequiredException.class, () -> engine.getAsTimePasses("alice"));
      assertEquals(SignInRequiredException.Reason.ROTATION_LOST, told.reason());
    }
  }

  /** Lets the server refuse alice for so long that one more is too many, and then do this. */
  private static void refuseForAWhile(EngineFixture engine, Fault... end) {
    Instant over = engine.clock().now().plus(PATIENCE);
    while (engine.clock().now().isBefore(over)) {
      engine.server().fail("token", Fault.status(409), 1);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      engine.clock().jump(Duration.ofMinutes(5));
    }
    for (Fault fault : end) {
      engine.server().fail("token", fault, 1);
    }
  }

  /** The third attempt was the last: the login that is left comes next time, for whoever asks. */
  @Test
  void noAttemptIsLeftForTheLogin_theNextUserHasATurn_N2() {
    Cable cable = new Cable();
    try (EngineFixture engine =
            believedToBe(RotationProfile.RELOGIN)
                .manager(manager -> manager.httpClient(cable.client()))
                .start()
                .signIn("alice", "bob");
        EngineFixture another = engine.another()) {
      engine.expire();
      cable.cut(2);
      engine.server().fail("token", Fault.json(400, "{\"error\":\"invalid_grant\"}"), 1);
      BrokerUnavailableException told =
          assertThrows(BrokerUnavailableException.class, () -> another.getAsTimePasses("alice"));
      assertEquals(BrokerUnavailableException.Reason.COOLING_DOWN, told.reason());
      assertEquals(0, logins.get());

      assertTrue(engine.server().accepts(another.getAsTimePasses("bob").value()));
    }
  }

  /** Who was not asked for a quarter of an hour may have changed their mind twice. */
  @Test
  void temporaryRefusalsFarApart_noneIsARefusal() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.status(409), 10_000);
      for (int i = 0; i < 5; i++) {
        BrokerUnavailableException busy =
            assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
        assertEquals(BrokerUnavailableException.Reason.BUSY, busy.reason());
        engine.clock().jump(Duration.ofMinutes(16));
      }
    }
  }
}
