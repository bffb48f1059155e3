package io.tradeauth.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.BrokerUnavailableException;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.BeginOutcome;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.StoredRecord;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What two processes over one {@link TokenStore} must keep to, with a server that ends a session
 * when a refresh token is used twice (G5, G11). A store's own test extends this beside {@link
 * TokenStoreContract}.
 */
public abstract class SharedStoreContract {

  private static final Key ALICE = new Key(Kind.LOGIN, FakeBroker.NAME, "alice");
  private static final Duration HOLD = Duration.ofSeconds(60);

  private EngineFixture one;
  private EngineFixture two;

  /** For subclasses. */
  protected SharedStoreContract() {}

  /** Returns an empty store. */
  protected abstract TokenStore newStore() throws Exception;

  /**
   * Returns the same records as another process sees them: another store, opened anew over the same
   * files or tables, that shares no memory with this one. The very store only if no second process
   * can ever use its records; a store that is asked about itself is not found out when it says
   * "written" before it is.
   *
   * @param store what {@link #newStore} has returned
   */
  protected abstract TokenStore asAnotherProcessSeesIt(TokenStore store) throws Exception;

  /** Returns how often both expire at once. */
  protected int rounds() {
    return 100;
  }

  @BeforeEach
  final void start() throws Exception {
    TokenStore store = newStore();
    one =
        EngineFixture.of(RotationProfile.STRICT)
            .server(server -> server.life(Duration.ofMinutes(2)))
            .store(store)
            .start();
    two = one.another(asAnotherProcessSeesIt(store));
  }

  @AfterEach
  final void stop() {
    two.close();
    one.close();
  }

