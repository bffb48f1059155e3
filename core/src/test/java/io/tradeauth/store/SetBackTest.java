package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenEvent;
import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An older record of a user comes back, as after a failover or a restored backup (G34, X15). */
class SetBackTest {

  private SetBackPlace place;
  private EngineFixture engine;

  @BeforeEach
  void start() throws Exception {
    start(RotationProfile.STRICT);
  }

  private void start(RotationProfile rotation) throws Exception {
    place = newPlace();
    engine = EngineFixture.of(rotation).store(place.open()).start().signIn("alice");
  }

  /** Returns where the records are. */
  SetBackPlace newPlace() throws Exception {
    return SetBackPlace.inFiles();
  }

  @AfterEach
  void stop() throws Exception {
    engine.close();
    place.close();
  }

  private void assertNothingSpentTwice() {
    assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
  }

  private void assertWorks(EngineFixture process) {
    assertTrue(engine.server().accepts(process.get("alice").value()));
  }

  @Test
  void whoHasSavedTheNewer_savesItAgain_spentTokenNeverSent_G34_X15() throws Exception {
    place.keep();
    engine.expire();
    engine.get("alice");
    place.putBack();
    engine.expire();

    assertWorks(engine);
    assertNothingSpentTwice();
    assertEquals(3, engine.exchanges());
    List<TokenEvent.StoreSetBack> told = engine.events(TokenEvent.StoreSetBack.class);
    assertEquals(1, told.size());
    assertTrue(told.get(0).isMended());
    try (EngineFixture restarted = engine.another(place.open())) {
      assertWorks(restarted);
    }
  }

  /** The record that was saved again has a lower number than others have seen. */
  @Test
  void mendedByOne_othersGoOn_X15() throws Exception {
    try (EngineFixture other = engine.another(place.open())) {
      place.keep();
      for (int i = 0; i < 3; i++) {
        engine.expire();
        engine.get("alice");
      }
      other.get("alice");
      place.putBack();
      engine.clock().advance(Duration.ofSeconds(10));
      engine.tokens().renew("alice");
      assertEquals(1, engine.events(TokenEvent.StoreSetBack.class).size());
      engine.manager().close();
      engine.expire();
      assertWorks(other);

      assertNothingSpentTwice();
      assertEquals(List.of(), other.events(TokenEvent.StoreSetBack.class));
    }
  }

  @Test
  void whoHasOnlySeenTheNewer_servesIt_thenSignInRequired_spentTokenNeverSent_G34()
      throws Exception {
    try (EngineFixture other = engine.another(place.open())) {
      place.keep();
      engine.expire();
      engine.get("alice");
      AccessToken seen = other.get("alice");
      engine.manager().close();
      place.putBack();

      assertEquals(seen, other.get("alice"));
      int before = engine.exchanges();
      engine.expire();
      SignInRequiredException lost =
          assertThrows(SignInRequiredException.class, () -> other.get("alice"));
      assertEquals(SignInRequiredException.Reason.ROTATION_LOST, lost.reason());
      assertEquals(before, engine.exchanges());
      assertTrue(
          other.events(TokenEvent.StoreSetBack.class).stream().noneMatch(told -> told.isMended()));
      assertTrue(!other.events(TokenEvent.StoreSetBack.class).isEmpty());

      other.signIn("alice");
      assertWorks(other);
    }
  }

  @Test
  void whoHasSeenNothing_triesItOnce_thenSignInRequired_X15() throws Exception {
    place.keep();
    engine.expire();
    engine.get("alice");
    engine.manager().close();
    place.putBack();
    int before = engine.exchanges();
    engine.expire();
    try (EngineFixture restarted = engine.another(place.open())) {
      for (int i = 0; i < 3; i++) {
        assertThrows(SignInRequiredException.class, () -> restarted.get("alice"));
      }
      assertEquals(1, engine.exchanges() - before);
    }
  }

  @Test
  void refreshTokenStaysTheSame_nothingIsLost_X15() throws Exception {
    stop();
    start(RotationProfile.NONE);
    place.keep();
    engine.expire();
    engine.get("alice");
    place.putBack();
    engine.expire();

    assertWorks(engine);
  }
}
