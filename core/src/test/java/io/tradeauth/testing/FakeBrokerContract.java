package io.tradeauth.testing;

import io.tradeauth.ApiHosts;
import io.tradeauth.Broker;
import io.tradeauth.BrokerProfile;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.RotationProfile;
import io.tradeauth.StandardBroker;
import java.net.URI;
import java.util.List;

/** The {@link BrokerContract} at a {@link FakeAuthorizationServer}. */
public abstract class FakeBrokerContract extends BrokerContract {

  private final ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
  private final FakeAuthorizationServer server;

  /** Makes the contract at a server that rotates like this. */
  protected FakeBrokerContract(RotationProfile rotation) {
    this.server = new FakeAuthorizationServer(clock, rotation);
  }

  /** Returns the server. */
  protected final FakeAuthorizationServer server() {
    return server;
  }

  @Override
  protected Simulator simulator() {
    return server;
  }

  @Override
  protected ManualClock clock() {
    return clock;
  }

  @Override
  protected Broker broker() {
    return FakeBroker.at(server)
        .probe()
        .profile(values -> values.header("X-Application", "canary-app/1"))
        .build();
  }

  @Override
  protected List<Broker> environments() {
    return List.of(
        StandardBroker.builder(
                BrokerProfile.builder(FakeBroker.NAME, ApiHosts.of("https://api.example.com"))
                    .build(),
                URI.create("https://auth.example.com/token"))
            .authorizationUri(URI.create("https://auth.example.com/authorize"))
            .build());
  }

  @Override
  protected Grant grant(String user) {
    return FakeBroker.code(server, user);
  }

  @Override
  protected ClientCredentials client(String user) {
    return FakeBroker.client();
  }

  @Override
  protected String apiPath(String user) {
    return "/v1/data";
  }

  @Override
  protected void endAccessTokens(String user) {
    server.endAccessTokens(user);
  }

  @Override
  protected void endGrant(String user) {
    server.endSessions(user);
  }
}
