package io.tradeauth.examples;

import io.tradeauth.Grant;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.settrade.Settrade;
import java.io.PrintStream;
import java.util.Map;

/** Reads an account of Settrade's sandbox, with a signed login. */
public final class SettradeExample {

  private static final String APP_CODE = "SETTRADE_APP_CODE";
  private static final String API_KEY = "SETTRADE_API_KEY";
  private static final String SECRET = "SETTRADE_APP_SECRET";
  private static final String ACCOUNT = "SETTRADE_ACCOUNT";

  private SettradeExample() {}

  /** Runs it with settings from the environment. */
  public static void main(String[] arguments) {
    System.exit(run(System.getenv(), System.out));
  }

  /** Returns where an equity account is read in the sandbox. */
  static String pathOf(String account) {
    return "/api/seos/v3/098/accounts/" + account + "/account-info";
  }

  static int run(Map<String, String> environment, PrintStream out) {
    Settings settings =
        new Settings(environment)
            .need(APP_CODE, "the code of your app; SANDBOX in the sandbox")
            .need(API_KEY, "the \"app id\" of Settrade's developer portal")
            .need(SECRET, "the \"app secret\" beside it; its last login elsewhere ends")
            .need(ACCOUNT, "the equity account to read");
    if (!settings.areComplete(out)) {
      return 2;
    }
    try (TokenManager manager = TokenManager.builder().broker(Settrade.sandbox()).build()) {
      Grant grant =
          Settrade.grant(
              Settrade.SANDBOX_BROKER,
              settings.get(APP_CODE),
              settings.get(API_KEY),
              settings.get(SECRET));
      manager.signIn(Settrade.SANDBOX, "me", grant);
      String path = pathOf(settings.get(ACCOUNT));
      return FirstCall.read(manager.provider(Settrade.SANDBOX), "me", path, out);
    } catch (IllegalArgumentException e) {
      out.println("Nothing was sent. " + e.getMessage());
      return 2;
    } catch (TokenException e) {
      return FirstCall.failed(e, out);
    }
  }
}
