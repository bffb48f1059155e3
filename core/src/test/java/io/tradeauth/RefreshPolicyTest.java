package io.tradeauth;

import static io.tradeauth.RefreshPolicy.Decision.RENEW_FIRST;
import static io.tradeauth.RefreshPolicy.Decision.USE;
import static io.tradeauth.RefreshPolicy.Decision.USE_AND_RENEW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The decision, by both clocks (G18, G20, T1, T2). */
class RefreshPolicyTest {

  private final ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");

  @ParameterizedTest
  @ValueSource(longs = {20, 300, 900, 1200, 86_400})
  void anyLife_renewalStartsAtFiveToFiftyPercentLeft_neverInTheSecondOfIssue_G18(long life) {
    for (double jitter : new double[] {0, 0.5, 0.999}) {
      for (long renewAhead : new long[] {0, 60, 300, 100_000}) {
        Held held = hold(policy(60, renewAhead, jitter), life);
        double left = (expiry(life) - held.renewAtMillis) / (life * 1000.0);

        assertTrue(left >= 0.05 && left <= 0.5, left + " left of " + life + " s");
        assertTrue(held.renewAtMillis - clock.wallMillis() > 1000);
        assertTrue(held.renewAtMillis < held.unusableAtMillis);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    // skew, renew-ahead, life, unusable at, renewed at (jitter 0), both in seconds before the end
    "60, 0, 900, 60, 180",
    "60, 0, 1200, 60, 240",
    "10, 0, 27000, 10, 5400",
    "60, 300, 1800, 60, 360",
    "60, 300, 1000, 60, 300",
    "60, 0, 20, 2, 4",
    "60, 300, 300, 30, 135",
  })
  void thresholds_asDocumented(long skew, long renewAhead, long life, long unusable, long renewed) {
    Held held = hold(policy(skew, renewAhead, 0), life);

    assertEquals(expiry(life) - unusable * 1000, held.unusableAtMillis);
    assertEquals(expiry(life) - renewed * 1000, held.renewAtMillis);
  }

  @Test
  void jitter_atMostFivePercentEarlier() {
    Held held = hold(policy(60, 0, 1), 1000);

    assertEquals(expiry(1000) - 250_000, held.renewAtMillis);
  }

  @Test
  void asTimePasses_useThenRenewThenWait() {
    Held held = hold(policy(60, 0, 0), 900);

    assertDecision(USE, held);
    clock.advance(Duration.ofMillis(719_999));
    assertDecision(USE, held);
    clock.advance(Duration.ofMillis(1));
    assertDecision(USE_AND_RENEW, held);
    clock.advance(Duration.ofMillis(119_999));
    assertDecision(USE_AND_RENEW, held);
    clock.advance(Duration.ofMillis(1));
    assertDecision(RENEW_FIRST, held);
  }

  @Test
  void wallClockAhead_decidesAlone_asAfterSleep_G20_T1() {
    Held held = hold(policy(60, 0, 0), 900);
    clock.shiftWall(Duration.ofSeconds(720));
    assertDecision(USE_AND_RENEW, held);
    clock.shiftWall(Duration.ofSeconds(120));
    assertDecision(RENEW_FIRST, held);
  }

  @Test
  void wallClockBack_monotonicStillEndsIt_G20_T2() {
    Held held = hold(policy(60, 0, 0), 900);
    clock.shiftWall(Duration.ofHours(-1));
    assertDecision(USE_AND_RENEW, held);
    clock.advance(Duration.ofSeconds(840));
    assertDecision(RENEW_FIRST, held);
  }

  @Test
  void wallClockBackByAHair_meansNothing() {
    Held held = hold(policy(60, 0, 0), 900);
    clock.shiftWall(Duration.ofSeconds(-4));
    assertDecision(USE, held);
  }

  @Test
  void loadedLater_wallSetBackSinceReceipt_lifeNotLonger_T2() {
    Instant received = clock.now();
    clock.shiftWall(Duration.ofHours(-1));
    Held held = hold(policy(60, 0, 0), received, received.plusSeconds(900), false);

    clock.advance(Duration.ofSeconds(841));
    assertDecision(RENEW_FIRST, held);
  }

  @Test
  void alreadyEnded_neverUsed() {
    Instant received = clock.now().minusSeconds(1000);

    assertDecision(RENEW_FIRST, hold(policy(60, 0, 0), received, received.plusSeconds(900), false));
  }

  @Test
  void neverEnds_used() {
    Held held = hold(policy(60, 0, 0), clock.now(), Instant.MAX, false);
    clock.advance(Duration.ofDays(1000));
    assertDecision(USE, held);
  }

  @Test
  void sameTokenAgain_nextAtItsSkewPoint_thenAtItsEnd_G19() {
    Instant received = clock.now();
    clock.advance(Duration.ofSeconds(720));
    Held early = hold(policy(60, 0, 0), received, received.plusSeconds(900), true);
    assertDecision(USE, early);
    clock.advance(Duration.ofSeconds(120));
    assertDecision(USE_AND_RENEW, early);

    Held late = hold(policy(60, 0, 0), received, received.plusSeconds(900), true);
    assertDecision(USE, late);
    clock.advance(Duration.ofMillis(59_999));
    assertDecision(USE, late);
    clock.advance(Duration.ofMillis(1));
    assertDecision(RENEW_FIRST, late);
  }

  @Test
  void usableFor_theClockThatEndsItFirst() {
    Held held = hold(policy(60, 0, 0), 900);
    assertEquals(Duration.ofSeconds(840), RefreshPolicy.usableFor(held, clock));
    clock.shiftWall(Duration.ofSeconds(100));
    assertEquals(Duration.ofSeconds(740), RefreshPolicy.usableFor(held, clock));
    clock.shiftWall(Duration.ofSeconds(-200));
    assertEquals(Duration.ofSeconds(840), RefreshPolicy.usableFor(held, clock));
    clock.advance(Duration.ofHours(1));
    assertEquals(Duration.ZERO, RefreshPolicy.usableFor(held, clock));
  }

  private void assertDecision(RefreshPolicy.Decision expected, Held held) {
    assertEquals(expected, RefreshPolicy.decide(held, clock.wallMillis(), clock.monotonicNanos()));
    assertEquals(expected != RENEW_FIRST, RefreshPolicy.isUsable(held, clock));
  }

  private static RefreshPolicy policy(long skew, long renewAhead, double jitter) {
    return new RefreshPolicy(
        Duration.ofSeconds(skew), Duration.ofSeconds(renewAhead), () -> jitter);
  }

  private long expiry(long life) {
    return clock.wallMillis() + life * 1000;
  }

  private Held hold(RefreshPolicy policy, long life) {
    return hold(policy, clock.now(), clock.now().plusSeconds(life), false);
  }

  private Held hold(RefreshPolicy policy, Instant since, Instant end, boolean again) {
    AccessToken token = AccessToken.of("at-canary", end, ApiHosts.of("https://api.example.com"));
    return policy.hold(token, Map.of(), since, end, again, null, clock);
  }
}
