package io.tradeauth.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenProvider;
import java.net.URI;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What every {@link TokenProvider} must keep to that renews tokens itself (G41): one exchange
 * however many ask, nobody waits who has a good token, and after a 401 the rejected token decides.
 * JUnit 5 must be on the class path.
 *
 * <p>Each test names the fault that it finds.
 */
public abstract class TokenProviderContract {

  private static final String ALICE = "alice";
  private static final String BOB = "bob";
  private static final int CALLERS = 16;

  private final ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
  private FakeAuthorizationServer server;
  private TokenProvider tokens;

  /** For subclasses. */
  protected TokenProviderContract() {}

  /**
   * Returns a provider of tokens of {@code server}, which ends a session when a refresh token is
   * used twice.
   *
   * @param clock the clock to live by
   * @param refreshTokens the users who are signed in
   */
  protected abstract TokenProvider provider(
      FakeAuthorizationServer server, ManualClock clock, Map<String, String> refreshTokens);

  /** Releases what {@link #provider} took. */
  protected void release() {}

  @BeforeEach
  final void start() {
    server = new FakeAuthorizationServer(clock, RotationProfile.STRICT);
    tokens =
        provider(
            server,
            clock,
            Map.of(ALICE, server.refreshToken(ALICE), BOB, server.refreshToken(BOB)));
  }

  @AfterEach
  final void stop() {
    release();
    server.close();
  }

  @Test
  void goodToken_get_theSameAgainAndNothingSent() {
    AccessToken token = tokens.get(ALICE);
    int sent = exchanges();

    assertTrue(server.accepts(token.value()));
    assertEquals(token, tokens.get(ALICE));
    assertEquals(token, tokens.forUser(ALICE).get());
    assertEquals(Optional.of(token), tokens.peek(ALICE));
    assertEquals(token, Racers.result(tokens.getAsync(ALICE)));
    assertEquals(sent, exchanges());
  }

  /** P10: finds a provider that hands out a token that is not good for the call. */
  @Test
  void scopeGranted_theToken_scopeMissing_signInRequired_nothingSent_P10() {
    AccessToken token = tokens.get(ALICE);
    int sent = exchanges();

    assertEquals(token, tokens.getScoped(ALICE, "read", "trade"));
    assertEquals(token, tokens.forUser(ALICE).getScoped("trade"));
    assertEquals(token, tokens.getScoped(ALICE));
    SignInRequiredException downgraded =
        assertThrows(
            SignInRequiredException.class, () -> tokens.getScoped(ALICE, "read", "withdraw"));

    assertEquals(SignInRequiredException.Reason.SCOPE_DOWNGRADED, downgraded.reason());
    assertEquals(token, tokens.get(ALICE));
    assertEquals(sent, exchanges());
  }

  @Test
  void unknownUser_get_signInRequiredAndNothingSent() {
    int sent = exchanges();

    assertThrows(SignInRequiredException.class, () -> tokens.get("nobody"));
    assertEquals(sent, exchanges());
  }

  @Test
  void expiredToken_peek_emptyAndNothingSent() {
    tokens.get(ALICE);
    expire();
    int sent = exchanges();

    assertEquals(Optional.empty(), tokens.peek(ALICE));
    assertEquals(sent, exchanges());
  }

  /** Finds a provider that locks and does not look again when it has the lock. */
  @Test
  void expiredToken_manyCallers_oneExchangeAlsoForWhoeverWaitedForTheLock() {
    AccessToken before = tokens.get(ALICE);
    expire();
    int sent = exchanges();

    try (Racers racers = new Racers(CALLERS);
        Gate gate = server.holdRequests("token")) {
      List<Future<AccessToken>> callers = racers.start(racer -> tokens.get(ALICE));
      gate.awaitArrivals(1);
      racers.awaitStanding(CALLERS - 1);
      gate.open();
      Set<AccessToken> got = new HashSet<>(Racers.results(callers));

      assertEquals(1, exchanges() - sent, "exchanges");
      assertEquals(1, got.size(), "different tokens");
      assertFalse(got.contains(before));
    }
  }

