package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Sign-ins of one user that meet: with each other, with a sign-out, or with what a process has left
 * behind that died. The server ends a session when a refresh token is used twice.
 */
class CrossingSignInsTest {

  private static final Duration TICK = Duration.ofSeconds(1);
  private static final TokenStore.Key LOGIN = key(TokenStore.Kind.LOGIN);
  private static final TokenStore.Key PENDING = key(TokenStore.Kind.SIGN_IN);

  private final TokenStore store = TokenStore.inMemory();
  private final FailingStore seenByTheOther = new FailingStore(store);
  private final EngineFixture engine =
      EngineFixture.of(RotationProfile.STRICT).broker(FakeBroker::probe).store(store).start();
  private final EngineFixture other = engine.another(seenByTheOther);
  private final Grant grant = given("alice");

  private static TokenStore.Key key(TokenStore.Kind kind) {
    return new TokenStore.Key(kind, FakeBroker.NAME, "alice");
  }

  private Grant given(String person) {
    return new Grant.Refresh(engine.server().refreshToken(person));
  }

  @AfterEach
  void close() {
    other.close();
    engine.close();
  }

  private static CompletableFuture<Void> later(EngineFixture process, Grant grant) {
    return CompletableFuture.runAsync(() -> process.signIn("alice", grant));
  }

  private void await(CompletableFuture<Void> signIn) {
    engine.liveUntil(TICK, signIn::isDone);
    signIn.join();
  }

  private void assertServed(EngineFixture process) {
    assertTrue(engine.server().accepts(process.getAsTimePasses("alice").value()));
    assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
  }

  private void assertSessionLives() {
    engine.expire();
    assertServed(other);
    engine.expire();
    assertServed(engine);
  }

  /** What a process leaves behind that dies when its sign-in has brought tokens. */
  private void leaveBehind(Grant brought) {
    TokenStore.StoredRecord before = store.load(LOGIN);
    engine.signIn("alice", brought);
    store.supersede(PENDING, engine.stored("alice").content());
    if (before == null) {
      store.forget(LOGIN);
    } else {
      store.supersede(LOGIN, before.content());
    }
    engine.live(Duration.ofSeconds(6)); // until all have been told
  }

  /** Another process takes it for dead, brings its tokens to their place, and renews them. */
  @Test
  void standsStillBeforeTheTokensAreInTheirPlace_newerTokensStay() {
    try (Stop stop = new Stop()) {
      seenByTheOther.beforeNextCommit(() -> seenByTheOther.beforeNextRead(stop::reach));
      CompletableFuture<Void> slow = later(other, grant);
      stop.await();
      awaitBesideTheOther(later(engine, grant));
      engine.expire();
      awaitBesideTheOther(engine.tokens().getAsync("alice"));
      stop.close();
      await(slow);
    }
    assertSessionLives();
  }

  private void awaitBesideTheOther(CompletableFuture<?> call) {
    while (!call.isDone()) {
      engine.advance(TICK);
      engine.settleBut(1);
    }
    call.join();
  }

  @Test
  void leftBehindByAnotherToken_onTheWayItself_waitedFor() {
    leaveBehind(given("alice"));
    int before = engine.exchanges();
    CompletableFuture<Void> first;
    CompletableFuture<Void> second;
    try (Gate gate = engine.server().holdRequests("token")) {
      first = later(engine, grant);
      gate.awaitArrivals(1);
      second = later(other, grant);
      engine.settleBut(1);
      assertFalse(second.isDone());
    }
    await(first);
    await(second);
    assertEquals(before + 1, engine.exchanges());
    assertSessionLives();
  }

  private Grant importedSet() {
    return importedSet("alice", ((Grant.Refresh) grant).refreshToken().value());
  }

  private Grant importedSet(String person) {
    return importedSet(person, engine.server().refreshToken(person));
  }

  private Grant importedSet(String person, String refreshToken) {
    return new Grant.Imported(
        TokenResponse.builder()
            .accessToken(engine.server().accessToken(person))
            .refreshToken(refreshToken)
            .expiresIn(engine.server().life())
            .build(),
        null);
  }

  /** One has looked and found nobody; the other comes, and renews what it has brought. */
  @Test
  void importedByTwo_renewedInBetween_newerTokensStay() {
    Grant set = importedSet();
    seenByTheOther.afterNextRead(
        () -> {
          engine.signIn("alice", set);
          engine.tokens().getInsteadOf("alice", engine.get("alice"));
        });

    other.signIn("alice", set);

    assertSessionLives();
  }

