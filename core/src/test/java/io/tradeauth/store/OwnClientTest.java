package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.RotationProfile;
import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.TokenLedger;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The credentials of a user's own client last as long as the tokens, and as secretly. */
class OwnClientTest {

  @ParameterizedTest
  @EnumSource
  void restarted_renewedWithTheUsersOwnClient_whichNobodyReadsInTheStore(StorePlace.Kind kind)
      throws Exception {
    try (StorePlace place = kind.make();
        EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT).store(place.open()).start()) {
      engine.signInWithClient("own-client", "canary-own", "alice");
      engine.manager().close();
      engine.expire();

      try (EngineFixture restarted = engine.another(place.open())) {
        assertTrue(engine.server().accepts(restarted.get("alice").value()));
        assertEquals(2, engine.exchanges());
        assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
      }
      assertNowhere(List.of("canary-own", "own-client"), String.join("\n", place.dump()));
    }
  }

  private static void assertNowhere(List<String> words, String stored) {
    for (String word : words) {
      assertFalse(stored.contains(word), word);
      for (var charset : List.of(StandardCharsets.UTF_8, StandardCharsets.UTF_16BE)) {
        assertFalse(stored.contains(HexFormat.of().formatHex(word.getBytes(charset))), word);
      }
    }
  }
}
