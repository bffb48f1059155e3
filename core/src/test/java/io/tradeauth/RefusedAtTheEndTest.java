package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.tradeauth.testing.EngineFixture;
import org.junit.jupiter.api.Test;

class RefusedAtTheEndTest {

  /**
   * G25 counts renewals that an API forces and that do not help; a token that it refuses because it
   * has ended is none of these, however often that happens.
   */
  @Test
  void tokenRefusedPastItsEnd_isRenewedEveryTime() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      AccessToken token = engine.get("alice");
      int before = engine.exchanges();
      for (int i = 1; i <= 5; i++) {
        engine.expire();
        AccessToken next = engine.tokens().getInsteadOf("alice", token);
        assertNotEquals(token, next);
        assertEquals(before + i, engine.exchanges());
        token = next;
      }
    }
  }
}