  @Test
  void importedAgain_whatItsRefreshTokenHadBroughtIsLeft_takenInItsPlace() {
    Grant set = importedSet();
    leaveBehind(grant);

    await(later(other, set));

    assertNull(store.load(PENDING));
    assertSessionLives();
  }

  /** The one has looked before the other began, and comes when it has not finished. */
  @Test
  void importedWhileItsRefreshTokenIsOnItsWay_whatThatBringsStays() {
    CompletableFuture<Void> imported;
    CompletableFuture<Void> sent;
    try (Stop stop = new Stop()) {
      try (Gate gate = engine.server().holdRequests("whoami")) {
        imported = later(engine, importedSet());
        gate.awaitArrivals(1);
        seenByTheOther.beforeNextCommit(() -> seenByTheOther.beforeNextRead(stop::reach));
        sent = later(other, grant);
        gate.awaitArrivals(2);
      }
      stop.await();
      engine.settleBut(1);
    }
    await(imported);
    await(sent);
    assertSessionLives();
  }

  /** The process had died before it asked whose the tokens are. */
  @Test
  void leftBehindByAnotherPerson_refused() {
    engine.signIn("alice");
    Grant bobs = given("bob");
    TokenStore.StoredRecord alices = engine.stored("alice");
    engine.server().fail("whoami", Fault.status(503), 1);
    engine.manager().signInAsAnyone(FakeBroker.NAME, "alice", bobs);
    store.supersede(PENDING, engine.stored("alice").content());
    store.supersede(LOGIN, alices.content());
    engine.live(Duration.ofSeconds(6));

    CompletableFuture<Void> again = later(other, bobs);
    engine.liveUntil(TICK, again::isDone);

    assertRefusedAsAnothers(again);
    assertSessionLives();

    // What it brought is still there for who allows it.
    await(
        CompletableFuture.runAsync(
            () -> engine.manager().signInAsAnyone(FakeBroker.NAME, "alice", bobs)));
    assertSessionLives();
  }

  /** What the notice would tell only in a while. */
  @Test
  void signedInByAnotherProcess_repeatedHere_itsTokensAreServedAtOnce() {
    engine.signIn("alice", FakeBroker.code(engine.server(), "alice"));
    AccessToken before = engine.get("alice");
    other.signIn("alice", grant);

    engine.signIn("alice", grant);

    assertFalse(before.equals(engine.get("alice")));
    assertEquals(other.get("alice"), engine.get("alice"));
  }

  private CompletableFuture<Void> cantBeSaved(EngineFixture process, Grant brought) {
    seenByTheOther.beforeNextCommit(() -> seenByTheOther.failWrites(true));
    CompletableFuture<Void> signIn = later(process, brought);
    engine.liveUntil(TICK, signIn::isDone);
    return signIn;
  }

  /** What it brought was written beside the login, and is no older than the sign-out. */
  @Test
  void cantBeSaved_signedOutMeanwhile_broughtAgain_signedInByThem() {
    engine.signIn("alice");
    cantBeSaved(other, grant).join();
    engine.signOut("alice");
    seenByTheOther.failWrites(false);

    await(later(other, grant));

    assertSessionLives();
  }

  /** Its tokens will not be stored any more: whoever signs in again is not told that they are. */
  @Test
  void cantBeSaved_signedOutMeanwhile_notSignedInByWhatIsLost() {
    engine.signIn("alice");
    cantBeSaved(other, grant).join();
    engine.signOut("alice");
    store.forget(PENDING);
    seenByTheOther.failWrites(false);

    CompletableFuture<Void> again = later(other, grant);
    engine.liveUntil(TICK, again::isDone);

    assertTrue(again.isCompletedExceptionally());
    assertEquals(TokenStore.State.SIGNED_OUT, engine.stored("alice").content().state());
  }

