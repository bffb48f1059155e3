package io.tradeauth.settrade;

import io.tradeauth.ApiHosts;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerProfile;
import io.tradeauth.CallAnswer;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Expiry;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.RefreshToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.TokenResponse;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.List;

/**
 * Settrade's Open API (Thailand): an app proves itself by a signature and gets an access token and
 * a rotating refresh token; no browser, no consent page, no human.
 *
 * <p>A credential is broker id, app code and API key, and has one live session: a second login ends
 * the first. So users who share a credential share its tokens here, and the credential belongs to
 * one program: two that both log in knock each other out for ever.
 *
 * <p>Sessions end every night between 03:00 and 04:00 Thai time, whatever {@code expires_in} said.
 * Settrade offers no sign-out; a session ends there, or by the next login. The trading PIN travels
 * in the body of each order and is no part of the login: this library never sees it.
 */
public final class Settrade {

  /** The name of production. */
  public static final String LIVE = "settrade";

  /** The name of the sandbox, which Settrade also calls UAT. */
  public static final String SANDBOX = "settrade-sandbox";

  /** What is written for the broker id in the sandbox, in any case of its letters. */
  public static final String SANDBOX_BROKER = "SANDBOX";

  /**
   * Asks for a token and the address of the MQTT socket; see {@link StreamAccess}. Ask anew when
   * the access token has been replaced, and open the next socket before this one ends: messages in
   * a gap are lost.
   */
  public static final BrokerCall<CallAnswer<StreamAccess>> STREAM = new StreamCall();

  /** Where the client credentials have the broker id. */
  static final String BROKER_ID = "broker_id";

  /** Where the client credentials have the app code. */
  static final String APP_CODE = "app_code";

  /** The sandbox's broker id on the wire. */
  static final String SANDBOX_BROKER_ID = "098";

  private static final ZoneOffset BANGKOK = ZoneOffset.ofHours(7);

  private static final String USER_AGENT = "tradeauth/0.1";

  private Settrade() {}

  /** Production. */
  public static Broker live() {
    return live(USER_AGENT);
  }

  /**
   * Production, under the application's own name.
   *
   * @param userAgent product and version, such as {@code my-app/1.0}; Settrade's web firewall turns
   *     some away, with a page and status 403
   */
  public static Broker live(String userAgent) {
    return broker(
        LIVE,
        userAgent,
        URI.create("https://open-api.settrade.com"),
        URI.create("https://marketapi.settrade.com"));
  }

  /** The sandbox. Its credentials are others than those of production. */
  public static Broker sandbox() {
    return sandbox(USER_AGENT);
  }

  /** The sandbox, under the application's own name; see {@link #live(String)}. */
  public static Broker sandbox(String userAgent) {
    return broker(
        SANDBOX,
        userAgent,
        URI.create("https://open-api-test.settrade.com"),
        URI.create("https://marketapi-test.settrade.com"));
  }

  /**
   * An environment at other addresses, for tests against a simulator.
   *
   * @param name {@link #LIVE} or {@link #SANDBOX}
   * @throws IllegalArgumentException if an address is neither TLS nor loopback, or the name another
   */
  public static Broker at(String name, URI api, URI market) {
    if (!name.equals(LIVE) && !name.equals(SANDBOX)) {
      throw new IllegalArgumentException("name: " + LIVE + " or " + SANDBOX + ", not " + name);
    }
    return broker(name, USER_AGENT, api, market);
  }

  /**
   * A credential of the investor's, as Settrade's portal shows it. Users who bring the same broker
   * id, app code and API key share one login.
   *
   * @param brokerId three digits with their leading zero, such as {@code 023}, or {@link
   *     #SANDBOX_BROKER}
   * @param appCode such as {@code ALGO_EQ}; {@code SANDBOX} in the sandbox
   * @param apiKey the "app id"
   * @param appSecret the private key in base64, also without padding or with blanks around it
   * @throws IllegalArgumentException if one of them can't be right; it tells nothing of the secret
   */
  public static ClientCredentials client(
      String brokerId, String appCode, String apiKey, String appSecret) {
    SigningKey.of(appSecret);
    return ClientCredentials.of(checkNotBlank("apiKey", apiKey), appSecret.strip())
        .with(BROKER_ID, checkBrokerId(brokerId))
        .with(APP_CODE, checkNotBlank("appCode", appCode));
  }

