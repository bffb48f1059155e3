package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Work that nobody waits for. */
class BackgroundWorkTest {

  /** The queue is paced by the clock, which stands still here: nothing may wait for its end. */
  @Test
  void renewalsQueued_close_doesNotWaitForThem() {
    EngineFixture engine = EngineFixture.strict().signIn("alice", "bob", "carol");
    engine.get("alice");
    engine.get("bob");
    engine.get("carol");
    engine.clock().shiftWall(engine.server().life().minusSeconds(100));
    int before = engine.exchanges();
    engine.get("alice");
    engine.get("bob");
    engine.get("carol");

    assertTimeoutPreemptively(Duration.ofSeconds(20), engine::close);
    assertTrue(engine.exchanges() <= before + 1);
  }

  @Test
  void onlyTheUserCanRenew_lateInLife_usedToItsEnd() {
    ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
    ApiHosts hosts = ApiHosts.of("https://api.example.com");
    AccessToken token = AccessToken.of("canary", clock.now().plusSeconds(1000), hosts);
    Held held =
        new RefreshPolicy(Duration.ofSeconds(10), Duration.ZERO)
            .hold(token, Map.of(), clock.now(), token.expiresAt(), false, null, clock)
            .withoutRenewal();

    assertEquals(RefreshPolicy.Decision.USE, at(clock, held, Duration.ZERO));
    assertEquals(RefreshPolicy.Decision.USE, at(clock, held, Duration.ofMillis(989_999)));
    assertEquals(RefreshPolicy.Decision.RENEW_FIRST, at(clock, held, Duration.ofMillis(990_000)));
  }

  private static RefreshPolicy.Decision at(ManualClock clock, Held held, Duration age) {
    long wall = clock.wallMillis() + age.toMillis();
    long nanos = clock.monotonicNanos() + age.toNanos();
    return RefreshPolicy.decide(held, wall, nanos);
  }
}
