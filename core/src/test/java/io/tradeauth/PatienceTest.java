package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Fault;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.concurrent.CompletableFuture;
import mockwebserver3.MockResponse;
import org.junit.jupiter.api.Test;

/** How long a user's exchanges wait for one another, and for a server that asks for patience. */
class PatienceTest {

  private static Fault busy(int status, String retryAfter) {
    return Fault.instead(
        new MockResponse.Builder().code(status).setHeader("Retry-After", retryAfter).build());
  }

  private static BrokerUnavailableException unavailable(EngineFixture engine) {
    return assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
  }

  @Test
  void retryAfterOneSecond_usersExchangesStayFiveSecondsApart_A10() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", busy(429, "1"), 100);
      int before = engine.exchanges();
      for (int second = 0; second < 10; second++) {
        unavailable(engine);
        engine.clock().advance(Duration.ofSeconds(1));
      }
      assertEquals(2, engine.exchanges() - before, "exchanges in ten seconds");
    }
  }

  @Test
  void unavailableForTwoMinutes_oneAttempt_noneBefore_N10_N11() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice", "bob")) {
      engine.expire();
      engine.server().fail("token", busy(503, "120"), 1);
      int before = engine.exchanges();

      assertEquals(engine.clock().now().plusSeconds(120), unavailable(engine).retryAt());
      engine.live(Duration.ofSeconds(118));
      unavailable(engine);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("bob"));
      assertEquals(1, engine.exchanges() - before);

      engine.live(Duration.ofSeconds(2));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void unavailableForASecond_sameGetSucceeds_afterThatSecond() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", busy(503, "1"), 1);
      int before = engine.exchanges();
      CompletableFuture<AccessToken> token = engine.tokens().getAsync("alice");
      engine.settle();
      engine.clock().advance(Duration.ofMillis(999));
      engine.settle();
      assertEquals(1, engine.exchanges() - before);
      engine.liveUntil(Duration.ofMillis(100), token::isDone);
      assertTrue(engine.server().accepts(token.join().value()));
    }
  }

  @Test
  void strict_unavailable_probeWaitsAsLongAsAsked() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", busy(503, "600"), 1);
      unavailable(engine);
      int sent = engine.exchanges();
      engine.live(Duration.ofSeconds(598));
      assertEquals(sent, engine.exchanges());
      engine.live(Duration.ofSeconds(8));
      assertEquals(sent + 1, engine.exchanges());
    }
  }

  @Test
  void retryAfterAsADate_comparedWithTheServersClock_N10() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.expire();
      Instant servers = engine.clock().now().plusSeconds(600);
      engine
          .server()
          .fail(
              "token",
              Fault.instead(
                  new MockResponse.Builder()
                      .code(429)
                      .setHeader("Date", http(servers))
                      .setHeader("Retry-After", http(servers.plusSeconds(60)))
                      .build()),
              1);

      Duration wait = Duration.between(engine.clock().now(), unavailable(engine).retryAt());

      assertTrue(wait.compareTo(Duration.ofSeconds(62)) < 0, wait.toString());
      assertFalse(wait.compareTo(Duration.ofSeconds(58)) < 0, wait.toString());
    }
  }

  private static String http(Instant instant) {
    return DateTimeFormatter.RFC_1123_DATE_TIME.format(instant.atZone(ZoneOffset.UTC));
  }

  @Test
  void clientMissing_backgroundDoesNotLoop_whoAsksIsToldAtOnce() {
    ClientCredentials[] client = {io.tradeauth.testing.FakeBroker.client()};
    CountingStore store = new CountingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .store(store)
            .settings(settings -> settings.clientOf(user -> client[0]))
            .start()
            .signIn("alice")) {
      engine.get("alice");
      client[0] = null;
      engine.clock().jump(engine.server().life().multipliedBy(85).dividedBy(100));
      engine.live(Duration.ofSeconds(60));

      assertTrue(store.begun() <= 1 + 2, "intents of a login that lacks its client: " + store);
      assertTrue(engine.tokens().peek("alice").isPresent());

      engine.expire();
      assertThrows(BrokerConfigurationException.class, () -> engine.get("alice"));
      client[0] = io.tradeauth.testing.FakeBroker.client();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }
}
