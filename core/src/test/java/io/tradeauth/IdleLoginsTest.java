package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Refresh tokens that die unused are used in time, whoever asks or does not. */
class IdleLoginsTest {

  private static final Duration LIMIT = Duration.ofMinutes(30);
  private static final List<String> USERS = List.of("alice", "bob", "carol", "dave");

  private static EngineFixture.Builder engine() {
    return EngineFixture.of(RotationProfile.STRICT)
        .broker(broker -> broker.profile(profile -> profile.refreshIdleLimit(LIMIT)));
  }

  /** Returns the longest time that any of them was not renewed. */
  private static Duration longestIdle(EngineFixture engine, Duration span) {
    Duration step = Duration.ofMinutes(1);
    int[] seen = new int[USERS.size()];
    Duration[] idle = new Duration[USERS.size()];
    Duration longest = Duration.ZERO;
    for (int user = 0; user < USERS.size(); user++) {
      idle[user] = Duration.ZERO;
      seen[user] = engine.server().count("token", USERS.get(user));
    }
    for (Duration left = span; !left.isZero(); left = left.minus(step)) {
      engine.live(step);
      for (int user = 0; user < USERS.size(); user++) {
        int count = engine.server().count("token", USERS.get(user));
        idle[user] = count > seen[user] ? Duration.ZERO : idle[user].plus(step);
        seen[user] = count;
        longest = idle[user].compareTo(longest) > 0 ? idle[user] : longest;
      }
    }
    return longest;
  }

  private static void assertKeptAlive(EngineFixture engine) {
    Duration longest = longestIdle(engine, Duration.ofMinutes(90));
    assertTrue(longest.compareTo(LIMIT) < 0, "idle for " + longest);
    assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
  }

  @Test
  void afterARestart_nobodyAsks_allAreRenewedInTime_andNotKeptInMemory() {
    EngineFixture before = engine().start();
    USERS.forEach(before::signIn);
    before.manager().close();
    try (before;
        EngineFixture restarted = before.another()) {
      assertKeptAlive(restarted);
      assertEquals(0, ((ManagedTokenProvider) restarted.tokens()).cachedUsers());
      USERS.forEach(user -> assertTrue(before.server().accepts(restarted.get(user).value())));
    }
  }

  @Test
  void evicted_allAreRenewedInTime() {
    try (EngineFixture engine = engine().manager(m -> m.maximumCachedUsers(1)).start()) {
      USERS.forEach(engine::signIn);
      assertKeptAlive(engine);
    }
  }

  @Test
  void longLivedAccessTokens_refreshTokensAreUsedAllTheSame() {
    try (EngineFixture engine =
        engine().server(server -> server.life(Duration.ofHours(12))).start()) {
      USERS.forEach(engine::signIn);
      assertKeptAlive(engine);
    }
  }

  @Test
  void severalProcesses_nobodyIsRenewedTwice() {
    try (EngineFixture one = engine().start();
        EngineFixture two = one.another()) {
      USERS.forEach(one::signIn);
      int before = one.exchanges();
      longestIdle(one, Duration.ofMinutes(24));
      int renewals = one.exchanges() - before;
      assertEquals(USERS.size(), renewals);
      assertTrue(two.server().accepts(two.get("alice").value()));
    }
  }

  @Test
  void noLimit_storeIsNotSearched_nobodyIsRenewed() {
    EngineFixture before = EngineFixture.strict();
    USERS.forEach(before::signIn);
    before.manager().close();
    try (before;
        EngineFixture restarted = before.another()) {
      int sent = before.exchanges();
      restarted.live(Duration.ofMinutes(40));
      assertEquals(sent, before.exchanges());
    }
  }
}
