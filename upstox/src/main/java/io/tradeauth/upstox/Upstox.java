package io.tradeauth.upstox;

import io.tradeauth.ApiHosts;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerProfile;
import io.tradeauth.CallAnswer;
import io.tradeauth.Expiry;
import io.tradeauth.Grant;
import io.tradeauth.RotationProfile;
import io.tradeauth.TokenName;
import io.tradeauth.TokenResponse;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;

/**
 * Upstox, India.
 *
 * <p>A token lasts until the next 03:30 in India, whenever it was issued, and nothing renews it:
 * its owner signs in each day, in the browser or by approving a request in the Upstox app ({@link
 * #APPROVAL}, {@link #delivered}). Tokens that are made by hand in Upstox's console are imported
 * with {@link #token(String)}.
 */
public final class Upstox {

  /** The name of the live environment; see {@link #live}. */
  public static final String LIVE = "upstox";

  /** The name of the sandbox; see {@link #sandbox}. */
  public static final String SANDBOX = "upstox-sandbox";

  /** The name of the read-only environment of analytics tokens; see {@link #analytics}. */
  public static final String ANALYTICS = "upstox-analytics";

  /**
   * The extended token that comes beside the access token: a year long, for some reads only; other
   * calls refuse it with {@code UDAPI100067}. Apps from before March 2026 may get none.
   */
  public static final TokenName EXTENDED = new TokenName("extended");

  /** Asks for a socket of the market data feed. For live and analytics tokens. */
  public static final BrokerCall<CallAnswer<SocketUrl>> MARKET_FEED =
      new SocketUrl.Call("/v3/feed/market-data-feed/authorize");

  /** Asks for a socket of the portfolio feed that tells of orders. */
  public static final BrokerCall<CallAnswer<SocketUrl>> PORTFOLIO_FEED = portfolioFeed("order");

  /**
   * Asks the owner of the app, in the Upstox app and on WhatsApp, to approve a token. Each call
   * asks anew: send one a day and wait for it. The token comes to the app's notifier; see {@link
   * #delivered}.
   */
  public static final BrokerCall<CallAnswer<ApprovalRequest>> APPROVAL = new ApprovalRequest.Call();

  private static final Expiry UNTIL_HALF_PAST_THREE =
      Expiry.asTold().noLaterThanDaily(LocalTime.of(3, 30), ZoneId.of("Asia/Kolkata"));

  private static final URI API = URI.create("https://api.upstox.com");
  private static final URI ORDERS = URI.create("https://api-hft.upstox.com");
  private static final URI SANDBOX_API = URI.create("https://api-sandbox.upstox.com");

  private Upstox() {}

  /** The live environment: the API and the order host. */
  public static Broker live() {
    return liveForTests(API, ORDERS);
  }

  /**
   * The sandbox, which takes orders and nothing else. It has no sign-in: import the token that the
   * console makes, which lasts 30 days.
   */
  public static Broker sandbox() {
    return sandboxForTests(SANDBOX_API);
  }

  /**
   * The live API for analytics tokens, which may read and not trade. There is no sign-in: import
   * the token that the console makes, which lasts a year.
   */
  public static Broker analytics() {
    return analyticsForTests(API);
  }

  /**
   * The live environment at other addresses, such as a simulator's.
   *
   * @throws IllegalArgumentException if one is neither {@code https} nor a loopback address
   */
  public static Broker liveForTests(URI api, URI orders) {
    return new UpstoxBroker(
        BrokerProfile.builder(LIVE, ApiHosts.of(List.of(api, orders)))
            .header("Accept", "application/json")
            // There is no refresh token to lose, and what is asked twice here is a profile.
            .rotation(RotationProfile.NONE)
            .expiry(UNTIL_HALF_PAST_THREE.noLaterThanJwtHint())
            .skew(Duration.ofSeconds(10))
            .build());
  }

  /**
   * The sandbox at another address, such as a simulator's.
   *
   * @throws IllegalArgumentException if it is neither {@code https} nor a loopback address
   */
  public static Broker sandboxForTests(URI sandbox) {
    return new ConsoleTokens(consoleProfile(SANDBOX, sandbox, Duration.ofDays(30)), null);
  }

