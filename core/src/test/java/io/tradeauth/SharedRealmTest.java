package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Two environments whose tokens are the same. */
class SharedRealmTest {

  private final ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
  private final FakeAuthorizationServer server = FakeAuthorizationServer.strict(clock);

  @AfterEach
  void close() {
    server.close();
  }

  private Broker broker(String name, RotationProfile rotation) {
    return FakeBroker.at(server)
        .name(name)
        .rotation(rotation)
        .profile(profile -> profile.realm("shared"))
        .build();
  }

  @Test
  void rotationDiffers_refusedWhenBuilt_bothNamed() {
    TokenManager.Builder builder =
        TokenManager.builder()
            .broker(broker("live", RotationProfile.STRICT))
            .broker(broker("sim", RotationProfile.NONE));

    IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, builder::build);

    String message = String.valueOf(refused.getMessage());
    assertTrue(message.contains("\"live\" and \"sim\""), message);
    assertTrue(message.contains("rotation"), message);
  }

  @Test
  void holdsDiffer_theLongerCountsForBoth() {
    try (TokenManager manager =
        TokenManager.builder()
            .time(clock)
            .executor(Runnable::run)
            .callbackExecutor(Runnable::run)
            .broker(
                broker("live", RotationProfile.STRICT),
                settings -> settings.client(FakeBroker.client()))
            .broker(
                broker("sim", RotationProfile.STRICT),
                settings -> settings.client(FakeBroker.client()).hold(Duration.ofSeconds(200)))
            .build()) {
      manager.signIn("live", "alice", FakeBroker.grant(server, "alice"));
      clock.jump(server.life().plusSeconds(1));
      server.fail("token", Fault.reset(), 1);
      TokenProvider tokens = manager.provider("live");
      assertThrows(BrokerUnavailableException.class, () -> tokens.get("alice"));
      int sent = server.count("token");

      clock.advance(Duration.ofSeconds(199));
      assertEquals(sent, server.count("token"));
      clock.advance(Duration.ofSeconds(10));
      assertEquals(sent + 1, server.count("token"));
      assertEquals(0, server.ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }
}
