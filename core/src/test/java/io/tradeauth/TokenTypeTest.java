package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TokenTypeTest {

  private static final Instant NOON = Instant.parse("2026-01-05T12:00:00Z");

  @Test
  void loginTellsNoType_bearer() {
    assertEquals("Bearer", login("{\"access_token\":\"canary-1\"}").tokenType());
  }

  @Test
  void refreshTellsNoType_keepsTheSpellingOfTheLogin() {
    TokenSet login = login("{\"access_token\":\"canary-1\",\"token_type\":\"bearer\"}");

    TokenSet refreshed =
        login.renewedBy(response("{\"access_token\":\"canary-2\"}"), Expiry.asTold(), NOON);

    assertEquals("bearer", refreshed.tokenType());
  }

  @Test
  void refreshTellsAnotherSpelling_takesIt() {
    TokenSet login = login("{\"access_token\":\"canary-1\",\"token_type\":\"bearer\"}");

    TokenSet refreshed =
        login.renewedBy(
            response("{\"access_token\":\"canary-2\",\"token_type\":\"Bearer\"}"),
            Expiry.asTold(),
            NOON);

    assertEquals("Bearer", refreshed.tokenType());
  }

  private static TokenSet login(String body) {
    return TokenSet.first(response(body), Expiry.asTold(), NOON, Set.of());
  }

  private static TokenResponse response(String body) {
    return TokenResponse.read(
            Objects.requireNonNull(Json.read(body.getBytes(StandardCharsets.UTF_8))))
        .build();
  }
}
