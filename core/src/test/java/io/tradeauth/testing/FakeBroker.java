package io.tradeauth.testing;

import io.tradeauth.Answer;
import io.tradeauth.ApiHosts;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerProfile;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.Json;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignOut;
import io.tradeauth.StandardBroker;
import io.tradeauth.TokenResponse;
import io.tradeauth.TokenSet;
import io.tradeauth.UserProfile;
import java.time.Instant;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The broker of a {@link FakeAuthorizationServer}: RFC 6749 as it is written.
 *
 * <p>{@link #of} makes the usual one; {@link #at} starts one that differs. Not for several threads.
 */
public final class FakeBroker {

  /** The name of the broker, unless {@link #name} says otherwise. */
  public static final String NAME = "fake";

  private final FakeAuthorizationServer server;
  private String name = NAME;
  private RotationProfile rotation;
  private Consumer<BrokerProfile.Builder> profile = builder -> {};
  private Consumer<StandardBroker.Builder> broker = builder -> {};

  private FakeBroker(FakeAuthorizationServer server) {
    this.server = server;
    this.rotation = server.rotation();
  }

  /** Makes a broker that knows how the server rotates. */
  public static StandardBroker of(FakeAuthorizationServer server) {
    return at(server).build();
  }

  /** Makes a broker that believes the server to rotate like this. */
  public static StandardBroker of(FakeAuthorizationServer server, RotationProfile rotation) {
    return at(server).rotation(rotation).build();
  }

  /** Starts a broker that differs from the usual one. */
  public static FakeBroker at(FakeAuthorizationServer server) {
    return new FakeBroker(server);
  }

  /** Sets the name. */
  public FakeBroker name(String brokerName) {
    this.name = brokerName;
    return this;
  }

  /** Sets what the broker believes a second use of a refresh token to cost. */
  public FakeBroker rotation(RotationProfile believed) {
    this.rotation = believed;
    return this;
  }

  /** Changes the profile: skew, renew-ahead, expiry, headers, realm. */
  public FakeBroker profile(Consumer<BrokerProfile.Builder> change) {
    this.profile = profile.andThen(change);
    return this;
  }

  /** Changes the broker: what a 401 means, error rows, scope. */
  public FakeBroker broker(Consumer<StandardBroker.Builder> change) {
    this.broker = broker.andThen(change);
    return this;
  }

  /** Lets token answers tell whose tokens they are: {@code id-of-} and the user. */
  public FakeBroker tellsProfile() {
    return broker(
        builder ->
            builder.profileOf(
                json -> java.util.Optional.ofNullable(json.text("sub")).map(UserProfile::of)));
  }

  /** Gives the broker {@code GET /v1/whoami} as its probe. */
  public FakeBroker probe() {
    return broker(builder -> builder.probe(new WhoAmI()));
  }

  /** Lets sessions be ended by {@code POST /revoke} (RFC 7009), with this reach. */
  public FakeBroker revokes(SignOut.Reach reach) {
    return broker(builder -> builder.signOut(new SignOut(reach, new Revoke(server))));
  }

  /** Makes the broker. */
  public StandardBroker build() {
    BrokerProfile.Builder values =
        BrokerProfile.builder(name, ApiHosts.of(server.api().toString())).rotation(rotation);
    profile.accept(values);
    StandardBroker.Builder builder =
        StandardBroker.builder(values.build(), server.tokenUri())
            .authorizationUri(server.authorizationUri());
    broker.accept(builder);
    return builder.build();
  }

  /** Returns the client that the server starts with. */
  public static ClientCredentials client() {
    return ClientCredentials.of(
        FakeAuthorizationServer.CLIENT_ID, FakeAuthorizationServer.CLIENT_SECRET);
  }

  /** Signs {@code user} in elsewhere and returns the refresh token as a grant. */
  public static Grant grant(FakeAuthorizationServer server, String user) {
    return new Grant.Refresh(server.refreshToken(user));
  }

  /** Lets {@code user} agree elsewhere and returns the code as a grant. */
  public static Grant code(FakeAuthorizationServer server, String user) {
    return new Grant.AuthorizationCode(server.code(user), FakeAuthorizationServer.REDIRECT_URI);
  }

  /**
   * Signs {@code user} in elsewhere and returns an access token alone as a grant; nothing can renew
   * it.
   *
   * @param expiresAt when it is said to end
   */
  public static Grant imported(FakeAuthorizationServer server, String user, Instant expiresAt) {
    return new Grant.Imported(
        TokenResponse.builder().accessToken(server.accessToken(user)).expiresAt(expiresAt).build(),
        null);
  }

  /** The cheapest authenticated call. */
  private static final class WhoAmI implements BrokerCall<ProbeAnswer> {

    @Override
    public BrokerRequest request(CallContext context) {
      return BrokerRequest.get(context.apiUri("/v1/whoami")).authorized();
    }

    @Override
    public ProbeAnswer read(Answer answer) {
      Json json = answer.json();
      String subject = json == null ? null : json.text("sub");
      if (answer.status() == 200 && subject != null) {
        return new ProbeAnswer.Alive(UserProfile.of(subject));
      }
      return answer.status() == 401
          ? new ProbeAnswer.Dead("invalid_token")
          : new ProbeAnswer.Unknown("http " + answer.status());
    }
  }

  /** The end of a session. */
  private record Revoke(FakeAuthorizationServer server) implements BrokerCall<Boolean> {

    @Override
    public BrokerRequest request(CallContext context) {
      TokenSet tokens = context.tokens();
      String token =
          tokens == null || tokens.refreshToken() == null ? "" : tokens.refreshToken().value();
      return BrokerRequest.post(server.revocationUri())
          .form(
              Map.of(
                  "token",
                  token,
                  "client_id",
                  context.client().id(),
                  "client_secret",
                  context.client().requireSecret().value()));
    }

    @Override
    public Boolean read(Answer answer) {
      return answer.status() == 200;
    }
  }
}
