package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.TokenStoreException;
import io.tradeauth.testing.EngineFixture;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A script beside a service, which may use its tokens and renews none. */
class ReadOnlyTest {

  @ParameterizedTest
  @EnumSource
  void readOnly_livingTokenServed_endedOneNamesWhoRenews_nothingExchanged_G38(StorePlace.Kind kind)
      throws Exception {
    try (StorePlace place = kind.make();
        EngineFixture service =
            EngineFixture.of(RotationProfile.STRICT).store(place.open()).start().signIn("alice");
        EngineFixture script = service.another(place.openReadOnly())) {
      // Nobody asks the service, which would renew by itself what was asked for.
      assertTrue(service.server().accepts(script.get("alice").value()));
      service.expire();

      TokenStoreException refused =
          assertThrows(TokenStoreException.class, () -> script.get("alice"));

      assertEquals(TokenStoreException.Reason.READ_ONLY, refused.reason());
      assertTrue(
          String.valueOf(refused.getMessage()).matches(".* renewed last by instance [0-9a-f]+"),
          refused.getMessage());
      assertTrue(service.server().accepts(service.get("alice").value()));
      // In the background it may have looked while the service was at it, and looks again soon:
      // whoever asks meanwhile is told what that look is told.
      script.settle();
      CompletableFuture<AccessToken> adopted = script.tokens().getAsync("alice");
      script.liveUntil(Duration.ofMillis(100), adopted::isDone);
      assertEquals(service.get("alice"), adopted.join());
      assertEquals(2, service.exchanges());
    }
  }
}
