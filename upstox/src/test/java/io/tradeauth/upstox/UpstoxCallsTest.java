package io.tradeauth.upstox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Answer;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallAnswer;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.NamedToken;
import io.tradeauth.Pkce;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.RefreshToken;
import io.tradeauth.SignOut;
import io.tradeauth.TokenResponse;
import io.tradeauth.UserProfile;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is sent to Upstox and what its answers are read as, without any I/O. */
class UpstoxCallsTest {

  private static final URI REDIRECT = URI.create("http://127.0.0.1:8700/callback");
  private static final ClientCredentials CLIENT =
      ClientCredentials.of("0f8c2a54-3b1d-4e77-9a20-5d6e7f801234", "canary secret");
  private static final String STATE = "canary-state-0001";

  private final TestContext context = new TestContext(CLIENT);
  private final Broker live = Upstox.live();

  /** Section 2. */
  @Test
  void authorization_parametersAsDocumented() {
    assertEquals(
        "https://api.upstox.com/v2/login/authorization/dialog?response_type=code"
            + "&client_id=0f8c2a54-3b1d-4e77-9a20-5d6e7f801234"
            + "&redirect_uri=http%3A%2F%2F127.0.0.1%3A8700%2Fcallback&state=canary-state-0001",
        live.authorizationUri(AuthorizationRequest.of(REDIRECT, STATE), CLIENT).toString());
  }

  /** Section 2: there is no PKCE on this flow. */
  @Test
  void authorization_withProofKey_refused() {
    AuthorizationRequest request = AuthorizationRequest.of(REDIRECT, STATE).pkce(Pkce.create());
    assertThrows(IllegalArgumentException.class, () -> live.authorizationUri(request, CLIENT));
  }

  @Test
  void authorization_consoleEnvironments_haveNone() {
    AuthorizationRequest request = AuthorizationRequest.of(REDIRECT, STATE);
    assertNull(Upstox.sandbox().authorizationUri(request, CLIENT));
    assertNull(Upstox.analytics().authorizationUri(request, CLIENT));
  }

  /** Section 3: form, all five fields, nothing else. */
  @Test
  void code_formAsDocumented() {
    BrokerRequest request = live.exchange(Upstox.code("k7Qp2x", REDIRECT)).request(context);
    assertEquals("POST", request.method());
    assertEquals("https://api.upstox.com/v2/login/authorization/token", request.uri().toString());
    assertEquals("application/x-www-form-urlencoded", request.contentType());
    assertEquals("application/json", request.headers().get("Accept"));
    assertFalse(request.isAuthorized());
    assertEquals(
        Set.of(
            "grant_type=authorization_code",
            "code=k7Qp2x",
            "redirect_uri=http%3A%2F%2F127.0.0.1%3A8700%2Fcallback",
            "client_id=0f8c2a54-3b1d-4e77-9a20-5d6e7f801234",
            "client_secret=canary+secret"),
        Set.copyOf(List.of(request.body().split("&"))));
  }

  @Test
  void code_newExtendedTokenWanted_oneFieldMore() {
    BrokerRequest request =
        live.exchange(Upstox.codeForNewExtendedToken("k7Qp2x", REDIRECT)).request(context);
    assertTrue(request.body().contains("&refresh_extended_token=true"));
  }

  /** A refused request costs the code all the same, so it is not sent. */
  @Test
  void code_clientWithoutSecret_nothingIsSent() {
    TestContext secretless = new TestContext(ClientCredentials.publicClient("client-id"));
    BrokerCall<ExchangeAnswer> exchange = live.exchange(Upstox.code("k7Qp2x", REDIRECT));
    assertThrows(BrokerConfigurationException.class, () -> exchange.request(secretless));
    assertThrows(BrokerConfigurationException.class, () -> Upstox.APPROVAL.request(secretless));
  }

  /** Section 3: the documented body. */
  @Test
  void code_documentedAnswer_everythingIsKept() {
    TokenResponse response = granted(exchanged(Map.of(), BODY));
    UserProfile owner = response.profile();
    assertEquals("canary-access", response.accessToken().value());
    assertNull(response.refreshToken());
    assertNull(response.expiresIn());
    assertEquals("AB1234", owner.subject());
    assertEquals("ASHA RAO", owner.name());
    assertEquals("asha@example.com", owner.email());
    assertEquals(List.of(new UserProfile.Account("AB1234", "individual", null)), owner.accounts());
    assertEquals(Set.of("NSE", "NFO", "BSE", "CDS", "BFO", "BCD"), owner.exchanges());
    assertEquals(Set.of("D", "CO", "I"), owner.products());
    assertEquals(Set.of("MARKET", "LIMIT", "SL", "SL-M"), owner.orderTypes());
    assertEquals(List.of(), response.problems());
  }

