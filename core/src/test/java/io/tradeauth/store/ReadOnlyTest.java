package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.RotationProfile;
import io.tradeauth.TokenStoreException;
import io.tradeauth.testing.EngineFixture;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** A script beside a service, which may use its tokens and renews none. */
class ReadOnlyTest {

  private final StoreFixture files = new StoreFixture();

  @Test
  void readOnly_livingTokenServed_endedOneNamesWhoRenews_nothingExchanged_G38() throws Exception {
    Path directory = files.newDirectory();
    FileTokenStore store = files.open(directory);
    FileTokenStore readOnly =
        files.open(FileTokenStore.builder(directory, StoreFixture.KEYS).readOnly());
    try (EngineFixture service =
            EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice");
        EngineFixture script = service.another(readOnly)) {
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
      assertEquals(service.get("alice"), script.get("alice"));
      assertEquals(2, service.exchanges());
    } finally {
      files.close();
    }
  }
}