  private static String checkBrokerId(String brokerId) {
    if (brokerId.equalsIgnoreCase(SANDBOX_BROKER)) {
      return SANDBOX_BROKER_ID;
    }
    if (!brokerId.matches("[0-9]{3}")) {
      throw new IllegalArgumentException(
          "brokerId: must be three digits, such as 023, or " + SANDBOX_BROKER);
    }
    return brokerId;
  }

  private static String checkNotBlank(String what, String text) {
    if (text.isBlank()) {
      throw new IllegalArgumentException(what + ": must not be blank");
    }
    return text;
  }

  /**
   * A login with a credential of the user's own. It ends the session that the credential has.
   *
   * @throws IllegalArgumentException as {@link #client} does
   */
  public static Grant grant(String brokerId, String appCode, String apiKey, String appSecret) {
    return grant(client(brokerId, appCode, apiKey, appSecret));
  }

  /** A login with a credential that {@link #client} made. */
  public static Grant grant(ClientCredentials client) {
    return new Grant.SignedLogin(client);
  }

  /**
   * The live session of a credential that another program hands over; unlike {@link #grant}, this
   * ends nothing.
   *
   * @param expiresAt when the access token ends
   */
  public static Grant session(
      ClientCredentials client, String accessToken, String refreshToken, Instant expiresAt) {
    return new Grant.Imported(
        TokenResponse.builder()
            .accessToken(accessToken)
            .refreshToken(refreshToken)
            .expiresAt(expiresAt)
            .build(),
        client);
  }

  /** The refresh token of a live session that another program hands over. It is spent at once. */
  public static Grant session(ClientCredentials client, String refreshToken) {
    return new Grant.Refresh(RefreshToken.of(refreshToken), client);
  }

  /**
   * Asks whether the user's token reaches an equity account: alive if it does, and also if the
   * token is good but the account another's.
   */
  public static BrokerCall<ProbeAnswer> equityAccount(String account) {
    return accountCall("/api/seos/v3/", account);
  }

  /** As {@link #equityAccount}, for a derivatives account. */
  public static BrokerCall<ProbeAnswer> derivativesAccount(String account) {
    return accountCall("/api/seosd/v3/", account);
  }

  private static BrokerCall<ProbeAnswer> accountCall(String service, String account) {
    String path = "/accounts/" + Paths.segment(checkNotBlank("account", account)) + "/account-info";
    return new ProbeCall(service, path);
  }

  private static Broker broker(String name, String userAgent, URI api, URI market) {
    return new SettradeBroker(
        BrokerProfile.builder(name, ApiHosts.of(List.of(api, market)))
            .header("User-Agent", checkUserAgent(userAgent))
            .rotation(RotationProfile.RELOGIN)
            // The night's reset happens somewhere between the two; nobody publishes its minute.
            .expiry(
                Expiry.asTold()
                    .orElse(Duration.ofMinutes(5))
                    .noLaterThanDaily(LocalTime.of(3, 0), BANGKOK)
                    .noLaterThanDaily(LocalTime.of(4, 0), BANGKOK))
            .skew(Duration.ofSeconds(60))
            .renewAhead(Duration.ofSeconds(300))
            .build());
  }

  private static String checkUserAgent(String userAgent) {
    if (!userAgent.matches("[!-.0-~]+/[!-~]+( [ -~]*)?")) {
      throw new IllegalArgumentException(
          "userAgent: product and version, such as my-app/1.0, not \"" + userAgent + "\"");
    }
    return userAgent;
  }
}