  private static final String BODY =
      """
      {"email":"asha@example.com","exchanges":["NSE","NFO","BSE","CDS","BFO","BCD"],\
      "products":["D","CO","I"],"broker":"UPSTOX","user_id":"AB1234","user_name":"ASHA RAO",\
      "order_types":["MARKET","LIMIT","SL","SL-M"],"user_type":"individual","poa":false,\
      "is_active":true,"access_token":"canary-access","extended_token":"canary-extended"}""";

  /** Section 4: a year; nothing shorter is known of a token that tells nothing. */
  @Test
  void extendedToken_opaque_yearFromTheAnswersDate() {
    Map<String, String> dated = Map.of("Date", "Tue, 25 Nov 2025 04:00:00 GMT");
    assertEquals(
        Instant.parse("2026-11-25T04:00:00Z"), extended(exchanged(dated, BODY)).expiresAt());
    assertEquals(Instant.MAX, extended(exchanged(Map.of(), BODY)).expiresAt());
    assertEquals(Instant.MAX, extended(exchanged(Map.of("Date", "yesterday"), BODY)).expiresAt());
  }

  /** Section 4: later exchanges keep it, so a kept one ends earlier than a year from now. */
  @Test
  void extendedToken_tellsItsEnd_earlierCounts() {
    Map<String, String> dated = Map.of("Date", "Tue, 25 Nov 2025 04:00:00 GMT");
    Instant kept = Instant.parse("2026-03-01T00:00:00Z");
    Instant absurd = Instant.parse("2036-03-01T00:00:00Z");
    assertEquals(
        kept,
        extended(exchanged(dated, BODY.replace("canary-extended", UpstoxExpiryTest.jwt(kept))))
            .expiresAt());
    assertEquals(
        Instant.parse("2026-11-25T04:00:00Z"),
        extended(exchanged(dated, BODY.replace("canary-extended", UpstoxExpiryTest.jwt(absurd))))
            .expiresAt());
  }

  /** P3: what can't be used never spoils the access token beside it. */
  @Test
  void extendedToken_notFitForAHeader_exchangeIsGoodWithoutIt() {
    for (String bad : List.of("canary extended", "", "  ")) {
      TokenResponse response = granted(exchanged(Map.of(), BODY.replace("canary-extended", bad)));
      assertEquals("canary-access", response.accessToken().value());
      assertEquals(Map.of(), response.namedTokens());
    }
  }

  @Test
  void extendedToken_absurdEnd_isNone() {
    Instant absurd = Instant.ofEpochSecond(10_000_000_000_000_000L);
    assertEquals(
        Instant.MAX,
        extended(exchanged(Map.of(), BODY.replace("canary-extended", UpstoxExpiryTest.jwt(absurd))))
            .expiresAt());
  }

  /** Section 3: old apps get none. */
  @Test
  void extendedToken_missing_exchangeIsGoodWithoutIt() {
    String without = BODY.replace(",\"extended_token\":\"canary-extended\"", "");
    assertEquals(Map.of(), granted(exchanged(Map.of(), without)).namedTokens());
  }

  /** Section 3: declared in the served OpenAPI and never seen. */
  @Test
  void code_undocumentedMembers_areNotInTheWay() {
    TokenResponse response =
        granted(
            exchanged(
                Map.of(),
                BODY.replace(
                    "\"poa\"",
                    "\"expires_in\":86400,\"token_type\":\"bearer\",\"ddpi\":true,\"poa\"")));
    assertEquals(Duration.ofDays(1), response.expiresIn());
    assertEquals("bearer", response.tokenType());
  }

  /** Section 3: there is no refresh grant; whatever an answer brings, a human signs in. */
  @Test
  void renewal_none() {
    assertNull(live.renewal(null));
    Grant refresh = new Grant.Refresh(RefreshToken.of("canary"), null);
    assertThrows(IllegalArgumentException.class, () -> live.exchange(refresh));
  }

  @Test
  void consoleEnvironments_exchangeNothing() {
    Grant code = Upstox.code("k7Qp2x", REDIRECT);
    assertThrows(IllegalArgumentException.class, () -> Upstox.sandbox().exchange(code));
    assertThrows(IllegalArgumentException.class, () -> Upstox.analytics().exchange(code));
    assertNull(Upstox.sandbox().renewal(null));
    assertNull(Upstox.sandbox().signOut());
    assertNull(Upstox.analytics().signOut());
  }

