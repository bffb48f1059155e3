package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import mockwebserver3.MockResponse;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a sign-in asks, tells and leaves behind, and what it does when it can't be saved. */
class SignInEdgesTest {

  private static final Duration TICK = Duration.ofMillis(100);
  private static final TokenStore.Key PENDING =
      new TokenStore.Key(TokenStore.Kind.SIGN_IN, FakeBroker.NAME, "alice");

  private final FailingStore store = new FailingStore();
  private final AtomicInteger tries = new AtomicInteger();
  private volatile boolean isFull = true;

  private EngineFixture engine(RotationProfile rotation) {
    return EngineFixture.of(rotation).broker(FakeBroker::probe).store(store).start();
  }

  private EngineFixture strict() {
    return engine(RotationProfile.STRICT);
  }

  private static Grant given(EngineFixture engine) {
    return FakeBroker.grant(engine.server(), "alice");
  }

  private static void assertReason(SignInRequiredException.Reason reason, Runnable signIn) {
    assertEquals(reason, assertThrows(SignInRequiredException.class, signIn::run).reason());
  }

  private static void assertServed(EngineFixture engine) {
    assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
  }

  // What is left behind

  /** Who brings it once more is told at once: nothing of the first time is in the way. */
  @Test
  void refused_nothingIsLeft_refusedAgainAtOnce() {
    try (EngineFixture engine = strict()) {
      Grant dead = given(engine);
      engine.server().endSessions("alice");
      for (int i = 0; i < 2; i++) {
        assertReason(
            SignInRequiredException.Reason.GRANT_REFUSED, () -> engine.signIn("alice", dead));
        assertNull(store.load(PENDING));
      }
    }
  }

  @Test
  void codeLost_nothingIsLeft_theNextCodeIsTakenAtOnce_G6() {
    try (EngineFixture engine = strict()) {
      engine.server().fail("token", Fault.loseAnswer(), 1);
      Grant code = FakeBroker.code(engine.server(), "alice");
      assertReason(SignInRequiredException.Reason.CODE_LOST, () -> engine.signIn("alice", code));
      assertNull(store.load(PENDING));

      engine.signIn("alice", FakeBroker.code(engine.server(), "alice"));
      assertServed(engine);
    }
  }

  // When to try again

  @ParameterizedTest
  @CsvSource({"'', 5", "7, 7", "2, 2"})
  void serverAsksForPatience_toldWhenToTryAgain(String retryAfter, long seconds) {
    try (EngineFixture engine = strict()) {
      MockResponse.Builder busy = new MockResponse.Builder().code(429);
      if (!retryAfter.isEmpty()) {
        busy.setHeader("Retry-After", retryAfter);
      }
      engine.server().fail("token", Fault.instead(busy.build()), 1);
      BrokerUnavailableException told =
          assertThrows(
              BrokerUnavailableException.class, () -> engine.signIn("alice", given(engine)));
      assertEquals(BrokerUnavailableException.Reason.BUSY, told.reason());
      assertEquals(engine.clock().now().plusSeconds(seconds), told.retryAt());
    }
  }

  /** A refresh token that is not spent by its use keeps nobody waiting. */
  @Test
  void sameTokenAtOnce_serverDoesNotRotate_neitherWaits() {
    try (EngineFixture engine = engine(RotationProfile.NONE);
        EngineFixture other = engine.another()) {
      Grant same = given(engine);
      CompletableFuture<Void> first;
      CompletableFuture<Void> second;
      try (Gate gate = engine.server().holdRequests("token")) {
        first = CompletableFuture.runAsync(() -> engine.signIn("alice", same));
        gate.awaitArrivals(1);
        second = CompletableFuture.runAsync(() -> other.signIn("alice", same));
        gate.awaitArrivals(2);
      }
      first.join();
      second.join();
      assertServed(engine);
    }
  }

  // Tokens from elsewhere

  private static Grant imported(@Nullable String accessToken, @Nullable String refreshToken) {
    TokenResponse.Builder tokens = TokenResponse.builder().expiresIn(Duration.ofMinutes(15));
    if (accessToken != null) {
      tokens.accessToken(accessToken);
    }
    if (refreshToken != null) {
      tokens.refreshToken(refreshToken);
    }
    return new Grant.Imported(tokens.build(), null);
  }