  @Test
  void expiredTokens_everyLife_sessionLives() {
    for (int life = 0; life < 5; life++) {
      assertTrue(server.accepts(tokens.get(ALICE).value()), "life " + life);
      expire();
    }

    assertTrue(server.hasSession(ALICE));
    assertEquals(0, server.ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
  }

  /** Finds a provider with one lock for all users. */
  @Test
  void anotherUsersExchangeHangs_goodAndExpiredTokensAreServed() {
    tokens.get(ALICE);
    tokens.get(BOB);
    expire();
    try (Racers racers = new Racers(CALLERS)) {
      AccessToken alices = tokens.get(ALICE);
      try (Gate gate = server.holdRequests("token")) {
        Future<AccessToken> hanging = racers.go(racer -> tokens.get(BOB));
        gate.awaitArrivals(1);

        List<AccessToken> served = racers.race(racer -> tokens.get(ALICE));

        assertFalse(hanging.isDone());
        assertEquals(Set.of(alices), new HashSet<>(served));
        gate.open();
        assertTrue(server.accepts(Racers.result(hanging).value()));
      }
    }
  }

  /** G10: finds a provider whose readers wait for a renewal that they do not need. */
  @Test
  void renewalHangs_goodTokenIsServedMeanwhile() {
    AccessToken good = tokens.get(ALICE);
    clock.shiftWall(Duration.ofSeconds(10));
    try (Racers racers = new Racers(CALLERS);
        Gate gate = server.holdRequests("token")) {
      Future<AccessToken> renewal = racers.go(racer -> tokens.renew(ALICE));
      gate.awaitArrivals(1);

      List<AccessToken> served = racers.race(racer -> tokens.get(ALICE));

      assertFalse(renewal.isDone());
      assertEquals(Set.of(good), new HashSet<>(served));
      gate.open();
      assertNotEquals(good, Racers.result(renewal));
    }
  }

  /** G23: finds a provider that renews once for each 401. */
  @Test
  void rejectedToken_manyCallers_oneExchange() {
    AccessToken rejected = tokens.get(ALICE);
    clock.shiftWall(Duration.ofSeconds(10));
    server.endAccessTokens(ALICE);
    int sent = exchanges();

    try (Racers racers = new Racers(CALLERS)) {
      Set<AccessToken> got =
          new HashSet<>(racers.race(racer -> tokens.getInsteadOf(ALICE, rejected)));

      assertEquals(1, exchanges() - sent, "exchanges");
      assertEquals(1, got.size(), "different tokens");
      assertFalse(got.contains(rejected));
    }
  }

  /** G23: finds a provider that renews for a 401 of a token that was replaced long ago. */
  @Test
  void rejectedToken_replacedAlready_theNewOneAndNothingSent() {
    AccessToken old = tokens.get(ALICE);
    expire();
    AccessToken current = tokens.get(ALICE);
    int sent = exchanges();

    assertEquals(current, tokens.getInsteadOf(ALICE, old));
    assertEquals(sent, exchanges());
  }

  /** Finds a provider where a caller who goes away takes the others' exchange along. */
  @Test
  void cancelledFuture_theOthersAreServed() {
    tokens.get(ALICE);
    expire();
    try (Gate gate = server.holdRequests("token")) {
      CompletableFuture<AccessToken> first = tokens.getAsync(ALICE);
      CompletableFuture<AccessToken> second = tokens.getAsync(ALICE);
      gate.awaitArrivals(1);

      first.cancel(true);
      gate.open();

      assertTrue(server.accepts(Racers.result(second).value()));
      assertTrue(first.isCancelled());
    }
  }

  /** G27. */
  @Test
  void token_foreignHost_refused() {
    AccessToken token = tokens.get(ALICE);

    assertThrows(
        BrokerConfigurationException.class,
        () -> token.authorizationFor(URI.create("https://example.com/")));
    assertTrue(token.authorizationFor(tokens.apiUri("/v1/data")).contains(token.value()));
  }

  /** Lets the machine sleep until all tokens have ended. */
  private void expire() {
    clock.shiftWall(server.life().plusSeconds(1));
  }

  private int exchanges() {
    return server.count("token");
  }
}