  /** It is told of the sign-out while it still tries to save, and never again. */
  @Test
  void cantBeSaved_signedOutWhileItTries_servedNoMoreOnceTheStoreIsBack_C9() {
    engine.signIn("alice");
    CompletableFuture<Void> signIn;
    try (Stop stop = new Stop()) {
      seenByTheOther.beforeNextCommit(stop::reach);
      signIn = later(other, grant);
      stop.await();
      engine.signOut("alice");
      for (int second = 0; second < 6; second++) {
        engine.advance(Duration.ofSeconds(1));
        engine.settleBut(1);
      }
      seenByTheOther.failWrites(true);
    }
    await(signIn);
    assertEquals(1, other.events(TokenEvent.UnsavedRotation.class).size());

    seenByTheOther.failWrites(false);
    engine.live(Duration.ofSeconds(10));

    assertThrows(SignInRequiredException.class, () -> other.getAsTimePasses("alice"));
  }

  /** The login before was renewed by another process: no sign-in, so it makes nothing void. */
  @Test
  void cantBeSaved_loginBeforeIsRenewed_savedOverItOnceTheStoreIsBack() {
    engine.signIn("alice");
    cantBeSaved(other, grant).join();
    engine.expire();
    engine.getAsTimePasses("alice");
    String generation = engine.stored("alice").version().generation();
    seenByTheOther.failWrites(false);

    engine.live(Duration.ofSeconds(10));

    assertFalse(generation.equals(engine.stored("alice").version().generation()));
    assertEquals(engine.getAsTimePasses("alice"), other.getAsTimePasses("alice"));
    assertSessionLives();
  }

  @Test
  void cantBeSaved_whatWasThereIsDamaged_savedOverItOnceTheStoreIsBack() {
    engine.signIn("alice");
    cantBeSaved(other, grant).join();
    String generation = engine.stored("alice").version().generation();
    seenByTheOther.breakReads(
        new TokenStoreException(TokenStoreException.Reason.TAMPERED, "damaged", null));
    seenByTheOther.failWrites(false);

    engine.live(Duration.ofSeconds(10));
    seenByTheOther.breakReads(null);

    assertFalse(generation.equals(engine.stored("alice").version().generation()));
    assertEquals(engine.getAsTimePasses("alice"), other.get("alice"));
    assertSessionLives();
  }

  /** It is being saved when the next one comes to its end. */
  @Test
  void beingSaved_signedInMeanwhile_newerOneStays_C10() {
    cantBeSaved(other, grant).join();
    CompletableFuture<Void> next;
    try (Stop stop = new Stop()) {
      seenByTheOther.failWrites(false);
      seenByTheOther.afterNextRead(stop::reach);
      engine.advance(Duration.ofSeconds(6));
      stop.await();
      AtomicReference<Thread> saver = new AtomicReference<>();
      seenByTheOther.afterNextRead(() -> {}); // when it looks; then before it writes
      seenByTheOther.afterNextRead(() -> saver.set(Thread.currentThread()));
      next = later(other, FakeBroker.code(engine.server(), "alice"));
      Await.until("it waits or is done", () -> next.isDone() || isWaiting(saver.get()));
    }
    await(next);
    engine.live(Duration.ofSeconds(6));

    assertEquals(engine.get("alice"), other.get("alice"));
    assertSessionLives();
  }

  private static boolean isWaiting(@Nullable Thread thread) {
    return thread != null && thread.getState() == Thread.State.WAITING;
  }

  @Test
  void writtenThoughItLookedLost_signedOutBeforeTheRepetition_staysSignedOut() {
    seenByTheOther.loseNextSupersede(
        new TokenStoreException(TokenStoreException.Reason.WRITE_FAILED, "lost", null));
    CompletableFuture<Void> signIn = later(other, grant);
    Await.until("it is written", () -> store.load(LOGIN) != null);
    engine.settle();
    engine.signOut("alice");
    await(signIn);

    assertEquals(TokenStore.State.SIGNED_OUT, engine.stored("alice").content().state());
    assertThrows(SignInRequiredException.class, () -> other.getAsTimePasses("alice"));
  }

  @Test
  void storeFailsWithAnError_tokensAreKept_C13() {
    seenByTheOther.failNextCommit(new StackOverflowError());
    await(later(other, grant));

    assertSessionLives();
  }

  @Test
  void storeFailsWithAnErrorInTheEnd_tokensAreKept_C13() {
    seenByTheOther.loseNextSupersede(new StackOverflowError());
    await(later(other, grant));

    assertSessionLives();
  }

  // Another person's ----------------------------------------------------------------------------

