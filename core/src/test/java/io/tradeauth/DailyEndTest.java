package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A token that ends at a time of day, as do all that could replace it before. */
class DailyEndTest {

  private static final Expiry NIGHTLY =
      Expiry.asTold()
          .noLaterThanDaily(LocalTime.of(3, 0), ZoneOffset.ofHours(7))
          .noLaterThanDaily(LocalTime.of(4, 0), ZoneOffset.ofHours(7));

  @ParameterizedTest
  @CsvSource({
    "2026-01-05T20:00:00Z, true",
    "2026-01-05T21:00:00Z, true",
    "2026-01-05T20:00:00.001Z, false",
    "2026-01-05T19:59:59.999Z, false",
    "2026-01-05T22:00:00Z, false"
  })
  void end_atATimeOfDay_told(Instant end, boolean daily) {
    assertEquals(daily, NIGHTLY.isDaily(end));
  }

  @Test
  void end_never_isNoTimeOfDay() {
    assertFalse(NIGHTLY.isDaily(Instant.MAX));
    assertFalse(Expiry.asTold().isDaily(Instant.parse("2026-01-05T20:00:00Z")));
  }

  @Test
  void end_whereTheClocksJumpPastIt_isTheJump() {
    Expiry expiry =
        Expiry.asTold().noLaterThanDaily(LocalTime.of(2, 30), ZoneId.of("Europe/Berlin"));

    assertTrue(expiry.isDaily(Instant.parse("2026-03-29T01:00:00Z")));
    assertTrue(expiry.isDaily(Instant.parse("2026-10-25T00:30:00Z")), "the first 02:30");
    assertTrue(expiry.isDaily(Instant.parse("2026-10-25T01:30:00Z")), "the second");
  }

  /** Catches renewals that buy nothing, each half as far from the end as the one before. */
  @Test
  void heldToTheEnd_usedUntilThen_renewedThere() {
    ManualClock clock = ManualClock.at("2026-01-05T19:55:00Z");
    Instant end = Instant.parse("2026-01-05T20:00:00Z");
    AccessToken token = AccessToken.of("canary-a", end, ApiHosts.of("https://api.example.com"));
    Held held =
        new RefreshPolicy(Duration.ofSeconds(60), Duration.ofSeconds(300))
            .holdToTheEnd(token, Map.of(), clock.now(), end, null, clock);

    assertEquals(RefreshPolicy.Decision.USE, decide(held, clock));
    clock.advance(Duration.ofMinutes(5).minusMillis(1));
    assertEquals(RefreshPolicy.Decision.USE, decide(held, clock));
    clock.advance(Duration.ofMillis(1));
    assertEquals(RefreshPolicy.Decision.RENEW_FIRST, decide(held, clock));
  }

  @Test
  void heldToTheEnd_wallClockSetBack_endsByTheMonotonicOne() {
    ManualClock clock = ManualClock.at("2026-01-05T19:55:00Z");
    Instant end = Instant.parse("2026-01-05T20:00:00Z");
    AccessToken token = AccessToken.of("canary-a", end, ApiHosts.of("https://api.example.com"));
    Held held =
        new RefreshPolicy(Duration.ZERO, Duration.ZERO)
            .holdToTheEnd(token, Map.of(), clock.now(), end, null, clock);

    clock.shiftWall(Duration.ofHours(-1));
    clock.advance(Duration.ofMinutes(5));

    assertEquals(RefreshPolicy.Decision.RENEW_FIRST, decide(held, clock));
  }

  private static RefreshPolicy.Decision decide(Held held, ManualClock clock) {
    return RefreshPolicy.decide(held, clock.wallMillis(), clock.monotonicNanos());
  }
}
