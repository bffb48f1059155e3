package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.RefreshPolicy.Decision;
import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The edges of decisions, each by the clock that is alone in saying so. */
class DecisionEdgesTest {

  private final ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
  private final RefreshPolicy policy =
      new RefreshPolicy(Duration.ofSeconds(60), Duration.ZERO, () -> 0);

  @Test
  void heldToTheEnd_bothClocksEndIt_neitherBefore() {
    Held held =
        policy.holdToTheEnd(
            token("a"), Map.of(), clock.now(), clock.now().plusSeconds(900), null, clock);

    assertEquals(clock.wallMillis() + 900_000, held.renewAtMillis);
    assertEquals(clock.wallMillis() + 900_000, held.unusableAtMillis);
    assertEquals(900_000_000_000L, held.renewAtNanos - clock.monotonicNanos());
    assertEquals(900_000_000_000L, held.unusableAtNanos - clock.monotonicNanos());
    assertEquals(900_000_000_000L, held.endsAtNanos - clock.monotonicNanos());
    assertEquals(clock.wallMillis() - 5_000, held.notBeforeMillis);
  }

  @Test
  void monotonicLimits_exactToTheNanosecond() {
    Held held = hold("a", 900, null);
    assertEquals(720_000_000_000L, held.renewAtNanos - clock.monotonicNanos());
    assertEquals(840_000_000_000L, held.unusableAtNanos - clock.monotonicNanos());
    assertEquals(900_000_000_000L, held.endsAtNanos - clock.monotonicNanos());

    long wall = clock.wallMillis();
    assertSame(Decision.USE, RefreshPolicy.decide(held, wall, held.renewAtNanos - 1));
    assertSame(Decision.USE_AND_RENEW, RefreshPolicy.decide(held, wall, held.renewAtNanos));
    assertSame(Decision.USE_AND_RENEW, RefreshPolicy.decide(held, wall, held.unusableAtNanos - 1));
    assertSame(Decision.RENEW_FIRST, RefreshPolicy.decide(held, wall, held.unusableAtNanos));
  }

  @Test
  void wallLimits_exactToTheMillisecond() {
    Held held = hold("a", 900, null);
    long nanos = clock.monotonicNanos();
    assertSame(Decision.USE, RefreshPolicy.decide(held, held.renewAtMillis - 1, nanos));
    assertSame(Decision.USE_AND_RENEW, RefreshPolicy.decide(held, held.renewAtMillis, nanos));
    assertSame(
        Decision.USE_AND_RENEW, RefreshPolicy.decide(held, held.unusableAtMillis - 1, nanos));
    assertSame(Decision.RENEW_FIRST, RefreshPolicy.decide(held, held.unusableAtMillis, nanos));
    assertSame(Decision.USE, RefreshPolicy.decide(held, held.notBeforeMillis, nanos));
    assertSame(Decision.USE_AND_RENEW, RefreshPolicy.decide(held, held.notBeforeMillis - 1, nanos));
  }

  @Test
  void sameTokenReadAgain_ageGoesOn_anotherTokenStartsAnew_T2() {
    Held first = hold("a", 900, null);
    clock.advance(Duration.ofSeconds(300));
    clock.shiftWall(Duration.ofSeconds(-300));
    Instant received = clock.now();

    Held again =
        policy.hold(token("a"), Map.of(), received, received.plusSeconds(900), false, first, clock);
    Held other =
        policy.hold(token("b"), Map.of(), received, received.plusSeconds(900), false, first, clock);

    assertEquals(600_000_000_000L, again.endsAtNanos - clock.monotonicNanos());
    assertEquals(900_000_000_000L, other.endsAtNanos - clock.monotonicNanos());
  }

