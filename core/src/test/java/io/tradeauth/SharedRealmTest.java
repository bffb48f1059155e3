package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
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

  /** Tells other accounts in each environment, as a broker's live and simulated sides do. */
  private record Accounts(String... numbers) implements BrokerCall<ProbeAnswer> {

    @Override
    public BrokerRequest request(CallContext context) {
      return BrokerRequest.get(context.apiUri("/v1/whoami")).authorized();
    }

    @Override
    public ProbeAnswer read(Answer answer) {
      return new ProbeAnswer.Alive(
          UserProfile.of("alice")
              .withAccounts(
                  Stream.of(numbers)
                      .map(number -> new UserProfile.Account(number, null, null))
                      .toList()));
    }
  }

  private Broker telling(String name, String... numbers) {
    return FakeBroker.at(server)
        .name(name)
        .profile(profile -> profile.realm("shared"))
        .broker(broker -> broker.probe(new Accounts(numbers)))
        .build();
  }

  private static List<String> accounts(TokenManager manager, String name) {
    UserProfile profile = manager.status(name, "alice").profile();
    assertNotNull(profile);
    return profile.accounts().stream().map(UserProfile.Account::number).toList();
  }

  @Test
  void accounts_eachEnvironmentHasItsOwn() {
    try (TokenManager manager =
        TokenManager.builder()
            .time(clock)
            .broker(telling("live", "LIVE-1", "LIVE-2"), s -> s.client(FakeBroker.client()))
            .broker(telling("sim", "SIM-1"), s -> s.client(FakeBroker.client()))
            .build()) {
      manager.signIn("live", "alice", FakeBroker.grant(server, "alice"));
      assertEquals(List.of("LIVE-1", "LIVE-2"), accounts(manager, "live"));
      assertEquals(List.of(), accounts(manager, "sim"));

      manager.validate("sim", "alice");

      assertEquals(List.of("LIVE-1", "LIVE-2"), accounts(manager, "live"));
      assertEquals(List.of("SIM-1"), accounts(manager, "sim"));
      clock.jump(server.life().plusSeconds(1));
      manager.provider("live").get("alice");
      assertEquals(List.of("LIVE-1", "LIVE-2"), accounts(manager, "live"));
    }
  }
}
