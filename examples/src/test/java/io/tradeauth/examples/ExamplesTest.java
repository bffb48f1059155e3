package io.tradeauth.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Broker;
import io.tradeauth.TimeSource;
import io.tradeauth.TokenManager;
import io.tradeauth.settrade.Settrade;
import io.tradeauth.tastytrade.Tastytrade;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import io.tradeauth.tradestation.TradeStation;
import io.tradeauth.upstox.Upstox;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;

/** The examples say what they lack, and those that lack nothing run. */
class ExamplesTest {

  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8);

  private String printed() {
    return printed.toString(StandardCharsets.UTF_8);
  }

  private void assertMissing(
      BiFunction<Map<String, String>, PrintStream, Integer> example,
      Map<String, String> environment,
      String... variables) {
    assertEquals(2, example.apply(environment, out));
    for (String variable : variables) {
      assertTrue(printed().contains(variable + " is missing: "), this::printed);
    }
    assertEquals(variables.length, printed().split(" is missing: ").length - 1, this::printed);
    assertTrue(printed().contains("Nothing was sent."), this::printed);
  }

  @Test
  void tastytrade_withoutSettings_saysWhatForAndSendsNothing() {
    assertMissing(
        TastytradeExample::run, Map.of(), "TASTYTRADE_CLIENT_SECRET", "TASTYTRADE_REFRESH_TOKEN");
  }

  @Test
  void tradeStation_withoutSecret_saysSoAndNothingOfTheRest() {
    assertMissing(
        TradeStationExample::run,
        Map.of("TRADESTATION_CLIENT_ID", "canary-key", "TRADESTATION_REFRESH_TOKEN", "canary-rt"),
        "TRADESTATION_CLIENT_SECRET");
    assertFalse(printed().contains("canary"), this::printed);
  }

  @Test
  void upstox_withoutSettings_saysWhatForAndSendsNothing() {
    assertMissing(
        UpstoxExample::run,
        Map.of(),
        "UPSTOX_CLIENT_ID",
        "UPSTOX_CLIENT_SECRET",
        "UPSTOX_REDIRECT_URI");
  }

  @Test
  void upstox_withoutCode_saysWhereToSignIn() {
    assertMissing(
        UpstoxExample::run,
        Map.of(
            "UPSTOX_CLIENT_ID", "canary-key",
            "UPSTOX_CLIENT_SECRET", "secret-canary",
            "UPSTOX_REDIRECT_URI", "https://app.example.com/back"),
        "UPSTOX_CODE");
    assertTrue(
        printed().contains("https://api.upstox.com/v2/login/authorization/dialog?"), this::printed);
    assertFalse(printed().contains("secret-canary"), this::printed);
  }

  @Test
  void settrade_blankSetting_isMissing() {
    assertMissing(
        SettradeExample::run,
        Map.of(
            "SETTRADE_APP_CODE", "SANDBOX",
            "SETTRADE_API_KEY", "canary-key",
            "SETTRADE_APP_SECRET", " ",
            "SETTRADE_ACCOUNT", "canary-account"),
        "SETTRADE_APP_SECRET");
  }

  @Test
  void settrade_secretThatIsNoKey_isRefusedWithoutShowingIt() {
    int exitCode =
        SettradeExample.run(
            Map.of(
                "SETTRADE_APP_CODE", "SANDBOX",
                "SETTRADE_API_KEY", "canary-key",
                "SETTRADE_APP_SECRET", "no-key-canary",
                "SETTRADE_ACCOUNT", "canary-account"),
            out);

    assertEquals(2, exitCode);
    assertFalse(printed().contains("no-key-canary"), this::printed);
  }

  /** What every example does once its settings are there. */
  @Test
  void firstCall_simulatorInPlaceOfTheBroker_readsTheAccounts() {
    try (TastytradeSimulator simulator = new TastytradeSimulator(TimeSource.system())) {
      Environment live = simulator.live();
      User alice = live.addUser("alice");
      try (TokenManager manager =
          TokenManager.builder()
              .broker(
                  Tastytrade.at(Tastytrade.LIVE, live.api(), live.authorizePage(), live.streamer()))
              .build()) {
        manager.signIn(
            Tastytrade.LIVE, "alice", Tastytrade.grant(alice.clientSecret(), alice.refreshToken()));

        int exitCode =
            FirstCall.read(manager.provider(Tastytrade.LIVE), "alice", TastytradeExample.PATH, out);

        assertEquals(0, exitCode, this::printed);
        assertTrue(printed().contains(alice.accounts().get(0)), this::printed);
      }
    }
  }

  /** The brokers' documents have these addresses. */
  @Test
  void firstCall_goesWhereTheBrokerAnswers() {
    assertAddress(
        "https://api.tastyworks.com/customers/me/accounts",
        Tastytrade.live(),
        TastytradeExample.PATH);
    assertAddress(
        "https://sim-api.tradestation.com/v3/brokerage/accounts",
        TradeStation.sandbox(),
        TradeStationExample.PATH);
    assertAddress("https://api.upstox.com/v2/user/profile", Upstox.live(), UpstoxExample.PATH);
    assertAddress(
        "https://open-api-test.settrade.com/api/seos/v3/098/accounts/A-1/account-info",
        Settrade.sandbox(),
        SettradeExample.pathOf("A-1"));
  }

  private static void assertAddress(String address, Broker broker, String path) {
    assertEquals(URI.create(address), broker.profile().hosts().uri(path));
  }

  @Test
  void exampleWithJavaNetHttp_runs() throws Exception {
    HttpClientExample.main(new String[0]);
  }

  @Test
  void fifthBroker_runs() {
    FifthBroker.main(new String[0]);
  }
}
