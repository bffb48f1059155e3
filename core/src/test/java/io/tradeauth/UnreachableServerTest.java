package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.TokenLedger;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import mockwebserver3.MockWebServer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What an exchange does when no byte of its request has left: NOT_SENT, the same by any profile.
 */
class UnreachableServerTest {

  private static final Duration TICK = Duration.ofMillis(100);
  private static final int ALWAYS = Integer.MAX_VALUE;

  private final Cable cable = new Cable();

  private EngineFixture engine(RotationProfile rotation) {
    return EngineFixture.of(rotation)
        .manager(manager -> manager.httpClient(cable.client()))
        .start();
  }

  static Stream<RotationProfile> rotations() {
    return Stream.of(
        RotationProfile.NONE,
        RotationProfile.STRICT,
        RotationProfile.leeway(TICK.multipliedBy(30)));
  }

  @ParameterizedTest
  @MethodSource("rotations")
  void connectionFailsOnce_sameGetSucceeds_oneRequestOnTheWire_N1_N2(RotationProfile rotation) {
    try (EngineFixture engine = engine(rotation).signIn("alice")) {
      engine.expire();
      cable.cut(1);

      AccessToken token = engine.getAsTimePasses("alice");

      assertTrue(engine.server().accepts(token.value()));
      assertEquals(2, cable.connects());
      assertEquals(1 + 1, engine.exchanges());
      assertNull(openIntent(engine));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
      assertEquals(0, engine.events(TokenEvent.RenewalFailing.class).size());
    }
  }

  @ParameterizedTest
  @MethodSource("rotations")
  void neverConnects_threeAttempts_unreachable_nothingStored_nothingSpent_N1_N2(
      RotationProfile rotation) {
    try (EngineFixture engine = engine(rotation).signIn("alice")) {
      engine.expire();
      final TokenStore.StoredRecord before = engine.stored("alice");
      final Instant begun = engine.clock().now();
      cable.cut(ALWAYS);

      BrokerUnavailableException unreachable =
          assertThrows(BrokerUnavailableException.class, () -> engine.getAsTimePasses("alice"));

      assertEquals(BrokerUnavailableException.Reason.UNREACHABLE, unreachable.reason());
      assertEquals(3, cable.connects());
      assertTrue(Duration.between(begun, engine.clock().now()).compareTo(seconds(10)) < 0);
      assertEquals(1, engine.exchanges(), "only the sign-in");
      assertNull(openIntent(engine));
      assertEquals(before.version(), engine.stored("alice").version());
      TokenEvent.RenewalFailing told = engine.events(TokenEvent.RenewalFailing.class).get(0);
      assertEquals(BrokerUnavailableException.Reason.UNREACHABLE, told.reason());

      // Until the time to try again nothing is even connected, and then the same token is good.
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertEquals(3, cable.connects());
      cable.mend();
      engine.clock().jump(Duration.between(engine.clock().now(), unreachable.retryAt()));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  /** A connection may take its time: then fewer are tried than three. */
  @Test
  void connectionsFailSlowly_noneBegunTenSecondsAfterTheIntent_N2() {
    try (EngineFixture engine = engine(RotationProfile.STRICT).signIn("alice")) {
      engine.expire();
      cable.whileItFails(() -> engine.clock().advance(seconds(6))).cut(ALWAYS);

      BrokerUnavailableException failure =
          assertThrows(BrokerUnavailableException.class, () -> engine.getAsTimePasses("alice"));

      assertEquals(BrokerUnavailableException.Reason.UNREACHABLE, failure.reason());
      assertEquals(2, cable.connects());
      assertNull(openIntent(engine));
    }
  }

  @Test
  void unreachableWhileTheTokenLives_tokenInHandServed_N2() {
    try (EngineFixture engine = engine(RotationProfile.STRICT).signIn("alice")) {
      AccessToken inHand = engine.get("alice");
      cable.cut(ALWAYS);
      engine.clock().jump(engine.server().life().multipliedBy(81).dividedBy(100));

      for (int i = 0; i < 10; i++) {
        assertEquals(inHand, engine.get("alice"));
        engine.live(Duration.ofSeconds(1));
      }

      assertTrue(cable.connects() > 0, "a renewal was tried");
      assertEquals(1, engine.exchanges());
      engine.live(seconds(10)); // no attempt is left for close() to wait for
    }
  }

  /** An authorization code that has not left is as good as before. */
  @Test
  void code_connectionFailsOnce_signInSucceeds_N2() {
    try (EngineFixture engine = engine(RotationProfile.STRICT)) {
      Grant code = FakeBroker.code(engine.server(), "alice");
      cable.cut(1);

      CompletableFuture<Void> signIn =
          CompletableFuture.runAsync(() -> engine.signIn("alice", code));
      Await.until("it has begun: a code lasts a minute", () -> cable.connects() > 0);
      engine.liveUntil(TICK, signIn::isDone);

      signIn.join();
      assertEquals(1, engine.exchanges());
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  /** What an earlier request may have spent is not saved by a probe that never leaves. */
  @Test
  void probeNeverConnects_doubtStaysOpen_G6() {
    try (EngineFixture engine = engine(RotationProfile.STRICT).signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      cable.cut(ALWAYS); // before the hold is over: then the background asks at once
      engine.clock().jump(seconds(61));

      BrokerUnavailableException failure =
          assertThrows(BrokerUnavailableException.class, () -> engine.getAsTimePasses("alice"));

      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, failure.reason());
      assertEquals(2, engine.exchanges());
      assertNotNull(openIntent(engine));
    }
  }

  @Test
  void certificateNotTrusted_tls_oneAttempt_nothingStored_nothingSpent_N3() throws Exception {
    AtomicBoolean isDeceived = new AtomicBoolean();
    try (MockWebServer impostor = LocalhostTls.server();
        EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .manager(manager -> manager.httpClient(cable.client()))
                .inItsPlace((server, usual) -> isDeceived.get() ? at(impostor, usual) : usual)
                .start()
                .signIn("alice")) {
      engine.expire();
      isDeceived.set(true);
      try (EngineFixture deceived = engine.another()) {
        final TokenStore.StoredRecord before = engine.stored("alice");
        cable.cut(0);

        BrokerUnavailableException failure =
            assertThrows(BrokerUnavailableException.class, () -> deceived.get("alice"));

        assertEquals(BrokerUnavailableException.Reason.TLS, failure.reason());
        assertInstanceOf(SSLException.class, firstCause(failure));
        assertEquals(1, cable.connects());
        assertEquals(0, impostor.getRequestCount());
        assertNull(openIntent(engine));
        assertEquals(before.version(), engine.stored("alice").version());
      }
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  /** The same broker, whose token endpoint is somebody else's. */
  private static StandardBroker at(MockWebServer impostor, StandardBroker usual) {
    URI token = URI.create("https://localhost:" + impostor.getPort() + "/token");
    return StandardBroker.builder(usual.profile(), token).build();
  }

  private static Throwable firstCause(BrokerUnavailableException failure) {
    Throwable cause = failure.getCause();
    while (cause instanceof TokenException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause;
  }

  private static TokenStore.@Nullable Intent openIntent(EngineFixture engine) {
    return engine.stored("alice").intent();
  }

  private static Duration seconds(long seconds) {
    return Duration.ofSeconds(seconds);
  }
}
