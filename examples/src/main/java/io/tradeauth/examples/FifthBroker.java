package io.tradeauth.examples;

import io.tradeauth.ApiHosts;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerProfile;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Expiry;
import io.tradeauth.Grant;
import io.tradeauth.Pkce;
import io.tradeauth.RotationProfile;
import io.tradeauth.StandardBroker;
import io.tradeauth.TimeSource;
import io.tradeauth.TokenManager;
import io.tradeauth.testing.FakeAuthorizationServer;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import okhttp3.HttpUrl;

/**
 * A broker more: what its pages say, as values. Its refresh tokens rotate, and a second use of one
 * ends the session; nothing else has to be known for it to be safe.
 */
public final class FifthBroker {

  /** The name by which an application asks for its tokens. */
  public static final String LIVE = "fifth";

  private FifthBroker() {}

  // block: broker
  static Broker at(URI signIn, URI api) {
    BrokerProfile profile =
        BrokerProfile.builder(LIVE, ApiHosts.of(List.of(api)))
            .rotation(RotationProfile.STRICT)
            .expiry(Expiry.asTold().orElse(Duration.ofMinutes(10)))
            .skew(Duration.ofSeconds(30))
            .build();
    return StandardBroker.builder(profile, signIn.resolve("/token"))
        .authorizationUri(signIn.resolve("/authorize"))
        .scope("read", "trade")
        .build();
  }

  // end of block: broker

  /** Signs a user in to a server on this machine and reads with the token. */
  public static void main(String[] arguments) {
    ClientCredentials client =
        ClientCredentials.of(
            FakeAuthorizationServer.CLIENT_ID, FakeAuthorizationServer.CLIENT_SECRET);
    try (FakeAuthorizationServer server = FakeAuthorizationServer.strict(TimeSource.system());
        TokenManager manager =
            TokenManager.builder()
                .broker(at(server.tokenUri(), server.api()), broker -> broker.client(client))
                .build()) {
      Pkce proofKey = Pkce.create();
      AuthorizationRequest request =
          AuthorizationRequest.of(FakeAuthorizationServer.REDIRECT_URI, "state-of-this-browser")
              .pkce(proofKey);
      URI page = manager.authorizationUri(LIVE, "alice", request);
      HttpUrl back = HttpUrl.get(server.approve("alice", page).toString());
      String code = Objects.requireNonNull(back.queryParameter("code"));
      Grant.AuthorizationCode grant = new Grant.AuthorizationCode(code, request.redirectUri());
      manager.signIn(LIVE, "alice", grant.pkce(proofKey));
      FirstCall.read(manager.provider(LIVE), "alice", "/v1/data", System.out);
    }
  }
}
