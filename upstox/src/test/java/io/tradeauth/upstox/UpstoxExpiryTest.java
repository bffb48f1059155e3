package io.tradeauth.upstox;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tradeauth.Expiry;
import io.tradeauth.TokenResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Base64;
import java.util.List;
import java.util.TimeZone;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When Upstox's tokens end (fact sheet, sections 4 and 5). */
class UpstoxExpiryTest {

  private static final Instant ISSUED = Instant.parse("2025-11-25T05:00:00Z");

  private final TimeZone zone = TimeZone.getDefault();

  @AfterEach
  void restoreZone() {
    TimeZone.setDefault(zone);
  }

  /** G15: the eight rows of section 5, wherever the program runs. */
  @ParameterizedTest
  @CsvSource({
    "2025-11-25T20:00:00+05:30, 1764108000000, 27000",
    "2025-11-26T02:30:00+05:30, 1764108000000, 3600",
    "2025-11-26T03:29:59+05:30, 1764108000000, 1",
    "2025-11-26T03:30:00+05:30, 1764194400000, 86400",
    "2025-11-25T10:30:00+05:30, 1764108000000, 61200",
    "2025-12-31T21:59:59Z, 1767218400000, 1",
    "2025-12-31T23:00:00Z, 1767304800000, 82800",
    "2024-02-28T22:30:00Z, 1709244000000, 84600"
  })
  void live_anyIssueTime_nextHalfPastThreeInIndia(String issued, long expires, long life) {
    Instant issuedAt = OffsetDateTime.parse(issued).toInstant();
    for (String place : List.of("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia")) {
      TimeZone.setDefault(TimeZone.getTimeZone(place));
      Instant end = live().endOf(token("canary"), issuedAt);
      assertEquals(expires, end.toEpochMilli(), place);
      assertEquals(Duration.ofSeconds(life), Duration.between(issuedAt, end), place);
    }
  }

  /** Section 5: the earlier of the rule and what the server or the token tells. */
  @Test
  void live_earlierEndTold_counts() {
    Instant earlier = ISSUED.plusSeconds(600);
    assertEquals(earlier, live().endOf(token(jwt(earlier)), ISSUED));
    assertEquals(
        earlier,
        live()
            .endOf(
                TokenResponse.builder().accessToken("canary").expiresAt(earlier).build(), ISSUED));
  }

  /** Section 13: an {@code expires_in} of 24 hours that some guides show is never the life. */
  @Test
  void live_laterEndTold_ruleCounts() {
    Instant cut = Instant.ofEpochMilli(1764108000000L);
    assertEquals(cut, live().endOf(token(jwt(ISSUED.plusSeconds(86400))), ISSUED));
    assertEquals(
        cut,
        live()
            .endOf(
                TokenResponse.builder()
                    .accessToken("canary")
                    .expiresIn(Duration.ofHours(24))
                    .build(),
                ISSUED));
  }

  /** Section 3: the claims of a live token that a user published confirm the rule. */
  @Test
  void live_publishedClaims_hintAndRuleAgree() {
    Instant issuedAt = Instant.ofEpochSecond(1789201667L);
    Instant end = Instant.ofEpochSecond(1789250400L);
    assertEquals(end, live().endOf(token("canary"), issuedAt));
    assertEquals(end, live().endOf(token(jwt(end)), issuedAt));
  }

  /** Section 4: console tokens keep their own end, past any 03:30. */
  @Test
  void consoleTokens_ownEnd() {
    Expiry sandbox = Upstox.sandbox().profile().expiry();
    Expiry analytics = Upstox.analytics().profile().expiry();
    Instant told = ISSUED.plus(Duration.ofDays(7));
    assertEquals(ISSUED.plus(Duration.ofDays(30)), sandbox.endOf(token("canary"), ISSUED));
    assertEquals(ISSUED.plus(Duration.ofDays(365)), analytics.endOf(token("canary"), ISSUED));
    assertEquals(told, sandbox.endOf(token(jwt(told)), ISSUED));
    assertEquals(told, analytics.endOf(Upstox.token("canary", told).tokens(), ISSUED));
  }

  private static Expiry live() {
    return Upstox.live().profile().expiry();
  }

  private static TokenResponse token(String value) {
    return Upstox.token(value).tokens();
  }

  static String jwt(Instant end) {
    String claims = "{\"sub\":\"AB1234\",\"exp\":" + end.getEpochSecond() + "}";
    return "e30."
        + Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString(claims.getBytes(StandardCharsets.UTF_8))
        + ".canary";
  }
}
