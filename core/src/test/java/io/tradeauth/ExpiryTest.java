package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.TimeZone;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When an access token ends (G15, P1, P16). */
class ExpiryTest {

  private static final TokenResponse NOTHING_TOLD =
      TokenResponse.builder().accessToken("at-canary").build();
  private static final Expiry INDIA =
      Expiry.asTold().noLaterThanDaily(LocalTime.of(3, 30), ZoneId.of("Asia/Kolkata"));

  private final TimeZone zoneBefore = TimeZone.getDefault();

  @AfterEach
  void restoreZone() {
    TimeZone.setDefault(zoneBefore);
  }

  @ParameterizedTest
  @CsvSource({
    "UTC",
    "America/New_York",
    "Asia/Kolkata",
  })
  void timeOfDay_sameInstantInEveryZoneOfTheMachine_G15_T5(String zone) {
    TimeZone.setDefault(TimeZone.getTimeZone(zone));

    assertEquals(
        Instant.parse("2025-11-25T22:00:00Z"), end(INDIA, "2025-11-25T14:30:00Z"), "Tue 20:00 IST");
    assertEquals(
        Instant.parse("2025-11-25T22:00:00Z"), end(INDIA, "2025-11-25T21:00:00Z"), "Wed 02:30 IST");
    assertEquals(
        Instant.parse("2025-11-26T22:00:00Z"),
        end(INDIA, "2025-11-25T22:00:00Z"),
        "at 03:30:00 the next day applies");
  }

  @ParameterizedTest
  @CsvSource({
    // Berlin, 2026-03-29: 02:00 jumps to 03:00, so 02:30 does not exist.
    "02:30, 2026-03-28T22:00:00Z, 2026-03-29T01:00:00Z",
    "02:30, 2026-03-29T01:00:00Z, 2026-03-30T00:30:00Z",
    // Berlin, 2026-10-25: 03:00 falls back to 02:00, so 02:30 comes twice.
    "02:30, 2026-10-24T22:00:00Z, 2026-10-25T00:30:00Z",
    "02:30, 2026-10-25T00:30:00Z, 2026-10-25T01:30:00Z",
    "02:30, 2026-10-25T01:30:00Z, 2026-10-26T01:30:00Z",
    // The day before and after have nothing odd.
    "03:30, 2026-03-29T00:00:00Z, 2026-03-29T01:30:00Z",
    "03:30, 2026-10-25T00:00:00Z, 2026-10-25T02:30:00Z",
  })
  void timeOfDay_onBothSwitchDays_correctInstant_G15(
      String time, String received, String expected) {
    Expiry berlin =
        Expiry.asTold().noLaterThanDaily(LocalTime.parse(time), ZoneId.of("Europe/Berlin"));

    assertEquals(Instant.parse(expected), end(berlin, received));
  }

  @Test
  void severalRules_earliestWins() {
    Instant received = Instant.parse("2026-01-05T10:00:00Z");
    TokenResponse told =
        TokenResponse.builder()
            .accessToken("at-canary")
            .expiresIn(Duration.ofHours(20))
            .expiresAt(received.plusSeconds(7200))
            .build();

    assertEquals(received.plusSeconds(7200), INDIA.endOf(told, received));
    assertEquals(
        Instant.parse("2026-01-05T22:00:00Z"),
        INDIA.endOf(
            TokenResponse.builder().accessToken("at-canary").expiresIn(Duration.ofDays(1)).build(),
            received));
  }

  @Test
  void nothingTold_fallback_P1() {
    Instant received = Instant.parse("2026-01-05T10:00:00Z");

    assertEquals(received.plusSeconds(300), Expiry.asTold().endOf(NOTHING_TOLD, received));
    assertEquals(
        received.plusSeconds(900),
        Expiry.asTold().orElse(Duration.ofSeconds(900)).endOf(NOTHING_TOLD, received));
  }

  @Test
  void jwtHint_onlyShortens_andOnlyWhereAskedFor_P16() {
    Instant received = Instant.parse("2026-01-05T10:00:00Z");
    String soon = jwt("{\"exp\":" + received.plusSeconds(60).getEpochSecond() + "}");
    String late = jwt("{\"exp\":" + received.plusSeconds(9000).getEpochSecond() + "}");
    Expiry hinted = Expiry.asTold().noLaterThanJwtHint();

    assertEquals(received.plusSeconds(60), hinted.endOf(response(soon), received));
    assertEquals(received.plusSeconds(600), hinted.endOf(response(late), received));
    assertEquals(received.plusSeconds(600), Expiry.asTold().endOf(response(soon), received));
    assertEquals(received.plusSeconds(600), hinted.endOf(response("a.b.c"), received));
    assertEquals(received.plusSeconds(600), hinted.endOf(response("opaque"), received));
    assertEquals(received.plusSeconds(600), hinted.endOf(response(jwt("{\"exp\":[]}")), received));
  }

  private static TokenResponse response(String accessToken) {
    return TokenResponse.builder()
        .accessToken(accessToken)
        .expiresIn(Duration.ofSeconds(600))
        .build();
  }

  private static String jwt(String claims) {
    java.util.Base64.Encoder base64 = java.util.Base64.getUrlEncoder().withoutPadding();
    return "e30."
        + base64.encodeToString(claims.getBytes(java.nio.charset.StandardCharsets.UTF_8))
        + ".c2lnLWNhbmFyeQ";
  }

  private static Instant end(Expiry expiry, String received) {
    return expiry.endOf(NOTHING_TOLD_FOR_LONG, Instant.parse(received));
  }

  private static final TokenResponse NOTHING_TOLD_FOR_LONG =
      TokenResponse.builder().accessToken("at-canary").expiresIn(Duration.ofDays(3)).build();
}
