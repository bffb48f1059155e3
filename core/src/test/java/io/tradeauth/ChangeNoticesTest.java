package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What a manager makes of what the store tells of others. */
class ChangeNoticesTest {

  private static final Duration ROUND = Duration.ofSeconds(5);

  private final TokenStore store = TokenStore.inMemory();
  private final FailingStore seenByTheOther = new FailingStore(store);
  private final Queue<Runnable> beforeNextClient = new ConcurrentLinkedQueue<>();

  private EngineFixture engine() {
    return EngineFixture.of(RotationProfile.STRICT)
        .store(store)
        .settings(
            settings ->
                settings
                    .client(this::client)
                    .maxWait(Duration.ofMinutes(5))
                    .hold(Duration.ofMinutes(5)))
        .start();
  }

  private ClientCredentials client() {
    Runnable first = beforeNextClient.poll();
    if (first != null) {
      first.run();
    }
    return FakeBroker.client();
  }

  private static Realm realm(EngineFixture engine) {
    return ((ManagedTokenProvider) engine.tokens()).realm();
  }

  /** Lets two rounds begin: when the second asks, the first has done what it was told. */
  private void awaitRound(EngineFixture engine) {
    int before = seenByTheOther.told();
    while (seenByTheOther.told() < before + 2) {
      int told = seenByTheOther.told();
      engine.advance(ROUND);
      // One that falls due while another is under way is left out: then the next counts.
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
      while (seenByTheOther.told() == told && System.nanoTime() - end < 0) {
        Thread.yield();
      }
    }
  }