  @Test
  void signInDue_aTenthOfTheLifeBefore_anHourAtMost_onlyWhereNobodyElseRenews() {
    Held day = hold("a", 86_400, null).withoutRenewal();
    Held renewable = hold("a", 86_400, null);
    clock.advance(Duration.ofSeconds(86_400 - 60 - 3_600).minusMillis(1));
    assertFalse(RefreshPolicy.isSignInDue(day, clock));
    clock.advance(Duration.ofMillis(1));
    assertTrue(RefreshPolicy.isSignInDue(day, clock));
    assertFalse(RefreshPolicy.isSignInDue(renewable, clock));

    Held hour = hold("b", 3_600, null).withoutRenewal();
    clock.advance(Duration.ofSeconds(3_600 - 60 - 400));
    assertFalse(RefreshPolicy.isSignInDue(hour, clock));
    clock.advance(Duration.ofSeconds(60));
    assertTrue(RefreshPolicy.isSignInDue(hour, clock));
  }

  @Test
  void age_sinceItWasReceived_byTheWallClock() {
    Held held = hold("a", 900, null);
    clock.advance(Duration.ofSeconds(300));
    assertEquals(Duration.ofSeconds(300), RefreshPolicy.age(held, clock));
  }

  @Test
  void jitter_isDrawn() {
    RefreshPolicy random = new RefreshPolicy(Duration.ofSeconds(60), Duration.ZERO);
    Set<Long> limits = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      limits.add(
          random.hold(
                  token("a"),
                  Map.of(),
                  clock.now(),
                  clock.now().plusSeconds(86_400),
                  false,
                  null,
                  clock)
              .renewAtMillis);
    }
    assertNotEquals(1, limits.size());
  }

  // Demands

  @Test
  void demands_whatNeedsAnExchange_andWhatIsAccepted() {
    Held held = hold("a", 900, null);
    Demand another = Demand.insteadOf(held.token);
    Demand same = Demand.insteadOf(token("b"));

    assertTrue(Demand.USABLE.needsExchange(null, clock));
    assertFalse(Demand.USABLE.needsExchange(held, clock));
    assertFalse(Demand.FRESH.needsExchange(held, clock));
    assertTrue(Demand.NEW.needsExchange(held, clock));
    assertTrue(another.needsExchange(held, clock));
    assertFalse(same.needsExchange(held, clock));
    assertSame(held.token, another.rejected());
    assertNull(Demand.USABLE.rejected());

    assertTrue(Demand.USABLE.accepts(held, false, clock));
    assertFalse(Demand.NEW.accepts(held, false, clock));
    assertTrue(Demand.NEW.accepts(held, true, clock));
    assertFalse(another.accepts(held, true, clock), "never the refused one");
    assertTrue(same.accepts(held, false, clock));

    clock.advance(Duration.ofSeconds(720));
    assertTrue(Demand.FRESH.needsExchange(held, clock));
    assertFalse(Demand.USABLE.needsExchange(held, clock));
    clock.advance(Duration.ofSeconds(120));
    assertTrue(Demand.USABLE.needsExchange(held, clock));
    assertFalse(Demand.USABLE.accepts(held, true, clock), "not even when just exchanged");
  }

  @ParameterizedTest
  @CsvSource({
    // seconds gone, seconds wanted, whether it will do
    "0, 300, true",
    "540, 300, true",
    "541, 300, false",
    "410, 100000, true",
    "430, 100000, false",
    "839, 0, true",
  })
  void lasting_isAWish_capAtHalfTheLife_G22(long gone, long wanted, boolean willDo) {
    Held held = hold("a", 900, null);
    Demand demand = Demand.lasting(Duration.ofSeconds(wanted));
    assertTrue(demand.isWish());
    assertFalse(Demand.USABLE.isWish());
    clock.advance(Duration.ofSeconds(gone));
    assertEquals(!willDo, demand.needsExchange(held, clock));
  }

  private Held hold(String value, long life, Held before) {
    return policy.hold(
        token(value), Map.of(), clock.now(), clock.now().plusSeconds(life), false, before, clock);
  }

  private AccessToken token(String value) {
    return AccessToken.of(
        "canary-" + value, clock.now().plusSeconds(900), ApiHosts.of("https://api.example.com"));
  }
}
