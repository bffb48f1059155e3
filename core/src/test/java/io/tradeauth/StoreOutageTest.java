package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.RepeatedTest;

/** The store is gone for five minutes at the worst moment, and nobody's session with it. */
class StoreOutageTest {

  private static final Duration TICK = Duration.ofSeconds(1);
  private static final Duration BETWEEN_ASKS = Duration.ofSeconds(30);
  private static final List<String> USERS =
      IntStream.range(0, 50).mapToObj(i -> "user-" + i).toList();

  private final FailingStore store = new FailingStore();

  private void fail(boolean gone) {
    store.failReads(gone);
    store.failWrites(gone);
    store.failChanges(gone);
  }

  /** Twice fifty users, of whom none has been served before: the background leaves them alone. */
  @RepeatedTest(2)
  void storeGoneFiveMinutesAfterTheRotation_twoProcesses_hundredOfHundredSessionsLive_G11_X11() {
    try (EngineFixture one =
            EngineFixture.of(RotationProfile.STRICT)
                .server(server -> server.life(Duration.ofMinutes(2)))
                .store(store)
                .start();
        EngineFixture two = one.another()) {
      one.signIn("first").signIn(USERS.toArray(String[]::new));
      loseTheStore(one, two);
      assertAllSaved(one, two);
      assertEquals(0, one.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
      assertEquals(USERS.size(), one.events(TokenEvent.UnsavedRotation.class).size());
      assertEquals(List.of(), one.events(TokenEvent.SignInRequired.class));
      assertEquals(List.of(), two.events(TokenEvent.SignInRequired.class));
    }
  }

  /** Every user's token has ended; the server rotates, and then the store is gone. */
  private void loseTheStore(EngineFixture one, EngineFixture two) {
    one.expire();
    one.get("first"); // its answer lets all the others be sent at once
    Gate gate = one.server().holdAnswers("token");
    List<CompletableFuture<AccessToken>> renewed = ask(one);
    gate.awaitArrivals(USERS.size());
    int sent = one.exchanges();
    fail(true);
    gate.open();
    one.liveUntil(TICK, () -> renewed.stream().allMatch(CompletableFuture::isDone));
    renewed.forEach(token -> assertTrue(one.server().accepts(token.join().value())));
    for (Duration gone = Duration.ZERO;
        gone.compareTo(Duration.ofMinutes(5)) < 0;
        gone = gone.plus(BETWEEN_ASKS)) {
      ask(one);
      ask(two);
      one.live(BETWEEN_ASKS);
    }
    assertEquals(sent, one.exchanges(), "nothing is sent while the store is gone");
    fail(false);
  }

  private static List<CompletableFuture<AccessToken>> ask(EngineFixture engine) {
    return USERS.stream().map(engine.tokens()::getAsync).toList();
  }

  /**
   * What was kept is saved within five seconds, before the other process may try by itself. What
   * has ended meanwhile may be renewed at once, with what was saved.
   */
  private void assertAllSaved(EngineFixture one, EngineFixture two) {
    one.live(Duration.ofSeconds(5));
    for (String user : USERS) {
      TokenStore.Key key = new TokenStore.Key(TokenStore.Kind.LOGIN, FakeBroker.NAME, user);
      TokenStore.StoredRecord stored = Objects.requireNonNull(store.load(key));
      String current =
          Objects.requireNonNull(LoginCodec.read(stored.content()).tokens()).refreshToken().value();
      assertNull(stored.intent(), user);
      assertTrue(one.server().isCurrent(current), user);
    }
    List<CompletableFuture<AccessToken>> tokens = ask(two);
    two.liveUntil(TICK, () -> tokens.stream().allMatch(CompletableFuture::isDone));
    tokens.forEach(token -> assertTrue(one.server().accepts(token.join().value())));
  }
}
