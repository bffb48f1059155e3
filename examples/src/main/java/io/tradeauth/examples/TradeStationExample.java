package io.tradeauth.examples;

import io.tradeauth.ClientCredentials;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.tradestation.TradeStation;
import java.io.PrintStream;
import java.util.Map;

/**
 * Reads the simulated accounts of a TradeStation customer, with a refresh token of an earlier
 * sign-in.
 */
public final class TradeStationExample {

  /** The version, {@code /v3}, is in the base. */
  static final String PATH = "/brokerage/accounts";

  private static final String CLIENT_ID = "TRADESTATION_CLIENT_ID";
  private static final String SECRET = "TRADESTATION_CLIENT_SECRET";
  private static final String REFRESH_TOKEN = "TRADESTATION_REFRESH_TOKEN";

  private TradeStationExample() {}

  /** Runs it with settings from the environment. */
  public static void main(String[] arguments) {
    System.exit(run(System.getenv(), System.out));
  }

  static int run(Map<String, String> environment, PrintStream out) {
    Settings settings =
        new Settings(environment)
            .need(CLIENT_ID, "your API key, from TradeStation's mail")
            .need(SECRET, "the secret of that key")
            .need(
                REFRESH_TOKEN,
                "what a sign-in with offline_access brought; of a key that does not rotate,"
                    + " because a rotated token would be lost at the end of this program");
    if (!settings.areComplete(out)) {
      return 2;
    }
    ClientCredentials client = ClientCredentials.of(settings.get(CLIENT_ID), settings.get(SECRET));
    try (TokenManager manager =
        TokenManager.builder()
            .broker(TradeStation.sandbox(), broker -> broker.client(client))
            .build()) {
      manager.signIn(
          TradeStation.SANDBOX, "me", TradeStation.refreshToken(settings.get(REFRESH_TOKEN)));
      return FirstCall.read(manager.provider(TradeStation.SANDBOX), "me", PATH, out);
    } catch (TokenException e) {
      return FirstCall.failed(e, out);
    }
  }
}
