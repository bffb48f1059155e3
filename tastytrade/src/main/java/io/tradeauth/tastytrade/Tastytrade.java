package io.tradeauth.tastytrade;

import io.tradeauth.ApiHosts;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerProfile;
import io.tradeauth.CallAnswer;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Expiry;
import io.tradeauth.Grant;
import io.tradeauth.Json;
import io.tradeauth.RefreshToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.StandardBroker;
import io.tradeauth.StandardBroker.PkcePolicy;
import io.tradeauth.TokenResponse;
import io.tradeauth.UserProfile;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * tastytrade: access tokens of 15 minutes from a refresh token that stays the same until its owner
 * deletes the grant or regenerates the client secret.
 *
 * <p>The normal case is a personal application: its owner makes a grant in tastytrade's web pages
 * and copies client secret and refresh token, see {@link #grant(String, String)}. Only approved
 * partners send users through the authorize page, see {@link #code}. User names and passwords are
 * switched off since February 2026. Production and sandbox have nothing in common.
 *
 * <p>There is no sign-out on tastytrade's side: a grant is deleted in the web pages.
 *
 * @see <a href="https://developer.tastytrade.com/docs/authentication/oauth2">OAuth2
 *     authentication</a>
 */
public final class Tastytrade {

  /** The name of production. */
  public static final String LIVE = "tastytrade";

  /** The name of the sandbox, which its host calls "cert". */
  public static final String SANDBOX = "tastytrade-sandbox";

  /**
   * The account streamer of production. Each of its messages carries the {@code Authorization}
   * value of the current token, so ask for a fresh one with each heartbeat.
   */
  public static final URI LIVE_STREAMER = URI.create("wss://streamer.tastyworks.com");

  /** The account streamer of the sandbox; see {@link #LIVE_STREAMER}. */
  public static final URI SANDBOX_STREAMER = URI.create("wss://streamer.cert.tastyworks.com");

  /** Asks for the user's token for quotes, which lives a day whatever the access token does. */
  public static final BrokerCall<CallAnswer<QuoteToken>> QUOTE_TOKEN = new QuoteTokenCall();

  /**
   * Asks for the user's name and e-mail address, and reads nothing else of an answer that is very
   * personal. It names no subject: tastytrade says {@code me} where its id would be.
   */
  public static final BrokerCall<CallAnswer<UserProfile>> CUSTOMER = new CustomerCall();

  private static final String USER_AGENT = "tradeauth/0.1";

  private Tastytrade() {}

  /** Production. */
  public static Broker live() {
    return live(USER_AGENT);
  }

  /**
   * Production, under the application's own name.
   *
   * @param userAgent product and version, such as {@code my-app/1.0}; tastytrade turns requests
   *     away that have none
   */
  public static Broker live(String userAgent) {
    return broker(
        LIVE,
        userAgent,
        URI.create("https://api.tastyworks.com"),
        URI.create("https://my.tastytrade.com/auth.html"),
        LIVE_STREAMER);
  }

  /** The sandbox. */
  public static Broker sandbox() {
    return sandbox(USER_AGENT);
  }

  /** The sandbox, under the application's own name; see {@link #live(String)}. */
  public static Broker sandbox(String userAgent) {
    return broker(
        SANDBOX,
        userAgent,
        URI.create("https://api.cert.tastyworks.com"),
        URI.create("https://cert-my.staging-tasty.works/auth.html"),
        SANDBOX_STREAMER);
  }

  /**
   * An environment at other addresses, for tests against a simulator.
   *
   * @param name {@link #LIVE} or {@link #SANDBOX}
   * @throws IllegalArgumentException if an address is neither TLS nor loopback, or the name another
   */
  public static Broker at(String name, URI api, URI authorizePage, URI streamer) {
    if (!name.equals(LIVE) && !name.equals(SANDBOX)) {
      throw new IllegalArgumentException("name: " + LIVE + " or " + SANDBOX + ", not " + name);
    }
    return broker(name, USER_AGENT, api, authorizePage, streamer);
  }

  /**
   * A grant that the user made in the web pages for a personal application.
   *
   * @throws IllegalArgumentException if {@code refreshToken} does not tell which application it is
   *     for, as every refresh token of tastytrade has done: a login name is not one
   */
  public static Grant grant(String clientSecret, String refreshToken) {
    return grant(ClientCredentials.of(clientIdIn(refreshToken), clientSecret), refreshToken);
  }

  /** A grant that the user made in the web pages for an application of their own. */
  public static Grant grant(ClientCredentials client, String refreshToken) {
    return new Grant.Refresh(RefreshToken.of(refreshToken), client);
  }

  /**
   * Tokens of a personal application that another system holds already.
   *
   * @param expiresAt when the access token ends
   * @throws IllegalArgumentException as {@link #grant(String, String)} does
   */
  public static Grant tokens(
      String clientSecret, String refreshToken, String accessToken, Instant expiresAt) {
    TokenResponse.Builder tokens =
        TokenResponse.builder()
            .accessToken(accessToken)
            .refreshToken(refreshToken)
            .expiresAt(expiresAt);
    owner(accessToken).ifPresent(tokens::profile);
    return new Grant.Imported(
        tokens.build(), ClientCredentials.of(clientIdIn(refreshToken), clientSecret));
  }

  /**
   * The code that came back from the authorize page, for approved partners.
   *
   * @param redirectUri the same that the authorization request had
   */
  public static Grant.AuthorizationCode code(String code, URI redirectUri) {
    return new Grant.AuthorizationCode(code, redirectUri);
  }

  /** A hint only (RFC 8725): it labels the record and is never sent. */
  private static String clientIdIn(String refreshToken) {
    Json claims = Json.readJwtClaims(refreshToken);
    String audience = claims == null ? null : claims.text("aud");
    if (audience == null || audience.isBlank()) {
      throw new IllegalArgumentException(
          "refreshToken: it names no client; if it is the refresh token of a grant, and no login"
              + " name, give the client id with it");
    }
    return audience;
  }

  private static Broker broker(
      String name, String userAgent, URI api, URI authorizePage, URI streamer) {
    ApiHosts hosts = ApiHosts.of(List.of(api, overHttp(streamer)));
    URI tokenUri = hosts.uri("/oauth/token");
    BrokerProfile profile =
        BrokerProfile.builder(name, hosts)
            .header("User-Agent", checkUserAgent(userAgent))
            .rotation(RotationProfile.NONE)
            .expiry(Expiry.asTold().orElse(Duration.ofSeconds(900)))
            .skew(Duration.ofSeconds(60))
            .build();
    return new TastytradeBroker(
        tokenUri,
        StandardBroker.builder(profile, tokenUri)
            .authorizationUri(authorizePage)
            .scope("read", "trade")
            .pkce(PkcePolicy.UNSUPPORTED) // the page answers 405
            .errors(TastytradeErrors::meaning)
            .profileOf(response -> owner(response.text("access_token")))
            .probe(new AccountsCall())
            .rejection(TastytradeErrors::rejection)
            .build());
  }

  private static URI overHttp(URI socket) {
    return URI.create(socket.toString().replaceFirst("^ws", "http"));
  }

  private static String checkUserAgent(String userAgent) {
    if (!userAgent.matches("[!-.0-~]+/[!-~]+( [ -~]*)?")) {
      throw new IllegalArgumentException(
          "userAgent: product and version, such as my-app/1.0, not \"" + userAgent + "\"");
    }
    return userAgent;
  }

  /**
   * Whose tokens an answer brought. The API tells no id of a person, the token itself does; it came
   * over TLS from the server that issued it, so it is as good as any other member of the answer.
   */
  private static Optional<UserProfile> owner(@Nullable String accessToken) {
    return Optional.ofNullable(accessToken)
        .map(Json::readJwtClaims)
        .map(claims -> claims.text("sub"))
        .filter(subject -> !subject.isBlank())
        .map(UserProfile::of);
  }
}