  @Test
  void exchangeUnderWay_toldLateOfTheSignInThatItHasRead_goesOn() throws Exception {
    try (EngineFixture engine = engine();
        EngineFixture other = engine.another(seenByTheOther)) {
      seenByTheOther.failChanges(true);
      engine.signIn("alice");
      engine.expire();
      CompletableFuture<AccessToken> got;
      try (Gate gate = engine.server().holdRequests("token")) {
        got = other.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        seenByTheOther.failChanges(false);
        awaitRound(other);
        assertEquals(1, realm(other).flightsUnderWay(), "who asks now waits for it, too");
      }
      // Sent away, it would have to wait for its own exchange, and no time goes by.
      assertTrue(engine.server().accepts(got.get().value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  @Test
  void answerLost_toldLateOfTheSignInThatWasRead_stillLeftAlone() {
    try (EngineFixture engine = engine();
        EngineFixture other = engine.another(seenByTheOther)) {
      seenByTheOther.failChanges(true);
      engine.signIn("alice");
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);
      assertThrows(BrokerUnavailableException.class, () -> other.get("alice"));
      int sent = engine.exchanges();
      seenByTheOther.failChanges(false);
      awaitRound(other);

      BrokerUnavailableException doubtful =
          assertThrows(BrokerUnavailableException.class, () -> other.get("alice"));

      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, doubtful.reason());
      assertEquals(sent, engine.exchanges());
    }
  }

  /** The store may be gone just then. */
  @Test
  void tokensInHand_toldLateOfTheSignInThatTheyAreOf_stay() {
    try (EngineFixture engine = engine();
        EngineFixture other = engine.another(seenByTheOther)) {
      seenByTheOther.failChanges(true);
      engine.signIn("alice");
      AccessToken inHand = other.get("alice");
      seenByTheOther.failChanges(false);
      awaitRound(other);
      seenByTheOther.failReads(true);

      assertEquals(inHand, other.get("alice"));
    }
  }

  @Test
  void signedInTwiceHere_toldOfBoth_tokensInHandStay() {
    try (EngineFixture engine = engine();
        EngineFixture other = engine.another(seenByTheOther)) {
      other.signIn("alice").signIn("alice");
      AccessToken inHand = other.get("alice");
      awaitRound(other);
      seenByTheOther.failReads(true);

      assertEquals(inHand, other.get("alice"));
    }
  }

  @Test
  void roundThatFails_isToldAgain() {
    try (EngineFixture engine = engine().signIn("alice");
        EngineFixture other = engine.another(seenByTheOther)) {
      other.get("alice");
      seenByTheOther.failChanges(true);
      engine.signOut("alice");
      awaitRound(other);
      other.get("alice");
      seenByTheOther.failChanges(false);
      awaitRound(other);
      assertThrows(SignInRequiredException.class, () -> other.get("alice"));
    }
  }

  @Test
  void toldThatEverythingMayHaveChanged_allIsReadAnew() {
    try (EngineFixture engine = engine().signIn("alice");
        EngineFixture other = engine.another(seenByTheOther)) {
      other.get("alice");
      seenByTheOther.tellEverything();
      engine.signOut("alice");
      awaitRound(other);
      assertThrows(SignInRequiredException.class, () -> other.get("alice"));
    }
  }

  /** Their hashes are the same, so that whoever asks anew comes behind the others. */
  @Test
  void toldThatEverythingMayHaveChanged_whoAsksAnewAtOnceIsNotSentAwayForEver() {
    List<String> users = List.of("AaAa", "AaBB", "BBAa", "BBBB");
    try (EngineFixture engine = engine().signIn(users.toArray(String[]::new));
        EngineFixture other = engine.another(seenByTheOther)) {
      users.forEach(other::get);
      engine.expire();
      List<CompletableFuture<AccessToken>> asked;
      try (Gate gate = engine.server().holdRequests("token")) {
        asked = users.stream().map(other.tokens()::getAsync).toList();
        gate.awaitArrivals(1);
        seenByTheOther.tellEverything();
        awaitRound(other);
      }
      other.liveUntil(
          Duration.ofMillis(200), () -> asked.stream().allMatch(CompletableFuture::isDone));
      asked.forEach(token -> assertTrue(engine.server().accepts(token.join().value())));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  @Test
  void toldThatEverythingMayHaveChanged_whoAwaitsASignInLooks() throws Exception {
    try (EngineFixture engine = engine();
        EngineFixture other = engine.another(seenByTheOther)) {
      CompletableFuture<Void> signedIn =
          CompletableFuture.runAsync(
              () -> other.manager().awaitSignIn(FakeBroker.NAME, "alice", Duration.ofSeconds(30)));
      engine.signIn("alice");
      while (!signedIn.isDone()) {
        seenByTheOther.tellEverything();
        awaitRound(other);
      }
      signedIn.get();
    }
  }

  /** A token may be forced once in a while only, and whoever asks anew needs that. */
  @Test
  void lookThatIsSentAwayWhileItReads_takesNothingFromWhoAsksAnew() throws Exception {
    try (EngineFixture engine = engine().signIn("alice");
        EngineFixture other = engine.another(seenByTheOther)) {
      assertRenewed(engine, other, seenByTheOther::afterNextRead);
    }
  }

  @Test
  void lookThatIsSentAwayOnceItHasRead_takesNothingFromWhoAsksAnew() throws Exception {
    try (EngineFixture engine = engine().signIn("alice");
        EngineFixture other = engine.another(seenByTheOther)) {
      assertRenewed(engine, other, beforeNextClient::add);
    }
  }

  /**
   * Asserts that who was sent away gets new tokens, though the look of before goes on meanwhile.
   *
   * @param nextLook takes what the next look of the other process is to do on its way
   */
  private void assertRenewed(EngineFixture engine, EngineFixture other, Consumer<Runnable> nextLook)
      throws Exception {
    try (Stop first = new Stop();
        Stop second = new Stop()) {
      AccessToken refused = other.get("alice");
      engine.advance(Duration.ofMinutes(1));
      int before = engine.exchanges();
      nextLook.accept(first::reach);
      nextLook.accept(second::reach);
      CompletableFuture<AccessToken> got =
          CompletableFuture.supplyAsync(() -> other.tokens().getInsteadOf("alice", refused));
      first.await();
      seenByTheOther.tellEverything();
      awaitRound(other);
      second.await();
      Realm realm = realm(other);
      first.close();
      Await.until("the first look has ended", () -> realm.stepsRunning() == 1);
      second.close();

      assertTrue(engine.server().accepts(got.get().value()));
      assertEquals(before + 1, engine.exchanges());
    }
  }
}
