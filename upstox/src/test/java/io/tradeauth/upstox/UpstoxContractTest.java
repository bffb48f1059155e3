package io.tradeauth.upstox;

import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.testing.BrokerContract;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.Simulator;
import io.tradeauth.upstox.testing.UpstoxSimulator;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import okhttp3.HttpUrl;

/** Upstox keeps to what every broker must. */
class UpstoxContractTest extends BrokerContract {

  private static final URI CALLBACK = URI.create("https://app.example.com/callback");
  private static final ClientCredentials APP =
      ClientCredentials.of("canary-app", "canary-app-secret");

  private final ManualClock clock = ManualClock.at("2025-11-25T04:00:00Z");
  private final UpstoxSimulator upstox = new UpstoxSimulator(clock);

  UpstoxContractTest() {
    upstox.addUser("alice");
    upstox.addUser("bob");
    upstox.addApp(APP.id(), APP.requireSecret().value(), CALLBACK.toString(), "alice");
  }

  @Override
  protected Simulator simulator() {
    return upstox;
  }

  @Override
  protected ManualClock clock() {
    return clock;
  }

  @Override
  protected Broker broker() {
    return Upstox.liveForTests(upstox.api(), upstox.orders());
  }

  @Override
  protected List<Broker> environments() {
    return List.of(Upstox.live(), Upstox.sandbox(), Upstox.analytics());
  }

  @Override
  protected Grant grant(String user) {
    URI page =
        broker()
            .authorizationUri(
                AuthorizationRequest.of(CALLBACK, "canary-state-0123456789"), client(user));
    URI back = upstox.signIn(page, user);
    return Upstox.code(HttpUrl.get(back).queryParameter("code"), CALLBACK);
  }

  @Override
  protected ClientCredentials client(String user) {
    return APP;
  }

  @Override
  protected Map<String, Pattern> requiredHeaders() {
    return Map.of("Accept", Pattern.compile("application/json"));
  }

  @Override
  protected String apiPath(String user) {
    return "/v2/user/profile";
  }

  @Override
  protected boolean renewable() {
    return false;
  }

  @Override
  protected void endAccessTokens(String user) {
    upstox.endTokens(user);
  }

  @Override
  protected void endGrant(String user) {
    upstox.endTokens(user);
  }
}
