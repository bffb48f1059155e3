package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

/** What applies to an answer that tells no life, alone and beside a time of day. */
class ExpiryFallbackTest {

  private static final Instant NOON = Instant.parse("2026-01-05T12:00:00Z");
  private static final LocalTime ONE = LocalTime.of(13, 0);
  private static final TokenResponse UNTOLD = TokenResponse.builder().build();

  @Test
  void noRuleTellsAnything_fiveMinutes() {
    assertEquals(NOON.plusSeconds(300), Expiry.asTold().endOf(UNTOLD, NOON));
  }

  @Test
  void onlyTheTimeOfDayTells_thatIsTheEnd() {
    Expiry expiry = Expiry.asTold().noLaterThanDaily(ONE, ZoneOffset.UTC);

    assertEquals(NOON.plusSeconds(3600), expiry.endOf(UNTOLD, NOON));
  }

  /** Catches a session that is served until night because one answer forgot its life. */
  @Test
  void fallbackAndTimeOfDay_theEarlier() {
    Expiry expiry =
        Expiry.asTold().orElse(Duration.ofSeconds(900)).noLaterThanDaily(ONE, ZoneOffset.UTC);

    assertEquals(NOON.plusSeconds(900), expiry.endOf(UNTOLD, NOON));
    assertEquals(NOON.plusSeconds(3600), expiry.endOf(UNTOLD, NOON.plusSeconds(3000)), "cut short");
    assertEquals(
        NOON.plusSeconds(1800),
        expiry.endOf(TokenResponse.builder().expiresIn(Duration.ofSeconds(1800)).build(), NOON),
        "told");
  }
}