  /** Both have found nobody; the one who comes first is alice. */
  @Test
  void anotherPersonSignsInAtTheSameTime_secondIsRefused() {
    CompletableFuture<Void> bob;
    try (Stop stop = new Stop()) {
      seenByTheOther.beforeNextCommit(stop::reach);
      bob = later(other, given("bob"));
      stop.await();
      engine.signIn("alice");
    }
    engine.liveUntil(TICK, bob::isDone);

    assertRefusedAsAnothers(bob);
    engine.expire();
    assertServed(engine);
  }

  private static void assertRefusedAsAnothers(CompletableFuture<Void> signIn) {
    assertEquals(
        SignInRequiredException.Reason.DIFFERENT_ACCOUNT,
        ((SignInRequiredException) assertThrows(Exception.class, signIn::join).getCause())
            .reason());
  }

  /** The first write of the one was lost, and meanwhile the other came. */
  @Test
  void anotherPersonSignsInBetweenTwoTries_secondIsRefused() {
    seenByTheOther.beforeNextSupersede(
        () -> {
          engine.signIn("alice");
          throw new TokenStoreException(TokenStoreException.Reason.WRITE_FAILED, "full", null);
        });
    CompletableFuture<Void> bob = later(other, given("bob"));
    engine.liveUntil(TICK, bob::isDone);

    assertRefusedAsAnothers(bob);
    engine.expire();
    assertServed(engine);
  }

  @Test
  void anotherPersonSignsIn_firstIsNotSavedYet_secondIsRefused() {
    cantBeSaved(other, grant).join();
    seenByTheOther.failWrites(false);
    Grant bobs = FakeBroker.code(engine.server(), "bob");

    CompletableFuture<Void> bob = later(other, bobs);
    engine.liveUntil(Duration.ofMillis(10), bob::isDone);

    assertRefusedAsAnothers(bob);
    assertSessionLives();
  }

  /** Not even until the sign-in finds out that it is not the last word. */
  @Test
  void signInWritten_signedOutBeforeItIsHeardOf_noTokenAfterwards_C9() {
    try (Stop written = new Stop();
        Stop lookingBack = new Stop()) {
      seenByTheOther.afterNextSupersede(written::reach);
      CompletableFuture<Void> signIn = later(other, grant);
      written.await();
      other.signOut("alice");
      seenByTheOther.beforeNextRead(lookingBack::reach);
      written.close();
      lookingBack.await();

      assertThrows(SignInRequiredException.class, () -> other.get("alice"));
      lookingBack.close();
      signIn.join();
      assertThrows(SignInRequiredException.class, () -> other.get("alice"));
    }
  }

  @Test
  void anotherPersonSignsIn_storeFailsWithAnError_refusedAllTheSame() {
    engine.signIn("alice");
    seenByTheOther.failNextCommit(new StackOverflowError());
    CompletableFuture<Void> bob = later(other, FakeBroker.code(engine.server(), "bob"));
    engine.liveUntil(TICK, bob::isDone);

    assertRefusedAsAnothers(bob);
    engine.expire();
    assertServed(engine);
  }

  /** Its refresh token was never sent, so nobody has to wait for what it brings. */
  @Test
  void anotherPersonsSetImported_refusedEachTimeAtOnce() {
    engine.signIn("alice");
    Grant bobs = importedSet("bob");
    for (int i = 0; i < 2; i++) {
      assertThrows(SignInRequiredException.class, () -> engine.signIn("alice", bobs));
      assertNull(store.load(PENDING));
    }
  }

  /** Its refresh token is spent by then. */
  @Test
  void anotherPersonRefused_thenAllowedWithTheSameToken_sentOnce() {
    engine.signIn("alice");
    Grant bobs = given("bob");
    assertThrows(SignInRequiredException.class, () -> engine.signIn("alice", bobs));

    CompletableFuture<Void> allowed =
        CompletableFuture.runAsync(
            () -> engine.manager().signInAsAnyone(FakeBroker.NAME, "alice", bobs));
    await(allowed);

    assertSessionLives();
    assertNull(store.load(PENDING));
  }

  /** Nothing of it could be of use to anybody. */
  @Test
  void anotherPersonRefused_codeIsSpent_nothingIsLeft() {
    engine.signIn("alice");
    Grant bobs = FakeBroker.code(engine.server(), "bob");
    assertThrows(SignInRequiredException.class, () -> engine.signIn("alice", bobs));

    assertNull(store.load(PENDING));
  }

