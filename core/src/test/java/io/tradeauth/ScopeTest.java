package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.tradeauth.testing.EngineFixture;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** A token is asked for with the scope that a call needs (P10). */
class ScopeTest {

  private static void assertDowngraded(EngineFixture engine, String... required) {
    assertEquals(
        SignInRequiredException.Reason.SCOPE_DOWNGRADED,
        assertThrows(
                SignInRequiredException.class, () -> engine.tokens().getScoped("alice", required))
            .reason());
  }

  @Test
  void scopeNarrowedByARenewal_refusedFromThenOn_healedByTheNext_P10() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.tokens().getScoped("alice", "trade");
      engine.server().scope("read");
      engine.expire();

      assertDowngraded(engine, "trade");
      assertDowngraded(engine, "read", "trade");
      engine.tokens().getScoped("alice", "read");

      engine.server().scope("read trade");
      engine.expire();
      engine.tokens().getScoped("alice", "trade");
    }
  }

  @Test
  void scopeUntold_passes_P10() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE).server(server -> server.scope("")).start()) {
      engine.signIn("alice");
      assertEquals(engine.get("alice"), engine.tokens().getScoped("alice", "anything"));
    }
  }

  @Test
  void tokensNotInMemory_storedScopeDecides_P10() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE).manager(m -> m.maximumCachedUsers(1)).start()) {
      engine.signIn("alice", "bob", "carol");
      UserTokens alice = engine.tokens().forUser("alice");
      for (int i = 0; i < 20; i++) {
        engine.get("bob");
        engine.get("carol");
        alice.getScoped("read");
        assertDowngraded(engine, "withdraw");
      }
    }
  }

  @Test
  void fixedToken_isGoodForAll_P10() {
    AccessToken token =
        AccessToken.of("canary-fixed", Instant.MAX, ApiHosts.of("https://api.example.com"));
    TokenProvider fixed = TokenProvider.fixed(token);
    assertEquals(token, fixed.getScoped("alice", "anything"));
    assertEquals(token, fixed.forUser("alice").getScoped("anything"));
  }
}