  /**
   * The analytics environment at another address, such as a simulator's.
   *
   * @throws IllegalArgumentException if it is neither {@code https} nor a loopback address
   */
  public static Broker analyticsForTests(URI api) {
    // The profile needs the registered address; the market feed is open from anywhere.
    return new ConsoleTokens(
        consoleProfile(ANALYTICS, api, Duration.ofDays(365)),
        new Probe("/v3/feed/market-data-feed/authorize"));
  }

  private static BrokerProfile consoleProfile(String name, URI api, Duration life) {
    return BrokerProfile.builder(name, ApiHosts.of(List.of(api)))
        .header("Accept", "application/json")
        .rotation(RotationProfile.NONE)
        .expiry(Expiry.asTold().noLaterThanJwtHint().orElse(life))
        .skew(Duration.ofSeconds(10))
        .build();
  }

  /**
   * A code that came back from the login dialog. Single use, even if the exchange fails.
   *
   * @param redirectUri exactly the one that the dialog was opened with
   */
  public static Grant.AuthorizationCode code(String code, URI redirectUri) {
    return new Grant.AuthorizationCode(code, redirectUri);
  }

  /** As {@link #code}; the user's extended token is replaced by a new one. */
  public static Grant.AuthorizationCode codeForNewExtendedToken(String code, URI redirectUri) {
    Grant.AuthorizationCode grant = code(code, redirectUri);
    return new Grant.AuthorizationCode(
        grant.code(),
        redirectUri,
        null,
        grant.requestedScope(),
        Map.of("refresh_extended_token", "true"),
        null);
  }

  /**
   * A token from the console or from another system. It ends as the environment's tokens do: live
   * at the next 03:30 in India, sandbox in 30 days, analytics in a year, or earlier if the token
   * says so.
   *
   * @throws IllegalArgumentException if it could not be sent in a header
   */
  public static Grant.Imported token(String token) {
    return new Grant.Imported(usable(TokenResponse.builder().accessToken(token)), null);
  }

  /** As {@link #token(String)}, with an end that is known and counts if it is earlier. */
  public static Grant.Imported token(String token, Instant expiresAt) {
    return new Grant.Imported(
        usable(TokenResponse.builder().accessToken(token).expiresAt(expiresAt)), null);
  }

  private static TokenResponse usable(TokenResponse.Builder builder) {
    TokenResponse response = builder.build();
    if (response.accessToken() == null) {
      throw new IllegalArgumentException("token: " + response.problems());
    }
    return response;
  }

  /**
   * Reads what was posted to the notifier of an app: a token that its owner approved. Anybody can
   * post there, so signing in with it stores nothing before Upstox has told whose token it is.
   *
   * @param body the JSON that was posted
   * @param clientId the app whose notifier this is
   * @param now the current time, of a {@link io.tradeauth.TimeSource}
   * @throws IllegalArgumentException if it is no such message, not for this app, or not of now; the
   *     message names the member and nothing of what was posted
   */
  public static Grant.Delivered delivered(String body, String clientId, Instant now) {
    return new Grant.Delivered(Delivery.read(body, clientId, now), null);
  }

  /**
   * Asks for a socket of the portfolio feed.
   *
   * @param updateTypes what it tells of: {@code order}, {@code gtt_order}, {@code position}, {@code
   *     holding}
   */
  public static BrokerCall<CallAnswer<SocketUrl>> portfolioFeed(String... updateTypes) {
    String types = URLEncoder.encode(String.join(",", updateTypes), StandardCharsets.UTF_8);
    return new SocketUrl.Call("/v2/feed/portfolio-stream-feed/authorize?update_types=" + types);
  }

  /** Returns the latest end of a token that was issued at {@code issuedAt}. */
  static Instant latestEnd(Instant issuedAt) {
    return UNTIL_HALF_PAST_THREE.endOf(TokenResponse.builder().build(), issuedAt);
  }
}
