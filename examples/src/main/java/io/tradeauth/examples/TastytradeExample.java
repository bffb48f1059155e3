package io.tradeauth.examples;

import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.tastytrade.Tastytrade;
import java.io.PrintStream;
import java.util.Map;

/** Reads the accounts of a tastytrade customer, with a grant made in tastytrade's web pages. */
public final class TastytradeExample {

  static final String PATH = "/customers/me/accounts";

  private static final String SECRET = "TASTYTRADE_CLIENT_SECRET";
  private static final String REFRESH_TOKEN = "TASTYTRADE_REFRESH_TOKEN";

  private TastytradeExample() {}

  /** Runs it with settings from the environment. */
  public static void main(String[] arguments) {
    System.exit(run(System.getenv(), System.out));
  }

  static int run(Map<String, String> environment, PrintStream out) {
    Settings settings =
        new Settings(environment)
            .need(SECRET, "the secret of your OAuth application, shown when you create it")
            .need(REFRESH_TOKEN, "what \"Create grant\" of that application shows, once");
    if (!settings.areComplete(out)) {
      return 2;
    }
    try (TokenManager manager = TokenManager.builder().broker(Tastytrade.live()).build()) {
      manager.signIn(
          Tastytrade.LIVE,
          "me",
          Tastytrade.grant(settings.get(SECRET), settings.get(REFRESH_TOKEN)));
      return FirstCall.read(manager.provider(Tastytrade.LIVE), "me", PATH, out);
    } catch (TokenException e) {
      return FirstCall.failed(e, out);
    }
  }
}