  /** It may just have ended on its way here. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void importedWithoutALivingAccessToken_refreshTokenIsExchanged(boolean isDead) {
    try (EngineFixture engine = strict()) {
      String refreshToken = engine.server().refreshToken("alice");
      engine.signIn("alice", imported(isDead ? "canary-ended" : null, refreshToken));
      assertEquals(1, engine.exchanges());
      assertServed(engine);
    }
  }

  @Test
  void importedAccessTokenIsDead_nothingElse_refused_nothingStored() {
    try (EngineFixture engine = strict()) {
      assertReason(
          SignInRequiredException.Reason.GRANT_REFUSED,
          () -> engine.signIn("alice", imported("canary-ended", null)));
      assertEquals(0, engine.exchanges());
      assertReason(SignInRequiredException.Reason.NOT_SIGNED_IN, () -> engine.get("alice"));
    }
  }

  @Test
  void importedNothing_saysWhatIsMissing() {
    try (EngineFixture engine = strict()) {
      BrokerConfigurationException told =
          assertThrows(
              BrokerConfigurationException.class,
              () -> engine.signIn("alice", imported(null, null)));
      assertTrue(told.getMessage().contains("neither an access token nor a refresh token"));
    }
  }

  // Whose they are

  /** Asked for what the answer has not told: who it is, and what can be traded. */
  @ParameterizedTest
  @CsvSource({
    "id-of-alice, true, false, 0",
    "id-of-alice, false, true, 0",
    "id-of-alice, false, false, 1",
    ", true, true, 1",
  })
  void answerTellsAProfile_restIsAsked(
      @Nullable String subject, boolean accounts, boolean exchanges, int asked) {
    UserProfile told =
        new UserProfile(
            subject,
            null,
            null,
            accounts ? List.of(new UserProfile.Account("canary-1", null, null)) : List.of(),
            exchanges ? Set.of("NSE") : Set.of(),
            Set.of(),
            Set.of());
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(FakeBroker::probe)
            .broker(broker -> broker.broker(b -> b.profileOf(json -> Optional.of(told))))
            .start()) {
      engine.signIn("alice");
      assertEquals(asked, engine.server().count("whoami"));
      UserProfile known = engine.manager().status(FakeBroker.NAME, "alice").profile();
      assertEquals("id-of-alice", known == null ? null : known.subject());
    }
  }

  /** Not even as what could not be saved, though it can't be read any more who was there. */
  @Test
  void anotherPersonSignsIn_storeGoesAway_refusedAllTheSame() {
    try (EngineFixture engine = strict().signIn("alice")) {
      Grant bobs = FakeBroker.code(engine.server(), "bob");
      store.beforeNextCommit(() -> store.failReads(true));
      CompletableFuture<Void> bob = CompletableFuture.runAsync(() -> engine.signIn("alice", bobs));
      engine.liveUntil(TICK, bob::isDone);
      store.failReads(false);

      assertEquals(
          SignInRequiredException.Reason.DIFFERENT_ACCOUNT,
          ((SignInRequiredException) assertThrows(Exception.class, bob::join).getCause()).reason());
      engine.expire();
      assertServed(engine);
      assertEquals(0, engine.events(TokenEvent.UnsavedRotation.class).size());
    }
  }

  // What is told

  @Test
  void signedIn_tellsWhatIsMissing_andWhetherItCanBeRenewed() {
    try (EngineFixture engine = strict()) {
      engine.server().scope("read trade");
      engine.signIn(
          "alice",
          new Grant.AuthorizationCode(
                  engine.server().code("alice"), FakeAuthorizationServer.REDIRECT_URI)
              .requestedScope(Set.of("read", "withdraw")));
      engine.signIn("bob", imported(engine.server().accessToken("bob"), null));

      List<TokenEvent.SignedIn> told = engine.events(TokenEvent.SignedIn.class);
      assertEquals(Set.of("withdraw"), told.get(0).missingScope());
      assertTrue(told.get(0).renewable());
      assertEquals(Set.of(), told.get(1).missingScope());
      assertTrue(!told.get(1).renewable());
    }
  }

  /** What was renewed for an API that refused it is no matter of the new login. */
  @Test
  void signedInAnew_refusedTokenIsReplacedAtOnce_G25() {
    try (EngineFixture engine = strict().signIn("alice")) {
      AccessToken renewed = engine.tokens().getInsteadOf("alice", engine.get("alice"));
      assertThrows(
          BrokerUnavailableException.class,
          () -> engine.tokens().getInsteadOf("alice", renewed),
          "one in thirty seconds");
      engine.signIn("alice");
      AccessToken anew = engine.get("alice");

      assertNotEquals(anew, engine.tokens().getInsteadOf("alice", anew));
    }
  }

  // Saving

  /** Fails while the store is full. */
  private void failIfFull() {
    tries.incrementAndGet();
    if (isFull) {
      throw new TokenStoreException(TokenStoreException.Reason.WRITE_FAILED, "full", null);
    }
  }

  /**
   * Each pause is twice the one before, and the user is not kept waiting for longer than is set.
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void storeIsFull_triedLessAndLessOften_thenKept(boolean besideTheLogin) {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .settings(settings -> settings.commitTimeout(Duration.ofSeconds(3)))
            .store(store)
            .start()) {
      for (int i = 0; i < 100; i++) {
        if (besideTheLogin) {
          store.beforeNextCommit(this::failIfFull);
        } else {
          store.beforeNextSupersede(this::failIfFull);
        }
      }
      CompletableFuture<Void> signIn =
          CompletableFuture.runAsync(() -> engine.signIn("alice", given(engine)));
      engine.liveUntil(Duration.ofMillis(10), signIn::isDone);
      signIn.join();
      isFull = false;

      assertTrue(tries.get() > 3 && tries.get() < 12, () -> tries + " tries in three seconds");
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  /** By another process, which has not been told of it when it is over there. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void signedOutElsewhereBeforeItIsHeardOf_noTokenAfterwards_C9(boolean isReadable) {
    FailingStore seenByTheOther = new FailingStore(store);
    seenByTheOther.failChanges(true);
    try (EngineFixture engine = strict();
        EngineFixture other = engine.another(seenByTheOther)) {
      seenByTheOther.afterNextSupersede(
          () -> {
            engine.signOut("alice");
            if (!isReadable) {
              seenByTheOther.beforeNextRead(this::failIfFull);
            }
          });
      other.signIn("alice", given(engine));

      assertReason(SignInRequiredException.Reason.SIGNED_OUT, () -> other.get("alice"));
    }
  }
}
