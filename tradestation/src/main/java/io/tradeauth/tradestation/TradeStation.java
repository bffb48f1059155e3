package io.tradeauth.tradestation;

import io.tradeauth.ApiHosts;
import io.tradeauth.Broker;
import io.tradeauth.BrokerProfile;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Expiry;
import io.tradeauth.Grant;
import io.tradeauth.Json;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignOut;
import io.tradeauth.StandardBroker;
import io.tradeauth.TokenResponse;
import io.tradeauth.UserProfile;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * TradeStation, API v3: {@link #live} and {@link #sandbox}, which TradeStation calls SIM.
 *
 * <p>Both have one login: the same tokens work at both APIs, and only the address decides whether
 * an order is real. So a user signs in once, for either, and each environment's provider gives its
 * tokens to its own host alone. The tokens belong to whoever is logged in in the browser; {@link
 * io.tradeauth.AuthorizationRequest#freshLogin} makes sure who that is. A stream checks its token
 * when it opens: take a fresh one for each connection.
 *
 * @see <a href="https://api.tradestation.com/docs/fundamentals/authentication/auth-overview">the
 *     broker's documentation</a>
 */
public final class TradeStation {

  /** The name of the environment where orders are real. */
  public static final String LIVE = "tradestation";

  /** The name of the environment where orders are simulated. */
  public static final String SANDBOX = "tradestation-sandbox";

  private static final String REALM = "tradestation";
  private static final URI SIGN_IN = URI.create("https://signin.tradestation.com");

  /** Also for the sandbox; without it the API takes no token. */
  private static final String AUDIENCE = "https://api.tradestation.com";

  /** Without {@code offline_access} there is no refresh token, and all is over in 20 minutes. */
  private static final String[] SCOPE = {
    "openid", "offline_access", "profile", "MarketData", "ReadAccount", "Trade"
  };

  private TradeStation() {}

  /** What the refresh tokens of an API key are like; TradeStation sets it up by mail. */
  public enum RefreshTokens {
    /** They never end and stay the same: what a key has unless its owner asked for more. */
    LASTING(RotationProfile.NONE, null, null),
    /**
     * Each is good for one use and for 30 minutes, and the login for 24 hours; a second use ends
     * the login.
     */
    ROTATING(RotationProfile.STRICT, Duration.ofMinutes(30), Duration.ofHours(24));

    private final RotationProfile rotation;
    private final @Nullable Duration idleLimit;
    private final @Nullable Duration lifeLimit;

    RefreshTokens(
        RotationProfile rotation, @Nullable Duration idleLimit, @Nullable Duration lifeLimit) {
      this.rotation = rotation;
      this.idleLimit = idleLimit;
      this.lifeLimit = lifeLimit;
    }
  }

  /** Returns the environment where orders are real, for a key whose refresh tokens last. */
  public static Broker live() {
    return live(RefreshTokens.LASTING);
  }

  /** Returns the environment where orders are real. */
  public static Broker live(RefreshTokens kind) {
    return broker(LIVE, kind, SIGN_IN, URI.create("https://api.tradestation.com"));
  }

  /** Returns the environment where orders are simulated, for a key whose refresh tokens last. */
  public static Broker sandbox() {
    return sandbox(RefreshTokens.LASTING);
  }

  /** Returns the environment where orders are simulated. */
  public static Broker sandbox(RefreshTokens kind) {
    return broker(SANDBOX, kind, SIGN_IN, URI.create("https://sim-api.tradestation.com"));
  }

  /**
   * Returns an environment on other hosts, such as a simulator's, for tests.
   *
   * @param name {@link #LIVE} or {@link #SANDBOX}
   * @param signInHost in place of {@code https://signin.tradestation.com}
   * @param apiHost in place of {@code https://api.tradestation.com}
   * @throws IllegalArgumentException unless both are {@code https}, or {@code http} to a loopback
   *     address
   */
  public static Broker at(String name, RefreshTokens kind, URI signInHost, URI apiHost) {
    if (!name.equals(LIVE) && !name.equals(SANDBOX)) {
      throw new IllegalArgumentException("name: " + LIVE + " or " + SANDBOX + ", not " + name);
    }
    return broker(name, kind, signInHost, apiHost);
  }

  private static Broker broker(String name, RefreshTokens kind, URI signIn, URI api) {
    return StandardBroker.builder(profile(name, kind, api), signIn.resolve("/oauth/token"))
        .authorizationUri(signIn.resolve("/authorize"))
        .authorizationParameter("audience", AUDIENCE)
        .freshLoginParameter("prompt", "login")
        .scope(SCOPE)
        .requiredScope("openid")
        .scopeNotToldOnRefresh()
        .pkce(StandardBroker.PkcePolicy.PUBLIC_CLIENTS_ONLY)
        .errors(TradeStation::meaning)
        .profileOf(TradeStation::owner)
        .probe(new AccountsCall())
        .signOut(new SignOut(SignOut.Reach.CLIENT, new RevokeCall(signIn.resolve("/oauth/revoke"))))
        .build();
  }

  private static BrokerProfile profile(String name, RefreshTokens kind, URI api) {
    BrokerProfile.Builder profile =
        BrokerProfile.builder(name, ApiHosts.of(Set.of(api.resolve("/v3"))))
            .realm(REALM)
            .rotation(kind.rotation)
            .expiry(Expiry.asTold().orElse(Duration.ofMinutes(20)))
            .skew(Duration.ofSeconds(60));
    if (kind.idleLimit != null) {
      profile.refreshIdleLimit(kind.idleLimit);
    }
    if (kind.lifeLimit != null) {
      profile.refreshLifeLimit(kind.lifeLimit);
    }
    return profile.build();
  }

  /** Auth0 says {@code access_denied} where RFC 6749, section 5.2, says {@code invalid_client}. */
  private static @Nullable ExchangeAnswer meaning(int status, String error, String description) {
    boolean refused = status / 100 == 4 && status != 429;
    return refused && error.equals("access_denied")
        ? new ExchangeAnswer.Refused(ExchangeAnswer.Party.CLIENT, error, description)
        : null;
  }

  /** The claims of the id token, or of the access token: labels; nobody is let in by them. */
  private static Optional<UserProfile> owner(Json tokens) {
    return owner(claims(tokens.text("id_token")), claims(tokens.text("access_token")));
  }

  private static Optional<UserProfile> owner(@Nullable Json identity, @Nullable Json access) {
    Json claims = identity != null ? identity : access;
    return Optional.ofNullable(claims).map(known -> profile(known, access));
  }

  private static UserProfile profile(Json claims, @Nullable Json access) {
    String userName = access == null ? null : access.text("http://tradestation.com/username");
    String name = claims.text("name");
    return new UserProfile(
        claims.text("sub"),
        name != null ? name : userName,
        claims.text("email"),
        List.of(),
        Set.of(),
        Set.of(),
        Set.of());
  }

  private static @Nullable Json claims(@Nullable String token) {
    return token == null ? null : Json.readJwtClaims(token);
  }

  /**
   * Returns a sign-in by the code that came back to {@code redirectUri}, for the usual scope; add
   * the proof key of a public client, and the scope if another was asked for.
   */
  public static Grant.AuthorizationCode code(String code, URI redirectUri) {
    return new Grant.AuthorizationCode(code, redirectUri).requestedScope(List.of(SCOPE));
  }

  /**
   * Returns a sign-in by a refresh token that another system got. If the key rotates, that system
   * must never use it again.
   */
  public static Grant.Refresh refreshToken(String refreshToken) {
    return new Grant.Refresh(refreshToken);
  }

  /**
   * Returns a sign-in by a whole set that another system got; see {@link #refreshToken(String)}.
   * Whose it is tells the access token.
   *
   * @param refreshToken null if there is none; then it is over at {@code expiresAt}
   * @param expiresAt when the access token ends
   */
  public static Grant.Imported tokens(
      String accessToken, @Nullable String refreshToken, Instant expiresAt) {
    TokenResponse.Builder tokens =
        TokenResponse.builder()
            .accessToken(accessToken)
            .refreshToken(refreshToken)
            .expiresAt(expiresAt);
    owner(null, claims(accessToken)).ifPresent(tokens::profile);
    return new Grant.Imported(tokens.build(), null);
  }

  /**
   * Returns the page that ends the login in the browser, so that the next person there signs in
   * anew. Tokens stay valid.
   *
   * @param returnTo where the browser goes then; registered with the key
   */
  public static URI browserSignOut(String clientId, URI returnTo) {
    return URI.create(
        SIGN_IN
            + "/v2/logout?client_id="
            + encode(clientId)
            + "&returnTo="
            + encode(returnTo.toString()));
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