  // Sign-outs -----------------------------------------------------------------------------------

  /** Another sign-in has its tokens, which are not in their place yet. */
  @Test
  void signedOutWhileAnotherSignInHasItsTokens_broughtAgain_sentOnce() {
    engine.signIn("alice");
    CompletableFuture<Void> first;
    CompletableFuture<Void> again;
    try (Gate gate = engine.server().holdRequests("whoami")) {
      first = later(other, grant);
      gate.awaitArrivals(1);
      engine.signOut("alice");
      again = later(engine, grant);
      engine.settleBut(1);
    }
    await(first);
    await(again);

    assertSessionLives();
  }

  /** It was claimed by a process that could not remove it in the end. */
  @Test
  void signOut_takesWhatIsInItsPlace_thoughItWasClaimed() {
    engine.signIn("alice", grant);
    store.supersede(PENDING, engine.stored("alice").content());
    engine.beginElsewhere(TokenStore.Kind.SIGN_IN, "alice");
    engine.expire();
    engine.getAsTimePasses("alice");

    engine.signOut("alice");

    assertNull(store.load(PENDING));
  }

  /** That the session has ended is not stored yet, but known. */
  @Test
  void sessionHasEnded_cantBeSaved_sentAllTheSame() {
    other.signIn("alice", grant);
    engine.server().endSessions("alice");
    engine.expire();
    seenByTheOther.afterNextBegin(() -> seenByTheOther.failWrites(true));
    assertThrows(SignInRequiredException.class, () -> other.getAsTimePasses("alice"));
    assertEquals(TokenStore.State.ACTIVE, engine.stored("alice").content().state());
    seenByTheOther.failWrites(false);

    CompletableFuture<Void> again = later(other, grant);
    engine.liveUntil(TICK, again::isDone);

    assertTrue(again.isCompletedExceptionally());
  }

  @Test
  void leftBehindThoughInItsPlace_sessionHasEnded_notRevived() {
    engine.signIn("alice", grant);
    store.supersede(PENDING, engine.stored("alice").content());
    engine.server().endSessions("alice");
    engine.expire();
    assertThrows(SignInRequiredException.class, () -> engine.getAsTimePasses("alice"));

    assertThrows(SignInRequiredException.class, () -> engine.signIn("alice", grant));

    assertEquals(TokenStore.State.SIGN_IN_REQUIRED, engine.stored("alice").content().state());
  }

  @Test
  void signOut_takesWhatASignInLeftBehind_butNotWhatIsUnderWay() {
    engine.signIn("alice", grant);
    store.supersede(PENDING, engine.stored("alice").content());
    engine.signOut("alice");
    assertNull(store.load(PENDING));

    engine.signIn("alice");
    engine.beginElsewhere(TokenStore.Kind.SIGN_IN, "alice");
    engine.signOut("alice");
    assertEquals("an-intent", Objects.requireNonNull(store.load(PENDING)).intent().id());
  }

  @Test
  void savedLate_nothingIsLeftBehind() {
    seenByTheOther.beforeNextSupersede(
        () -> {
          seenByTheOther.failWrites(true);
          throw new TokenStoreException(TokenStoreException.Reason.WRITE_FAILED, "full", null);
        });
    await(later(other, grant));
    assertEquals(
        TokenStore.State.ACTIVE, Objects.requireNonNull(store.load(PENDING)).content().state());
    seenByTheOther.failWrites(false);

    engine.liveUntil(TICK, () -> store.load(LOGIN) != null && store.load(PENDING) == null);

    assertServed(other);
  }

  /** Tokens of another client are of no use to it. */
  @Test
  void settingsHaveAnotherClientNow_isSent() {
    engine.signIn("alice", grant);
    int sent = engine.exchanges();
    engine.server().client("another", "canary-another");
    try (EngineFixture restarted =
        EngineFixture.of(RotationProfile.STRICT)
            .inItsPlace((server, broker) -> engine.broker())
            .settings(
                settings -> settings.client(ClientCredentials.of("another", "canary-another")))
            .store(store)
            .start()) {
      assertThrows(TokenException.class, () -> restarted.signIn("alice", grant));
    }
    assertEquals(sent + 1, engine.exchanges());
  }
}
