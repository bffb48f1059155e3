package io.tradeauth.examples;

import io.tradeauth.AuthorizationRequest;
import io.tradeauth.ClientCredentials;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.upstox.Upstox;
import java.io.PrintStream;
import java.net.URI;
import java.util.Map;
import java.util.UUID;

/**
 * Reads the profile of an Upstox customer. Run it without a code first: it says where to sign in
 * for one.
 */
public final class UpstoxExample {

  static final String PATH = "/v2/user/profile";

  private static final String CLIENT_ID = "UPSTOX_CLIENT_ID";
  private static final String SECRET = "UPSTOX_CLIENT_SECRET";
  private static final String REDIRECT_URI = "UPSTOX_REDIRECT_URI";
  private static final String CODE = "UPSTOX_CODE";

  private UpstoxExample() {}

  /** Runs it with settings from the environment. */
  public static void main(String[] arguments) {
    System.exit(run(System.getenv(), System.out));
  }

  static int run(Map<String, String> environment, PrintStream out) {
    Settings settings =
        new Settings(environment)
            .need(CLIENT_ID, "the API key of your app, from Upstox's developer pages")
            .need(SECRET, "the API secret of that app")
            .need(REDIRECT_URI, "the redirect URI of that app, letter by letter");
    if (!settings.areComplete(out)) {
      return 2;
    }
    ClientCredentials client = ClientCredentials.of(settings.get(CLIENT_ID), settings.get(SECRET));
    URI redirectUri = URI.create(settings.get(REDIRECT_URI));
    try (TokenManager manager =
        TokenManager.builder().broker(Upstox.live(), broker -> broker.client(client)).build()) {
      settings.need(CODE, "what comes back as ?code=... from " + page(manager, redirectUri));
      if (!settings.areComplete(out)) {
        return 2;
      }
      manager.signIn(Upstox.LIVE, "me", Upstox.code(settings.get(CODE), redirectUri));
      return FirstCall.read(manager.provider(Upstox.LIVE), "me", PATH, out);
    } catch (TokenException e) {
      return FirstCall.failed(e, out);
    }
  }

  private static URI page(TokenManager manager, URI redirectUri) {
    String state = UUID.randomUUID().toString(); // a web application compares it when it comes back
    return manager.authorizationUri(Upstox.LIVE, "me", AuthorizationRequest.of(redirectUri, state));
  }
}