  @Test
  void importedToken_notFitForAHeader_refusedWithoutShowingIt() {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> Upstox.token("canary\n"));
    assertFalse(refused.getMessage().contains("canary"));
  }

  /** Section 8; section 12.3. */
  @Test
  void probe_profile_tellsWhoseTokenItIs() {
    BrokerRequest request = live.probe().request(context);
    assertEquals("GET", request.method());
    assertEquals("https://api.upstox.com/v2/user/profile", request.uri().toString());
    assertTrue(request.isAuthorized());
    ProbeAnswer answer =
        live.probe().read(json(200, "{\"status\":\"success\",\"data\":" + BODY + "}"));
    assertEquals("AB1234", assertInstanceOf(ProbeAnswer.Alive.class, answer).profile().subject());
  }

  /** Section 4: an analytics token may open the market feed from anywhere; section 1: no probe. */
  @Test
  void probe_consoleEnvironments_whatTheyHave() {
    BrokerCall<ProbeAnswer> probe = Upstox.analytics().probe();
    assertEquals(
        "https://api.upstox.com/v3/feed/market-data-feed/authorize",
        probe.request(context).uri().toString());
    ProbeAnswer answer =
        probe.read(json(200, socket("authorized_redirect_uri", "wss://feed.example.com/?code=1")));
    assertNull(assertInstanceOf(ProbeAnswer.Alive.class, answer).profile());
    assertNull(Upstox.sandbox().probe());
  }

  @Test
  void probe_anythingElse_saysNothing() {
    for (Answer answer :
        List.of(
            json(200, "{\"status\":\"success\"}"),
            json(200, "<html>"),
            json(401, "{}"),
            json(503, ""))) {
      assertInstanceOf(ProbeAnswer.Unknown.class, live.probe().read(answer));
    }
  }

  /** Section 7. */
  @Test
  void logout_endedOrGoneAlready_isDone() {
    SignOut signOut = live.signOut();
    BrokerRequest request = signOut.call().request(context);
    assertEquals("DELETE", request.method());
    assertEquals("https://api.upstox.com/v2/logout", request.uri().toString());
    assertTrue(request.isAuthorized());
    assertEquals(SignOut.Reach.USER, signOut.reach());
    assertTrue(signOut.call().read(json(200, "{\"status\":\"success\",\"data\":true}")));
    assertTrue(
        signOut
            .call()
            .read(
                json(
                    401,
                    """
                    {"cause":null,"stackTrace":[],"message":"Invalid token","suppressed":[],\
                    "localizedMessage":"Invalid token"}""")));
    assertFalse(signOut.call().read(json(200, "<html>")));
    assertFalse(signOut.call().read(json(200, "{\"status\":\"error\"}")));
    assertFalse(signOut.call().read(json(500, "")));
    assertFalse(signOut.call().read(json(429, "{\"status\":\"error\",\"errors\":[]}")));
  }

  /** Section 9. */
  @Test
  void feeds_addressesAsDocumented() {
    assertEquals(
        "https://api.upstox.com/v3/feed/market-data-feed/authorize",
        Upstox.MARKET_FEED.request(context).uri().toString());
    assertEquals(
        "https://api.upstox.com/v2/feed/portfolio-stream-feed/authorize?update_types=order",
        Upstox.PORTFOLIO_FEED.request(context).uri().toString());
    assertEquals(
        "https://api.upstox.com/v2/feed/portfolio-stream-feed/authorize"
            + "?update_types=order%2Cgtt_order%2Cposition",
        Upstox.portfolioFeed("order", "gtt_order", "position").request(context).uri().toString());
    assertTrue(Upstox.MARKET_FEED.request(context).isAuthorized());
  }

  /** Section 9: the camelCase twin is deprecated. */
  @Test
  void feed_eitherSpelling_socketWithoutItsCodeInPrint() {
    String url = "wss://feed.example.com/v3/feeds?requestId=1&code=canary";
    for (String name : List.of("authorized_redirect_uri", "authorizedRedirectUri")) {
      SocketUrl socket = Upstox.MARKET_FEED.read(json(200, socket(name, url))).get();
      assertEquals(url, socket.uri().toString());
      assertFalse(socket.toString().contains("canary"));
    }
  }

  /** No canary: the runtime quotes in its exception what is no address, and that is caught. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "https://feed.example.com/?code=hidden",
        "wss://feed example?hidden",
        "ws://feed.example.com/?code=hidden",
        ""
      })
  void feed_noSocketAddress_refusedWithoutShowingIt(String url) {
    CallAnswer<SocketUrl> answer =
        Upstox.MARKET_FEED.read(json(200, socket("authorized_redirect_uri", url)));
    assertFalse(answer.toString().contains("hidden"));
    IllegalStateException none = assertThrows(IllegalStateException.class, answer::get);
    assertFalse(none.toString().contains("hidden"));
    assertNull(none.getCause());
  }

  @Test
  void feed_refused_statusAndCode() {
    CallAnswer<SocketUrl> answer =
        Upstox.MARKET_FEED.read(json(403, "{\"errors\":[{\"error_code\":\"UDAPI100067\"}]}"));
    assertEquals(new CallAnswer.Refused<SocketUrl>(403, "UDAPI100067"), answer);
  }

  private static String socket(String name, String url) {
    return "{\"status\":\"success\",\"data\":{\"" + name + "\":\"" + url + "\"}}";
  }

  /** Section 6: the client alone, no bearer, no redirect. */
  @Test
  void approval_requestAsDocumented() {
    BrokerRequest request = Upstox.APPROVAL.request(context);
    assertEquals("POST", request.method());
    assertEquals(
        "https://api.upstox.com/v3/login/auth/token/request/0f8c2a54-3b1d-4e77-9a20-5d6e7f801234",
        request.uri().toString());
    assertEquals("application/json", request.contentType());
    assertEquals("{\"client_secret\":\"canary secret\"}", request.body());
    assertFalse(request.isAuthorized());
  }

  /** Section 6, and section 13: milliseconds in a string, not seconds. */
  @Test
  void approval_asked_tellsUntilWhen() {
    ApprovalRequest asked =
        Upstox.APPROVAL
            .read(
                json(
                    200,
                    """
                    {"status":"success","data":{"authorization_expiry":"1764108000000",\
                    "notifier_url":"https://hooks.example.com/canary"}}"""))
            .get();
    assertEquals(Instant.parse("2025-11-25T22:00:00Z"), asked.expiresAt());
    assertEquals("https://hooks.example.com/canary", asked.notifierUrl());
    assertFalse(asked.toString().contains("canary"));
  }

  @Test
  void approval_askedWithoutReadableEnd_isStillAsked() {
    ApprovalRequest asked =
        Upstox.APPROVAL.read(json(200, "{\"status\":\"success\",\"data\":{}}")).get();
    assertNull(asked.expiresAt());
    assertEquals("", asked.notifierUrl());
  }

  @Test
  void approval_refused_statusAndCode() {
    assertEquals(
        new CallAnswer.Refused<ApprovalRequest>(400, "UDAPI1123"),
        Upstox.APPROVAL.read(json(400, "{\"errors\":[{\"error_code\":\"UDAPI1123\"}]}")));
  }

  /** Section 1; A6. */
  @Test
  void hosts_ofTheEnvironmentOnly() {
    assertTrue(live.profile().hosts().contains(URI.create("https://api.upstox.com/v2/x")));
    assertTrue(live.profile().hosts().contains(URI.create("https://api-hft.upstox.com/v3/x")));
    assertTrue(live.profile().hosts().contains(URI.create("wss://api.upstox.com/v3/feed")));
    assertFalse(live.profile().hosts().contains(URI.create("https://api-sandbox.upstox.com/v2")));
    assertFalse(
        Upstox.sandbox().profile().hosts().contains(URI.create("https://api.upstox.com/v2")));
    assertFalse(
        Upstox.analytics().profile().hosts().contains(URI.create("https://api-hft.upstox.com/v2")));
    URI plain = URI.create("http://api.example.com");
    assertThrows(IllegalArgumentException.class, () -> Upstox.liveForTests(plain, plain));
    assertThrows(IllegalArgumentException.class, () -> Upstox.sandboxForTests(plain));
    assertThrows(IllegalArgumentException.class, () -> Upstox.analyticsForTests(plain));
  }

  @Test
  void names_realmsAreApart() {
    assertEquals(Upstox.LIVE, live.profile().name());
    assertEquals(Upstox.SANDBOX, Upstox.sandbox().profile().realm());
    assertEquals(Upstox.ANALYTICS, Upstox.analytics().profile().realm());
    assertEquals(Duration.ofSeconds(10), live.profile().skew());
    assertEquals("application/json", live.profile().headers().get("Accept"));
  }

  private TokenResponse granted(ExchangeAnswer answer) {
    return assertInstanceOf(ExchangeAnswer.Granted.class, answer).response();
  }

  private NamedToken extended(ExchangeAnswer answer) {
    return granted(answer).namedTokens().get(Upstox.EXTENDED);
  }

  private ExchangeAnswer exchanged(Map<String, String> headers, String body) {
    return live.exchange(Upstox.code("k7Qp2x", REDIRECT))
        .read(Answer.of(200, headers, body.getBytes(StandardCharsets.UTF_8)));
  }

  private static Answer json(int status, String body) {
    return Answer.of(
        status, Map.of("Content-Type", "application/json"), body.getBytes(StandardCharsets.UTF_8));
  }
}