  /** G5: each adopts what the other has saved. */
  @Test
  void bothExpireAtOnce_oneExchangeEachTime_sessionLives() {
    one.signIn("alice");
    try (Racers racers = new Racers(8)) {
      for (int round = 0; round < rounds(); round++) {
        int before = one.exchanges();
        Gate gate = one.server().holdRequests("token");
        one.expire();
        List<Future<AccessToken>> callers =
            racers.start(racer -> (racer % 2 == 0 ? one : two).get("alice"));
        gate.awaitArrivals(1);
        gate.open();
        one.live(Duration.ofSeconds(3)); // who waits for the other looks again by the clock
        List<AccessToken> tokens = Racers.results(callers);

        assertTrue(one.exchanges() - before <= 1, "exchanges in round " + round);
        assertEquals(1, tokens.stream().distinct().count(), "tokens in round " + round);
        assertTrue(one.server().accepts(tokens.get(0).value()));
      }
    }
    assertTrue(one.server().hasSession("alice"));
    assertEquals(0, one.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    assertEquals(List.of(), one.events(io.tradeauth.TokenEvent.SignInRequired.class));
  }

  /** A sign-out is seen by the other process within five seconds. */
  @Test
  void signOutInOne_seenByTheOtherWithin5Seconds() {
    one.signIn("alice");
    two.get("alice");

    one.signOut("alice");
    one.live(Duration.ofSeconds(5));

    SignInRequiredException refusal =
        assertThrows(SignInRequiredException.class, () -> two.get("alice"));
    assertEquals(SignInRequiredException.Reason.SIGNED_OUT, refusal.reason());
  }

  /** A sign-in is seen by the other process within five seconds, though its token is still good. */
  @Test
  void signInInOne_seenByTheOtherWithin5Seconds() {
    one.signIn("alice");
    AccessToken before = two.get("alice");
    one.live(Duration.ofSeconds(10));

    one.signIn("alice");
    one.live(Duration.ofSeconds(5));

    assertNotEquals(before, two.get("alice"));
    assertEquals(one.get("alice"), two.get("alice"));
    assertEquals(2, one.exchanges());
  }

  /** Who was told to sign in, and did so at the other process, is served without asking again. */
  @Test
  void signInRequired_signedInAtTheOther_served() {
    assertThrows(SignInRequiredException.class, () -> two.get("alice"));

    one.signIn("alice");

    assertEquals(one.get("alice"), two.get("alice"));
  }

  /** A refusal that one process was told is remembered for the other, which sends nothing. */
  @Test
  void refusedInOne_theOtherSendsNothing() {
    one.signIn("alice");
    two.get("alice");
    one.server().endSessions("alice");
    one.expire();
    assertThrows(SignInRequiredException.class, () -> one.getAsTimePasses("alice"));
    int sent = one.exchanges();

    assertThrows(SignInRequiredException.class, () -> two.getAsTimePasses("alice"));

    assertEquals(sent, one.exchanges());
  }

  /** A token that another process renewed is adopted; nothing is sent for it. */
  @Test
  void renewedInOne_adoptedByTheOther() {
    one.signIn("alice");
    two.get("alice");
    one.expire();
    AccessToken renewed = one.getAsTimePasses("alice");
    int sent = one.exchanges();

    assertEquals(renewed, two.getAsTimePasses("alice"));
    assertEquals(sent, one.exchanges());
  }

  /**
   * G11: an intent that a dead process left open is taken over after this process has seen it for
   * the whole hold: nothing is sent inside it, then exactly one request.
   */
  @Test
  void ownerDied_nothingInsideTheHold_thenOneProbe() {
    int sent = expiredWithAnIntentOpen();

    CompletableFuture<AccessToken> waiting = two.tokens().getAsync("alice");
    one.live(HOLD.minusSeconds(1));

    assertEquals(sent, one.exchanges(), "sent inside the hold");

    one.live(Duration.ofSeconds(4));

    assertEquals(sent + 1, one.exchanges(), "probes");
    assertTrue(one.server().accepts(two.get("alice").value()));
    // Whoever asked first has waited as long as it may, and was told so.
    assertTrue(waiting.isDone());
    assertEquals(sent + 1, one.exchanges());
    assertEquals(null, Objects.requireNonNull(one.store().load(ALICE)).intent());
  }

  /**
   * G11: what was not looked at for more than ten seconds does not count: the intent may have been
   * another one's meanwhile.
   */
  @Test
  void ownerDied_watcherStandsStill_watchesForAWholeHoldAnew() {
    int sent = expiredWithAnIntentOpen();

    CompletableFuture<AccessToken> waiting = two.tokens().getAsync("alice");
    one.live(Duration.ofSeconds(5));
    one.clock().jump(HOLD);
    one.live(HOLD.minusSeconds(1));

    assertEquals(sent, one.exchanges(), "sent inside the hold");

    one.live(Duration.ofSeconds(4));

    assertEquals(sent + 1, one.exchanges(), "probes");
    assertTrue(waiting.isDone());
  }

  /** G11: two that wait for the same dead one: still one probe. */
  @Test
  void ownerDied_bothWait_oneProbe() {
    int sent = expiredWithAnIntentOpen();

    CompletableFuture<AccessToken> first = one.tokens().getAsync("alice");
    CompletableFuture<AccessToken> second = two.tokens().getAsync("alice");
    one.live(HOLD.plusSeconds(5));

    assertTrue(first.isDone() && second.isDone());
    assertEquals(sent + 1, one.exchanges(), "probes");
    assertEquals(one.get("alice"), two.get("alice"));
    assertTrue(one.server().hasSession("alice"));
  }

  /** G11: whoever saves while the other waits has its tokens adopted; nothing is sent. */
  @Test
  void ownerOnlySlow_savedInsideTheHold_adopted() {
    one.signIn("alice");
    one.expire();
    try (Gate gate = one.server().holdAnswers("token")) {
      CompletableFuture<AccessToken> slow = one.tokens().getAsync("alice");
      gate.awaitArrivals(1);
      int sent = one.exchanges();
      CompletableFuture<AccessToken> waiting = two.tokens().getAsync("alice");
      for (int i = 0; i < 10; i++) {
        one.advance(Duration.ofSeconds(1));
      }
      gate.open();

      AccessToken renewed = Racers.result(slow);
      one.live(Duration.ofSeconds(4));

      assertEquals(renewed, Racers.result(waiting));
      assertEquals(sent, one.exchanges());
    }
  }

  /** A get never waits longer than it may, whoever holds the exchange up. */
  @Test
  void ownerDied_callerWaitsNoLongerThanItMay() {
    one.signIn("alice");
    two.get("alice");
    leaveIntentOpen();
    one.expire();

    CompletableFuture<AccessToken> waiting = two.tokens().getAsync("alice");
    one.live(Duration.ofSeconds(16));

    Throwable failure = waiting.handle((token, thrown) -> Objects.requireNonNull(thrown)).join();
    assertEquals(BrokerUnavailableException.class, failure.getClass());
    assertEquals(
        BrokerUnavailableException.Reason.WAITED_TOO_LONG,
        ((BrokerUnavailableException) failure).reason());
    // Or closing the manager takes as long as an exchange may.
    one.store().clear(ALICE, "of-the-dead");
    one.live(Duration.ofSeconds(4));
  }

  /** Both know alice, her owner died on the way, and her token is over. Returns what was sent. */
  private int expiredWithAnIntentOpen() {
    one.signIn("alice");
    two.get("alice");
    leaveIntentOpen();
    one.expire();
    return one.exchanges();
  }

  /** Does what a process does that dies after it has begun an exchange and before it has sent. */
  private void leaveIntentOpen() {
    StoredRecord stored = Objects.requireNonNull(one.store().load(ALICE));
    BeginOutcome begun =
        one.store()
            .begin(ALICE, stored.version(), new Intent("of-the-dead", "dead", "Refresh"), null)
            .outcome();
    assertEquals(BeginOutcome.BEGUN, begun);
  }
}
