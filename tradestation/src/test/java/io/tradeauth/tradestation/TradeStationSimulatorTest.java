package io.tradeauth.tradestation;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.Fault;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.testing.Wire;
import io.tradeauth.tradestation.testing.ApiKey;
import io.tradeauth.tradestation.testing.TradeStationSimulator;
import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.spec.RSAPublicKeySpec;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import okhttp3.FormBody;
import okhttp3.HttpUrl;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okio.BufferedSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The rows of the fact sheet's section 12, 'Mock behaviours', one by one. */
class TradeStationSimulatorTest {

  private static final MediaType JSON = MediaType.get("application/json");
  private static final String CALLBACK = "http://localhost:8080";
  private static final String VERIFIER = "canary-verifier-0123456789-0123456789-0123456789";
  private static final String SCOPES =
      "openid offline_access profile email MarketData ReadAccount Trade";

  private final ManualClock clock = ManualClock.at("2026-01-05T15:00:00Z");
  private final TradeStationSimulator lasting = new TradeStationSimulator(clock);
  private final TradeStationSimulator rotating = TradeStationSimulator.rotating(clock);
  private final OkHttpClient http =
      new OkHttpClient.Builder().followRedirects(false).retryOnConnectionFailure(false).build();
  private TradeStationSimulator server = lasting;
  private ApiKey key = lasting.key();

  @AfterEach
  void close() {
    lasting.close();
    rotating.close();
    http.connectionPool().evictAll();
  }

  // /authorize ----------------------------------------------------------------------------------

  @Test
  void row1_authorizeGood_redirectsWithCodeAndState() throws IOException {
    server.human("alice");
    Answer answer = get(authorizeUrl().build());
    assertEquals(302, answer.status);
    HttpUrl location = answer.location();
    assertEquals(CALLBACK + "/", location.newBuilder().query(null).build().toString());
    assertEquals("st&te 1", location.queryParameter("state"));
    assertEquals("alice", server.ledger().owner(parameter(location, "code")));
    assertEquals(1, server.count("authorize"));
  }

  @Test
  void row1_nobodyBeforeTheBrowser_showsTheLoginPage() throws IOException {
    Answer answer = get(authorizeUrl().build());
    assertEquals(200, answer.status);
    assertNull(answer.headers.get("Location"));
  }

  /** Section 2: the user who is logged in in that browser is the user of the tokens. */
  @Test
  void row1_leftoverLogin_givesTokensOfTheOther_exceptWithPromptLogin() throws IOException {
    server.human("alice");
    server.leftoverLogin("bob");
    String code = parameter(get(authorizeUrl().build()).location(), "code");
    assertEquals("bob", server.ledger().owner(code));
    HttpUrl prompting = authorizeUrl().addQueryParameter("prompt", "login").build();
    assertEquals("alice", server.ledger().owner(parameter(get(prompting).location(), "code")));
  }

  @Test
  void row1_approve_isTheSameWithoutABrowser() {
    URI location = server.approve("alice", authorizeUrl().build().toString());
    assertEquals("alice", server.ledger().owner(parameter(HttpUrl.get(location), "code")));
    assertEquals(1, server.count("authorize"));
    String wrong = authorizeUrl().setQueryParameter("client_id", "no").build().toString();
    assertThrows(IllegalStateException.class, () -> server.approve("alice", wrong));
  }

  @Test
  void row2_userDeclines_redirectsWithAccessDenied_once() throws IOException {
    server.human("alice");
    server.decline();
    assertEquals(
        CALLBACK
            + "?error=access_denied"
            + "&error_description=User%20did%20not%20authorize%20the%20request&state=st%26te%201",
        get(authorizeUrl().build()).headers.get("Location"));
    assertNotNull(get(authorizeUrl().build()).location().queryParameter("code"));
  }

  @ParameterizedTest
  @ValueSource(ints = {403, 400})
  void row3_unknownClientOrCallback_showsAPageWithoutLocation(int status) throws IOException {
    server.human("alice");
    server.errorPageStatus(status);
    for (HttpUrl url :
        new HttpUrl[] {
          authorizeUrl().setQueryParameter("client_id", "unknown").build(),
          authorizeUrl().setQueryParameter("redirect_uri", CALLBACK + "/callback").build(),
          authorizeUrl().removeAllQueryParameters("redirect_uri").build()
        }) {
      Answer answer = get(url);
      assertEquals(status, answer.status);
      assertNull(answer.headers.get("Location"));
      assertTrue(answer.body.startsWith("<!DOCTYPE html>"));
    }
    key.callback(CALLBACK + "/callback");
    assertEquals(
        302,
        get(authorizeUrl().setQueryParameter("redirect_uri", CALLBACK + "/callback").build())
            .status);
  }

  @Test
  void row4_otherAudience_isNotFound() throws IOException {
    server.human("alice");
    String audience = "https://sim-api.tradestation.com";
    assertTrue(
        get(authorizeUrl().setQueryParameter("audience", audience).build())
            .headers
            .get("Location")
            .startsWith(CALLBACK + "?error=access_denied&error_description=Service%20not%20found"));
  }

  @Test
  void row5_audienceMissing_givesATokenThatTheApiRefuses() throws IOException {
    server.human("alice");
    HttpUrl url = authorizeUrl().removeAllQueryParameters("audience").build();
    String accessToken =
        exchange(parameter(get(url).location(), "code")).granted().get("access_token");
    assertEquals(1, accessToken.split("\\.").length);
    assertEquals(401, accounts(server.liveHost(), accessToken).status);
  }

  @ParameterizedTest
  @ValueSource(strings = {"offline_access Trade", "OpenID Trade", ""})
  void row6_scopeWithoutOpenid_isInvalid(String scope) throws IOException {
    server.human("alice");
    HttpUrl location = get(authorizeUrl().setQueryParameter("scope", scope).build()).location();
    assertEquals("invalid_scope", location.queryParameter("error"));
    assertEquals("st&te 1", location.queryParameter("state"));
  }

  // Codes ---------------------------------------------------------------------------------------

  @Test
  void row7_codeGood_bringsTokens() throws IOException {
    Answer answer = exchange(approvedCode(SCOPES));
    assertEquals("application/json", answer.headers.get("Content-Type"));
    assertEquals("no-store", answer.headers.get("Cache-Control"));
    Map<String, String> tokens = answer.granted();
    assertEquals("1200", tokens.get("expires_in"));
    assertEquals("Bearer", tokens.get("token_type"));
    assertEquals(SCOPES, tokens.get("scope"));
    assertEquals("alice", server.ledger().owner(tokens.get("access_token")));
    assertEquals("alice", server.ledger().owner(tokens.get("refresh_token")));
    Map<String, String> claims = claims(tokens.get("access_token"));
    assertEquals("alice", claims.get("http://tradestation.com/username"));
    assertEquals("https://api.tradestation.com", claims.get("aud"));
    assertEquals(SCOPES, claims.get("scope"));
    assertEquals("1767626400", claims.get("exp"));
  }

  @Test
  void row7_withoutOfflineAccess_noRefreshToken() throws IOException {
    Map<String, String> tokens = exchange(approvedCode("openid Trade")).granted();
    assertFalse(tokens.containsKey("refresh_token"));
    assertEquals("openid Trade", tokens.get("scope"));
  }

  /** Trap 7: lower case is another scope, which the key does not have. */
  @Test
  void row7_scopeInLowerCase_isNotGranted() throws IOException {
    assertEquals("openid", exchange(approvedCode("openid trade")).granted().get("scope"));
  }

  @Test
  void row8_codeTwice_isRefused() throws IOException {
    String code = approvedCode(SCOPES);
    exchange(code).granted();
    exchange(code).refused(403, "invalid_grant", "Invalid authorization code");
    assertEquals(1, server.ledger().spentTwice(Kind.CODE));
  }

  @Test
  void row8_codeAfter60Seconds_isRefused() throws IOException {
    String late = approvedCode(SCOPES);
    String intime = approvedCode(SCOPES);
    clock.advance(Duration.ofMillis(59_999));
    exchange(intime).granted();
    clock.advance(Duration.ofMillis(1));
    exchange(late).refused(403, "invalid_grant", "Invalid authorization code");
  }

  @Test
  void row8_otherRedirectUriOrKeyOrCode_isRefused() throws IOException {
    form("code", approvedCode(SCOPES), "redirect_uri", "http://localhost:3000")
        .refused(403, "invalid_grant", "Invalid authorization code");
    String code = approvedCode(SCOPES);
    ApiKey other = server.addKey(ApiKey.confidential("another", "canary-of-another"));
    token(
            "grant_type",
            "authorization_code",
            "client_id",
            other.clientId(),
            "client_secret",
            "canary-of-another",
            "code",
            code,
            "redirect_uri",
            CALLBACK)
        .refused(403, "invalid_grant", "Invalid authorization code");
    exchange("canary-never-issued").refused(403, "invalid_grant", "Invalid authorization code");
  }

  @Test
  void row9_publicKey_needsTheRightVerifier() throws Exception {
    key = server.addKey(ApiKey.publicKey("nAtIvE1234"));
    String challenge = base64(sha256(VERIFIER));
    publicForm(approvedCode(challenge, SCOPES), VERIFIER).granted();
    publicForm(approvedCode(challenge, SCOPES), VERIFIER + "x")
        .refused(403, "invalid_grant", "Failed to verify code verifier");
    publicForm(approvedCode(SCOPES), VERIFIER)
        .refused(403, "invalid_grant", "Failed to verify code verifier");
    publicForm(approvedCode(challenge, SCOPES), "")
        .refused(400, "invalid_request", "Missing required parameter: code_verifier");
  }

  @Test
  void row10_wrongClient_isUnauthorized_andSpendsNothing() throws IOException {
    String refreshToken = server.refreshToken("alice");
    refresh(key.clientId(), "canary-wrong-secret", refreshToken)
        .refused(401, "access_denied", "Unauthorized");
    refresh("unknown", key.clientSecret(), refreshToken)
        .refused(401, "access_denied", "Unauthorized");
    refresh(key.clientId(), null, refreshToken).refused(401, "access_denied", "Unauthorized");
    key.enabled(false);
    refresh(refreshToken).refused(401, "access_denied", "Unauthorized");
    server.callWrongClient("invalid_client");
    refresh(refreshToken).refused(401, "invalid_client", "Unauthorized");
    assertEquals(0, server.ledger().uses(refreshToken));
    key.enabled(true);
    refresh(refreshToken).granted();
  }

  @Test
  void row10_secretReplaced_refreshTokensStayValid() throws IOException {
    String refreshToken = server.refreshToken("alice");
    String old = key.clientSecret();
    key.replaceSecret("canary-second-secret");
    refresh(key.clientId(), old, refreshToken).refused(401, "access_denied", "Unauthorized");
    refresh(refreshToken).granted();
  }

  // Refresh -------------------------------------------------------------------------------------

  @Test
  void row11_defaultKey_newAccessTokenWithoutRefreshToken_forEver() throws IOException {
    String refreshToken = server.refreshToken("alice");
    Map<String, String> first = refresh(refreshToken).granted();
    clock.advance(Duration.ofDays(400));
    Map<String, String> second = refresh(refreshToken).granted();
    assertFalse(first.containsKey("refresh_token"));
    assertEquals("1200", first.get("expires_in"));
    assertEquals("openid offline_access", first.get("scope"));
    assertNotEquals(first.get("access_token"), second.get("access_token"));
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
    assertEquals(2, server.ledger().uses(refreshToken));
  }

  @Test
  void row11_switches_emptyRefreshTokenAndWholeScope() throws IOException {
    server.emptyRefreshToken(true);
    server.wholeScopeOnRefresh(true);
    Map<String, String> tokens = refresh(server.refreshToken("alice")).granted();
    assertEquals("", tokens.get("refresh_token"));
    assertEquals("openid offline_access profile MarketData ReadAccount Trade", tokens.get("scope"));
  }

  @Test
  void row12_rotatingKey_newRefreshTokenAndTheOldOneIsSpent() throws IOException {
    useRotating();
    String first = server.refreshToken("alice");
    String second = refresh(first).granted().get("refresh_token");
    assertNotEquals(first, second);
    assertNotEquals(second, refresh(second).granted().get("refresh_token"));
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  @Test
  void row13_spentTokenAgain_endsTheFamilyAndNoOther() throws IOException {
    useRotating();
    String first = server.refreshToken("alice");
    String sameUser = server.refreshToken("alice");
    Map<String, String> tokens = refresh(first).granted();
    unknown(refresh(first));
    unknown(refresh(tokens.get("refresh_token")));
    refresh(sameUser).granted();
    assertEquals(200, accounts(server.liveHost(), tokens.get("access_token")).status);
    assertEquals(1, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  @Test
  void row14_rotatingToken_endsAfter30MinutesIdle() throws IOException {
    useRotating();
    String used = server.refreshToken("alice");
    String idle = server.refreshToken("bob");
    clock.advance(Duration.ofMinutes(30).minusMillis(1));
    refresh(used).granted();
    clock.advance(Duration.ofMillis(1));
    unknown(refresh(idle));
    server.idleLife(Duration.ofMinutes(40));
    refresh(idle).granted();
  }

  @Test
  void row14_rotatingToken_ends24HoursAfterTheLogin() throws IOException {
    useRotating();
    String token = server.refreshToken("alice");
    for (int i = 0; i < 71; i++) {
      clock.advance(Duration.ofMinutes(20));
      token = refresh(token).granted().get("refresh_token");
    }
    clock.advance(Duration.ofMinutes(20));
    unknown(refresh(token));
  }

  @Test
  void row15_unknownOrRevoked_isRefused() throws IOException {
    unknown(refresh("canary-never-issued"));
    String alice = server.refreshToken("alice");
    String bob = server.refreshToken("bob");
    server.deleteGrant("alice");
    unknown(refresh(alice));
    refresh(bob).granted();
    server.revoke(key);
    unknown(refresh(bob));
  }

  /** Section 4: at most about 200 for each user and key; the oldest falls out silently. */
  @Test
  void row15_oneLoginTooMany_theOldestFallsOut() throws IOException {
    server.loginsPerUser(2);
    String first = server.refreshToken("alice");
    String second = server.refreshToken("alice");
    String other = server.refreshToken("bob");
    String third = server.refreshToken("alice");
    unknown(refresh(first));
    refresh(second).granted();
    refresh(third).granted();
    refresh(other).granted();
  }

  @Test
  void row16_otherGrantType_isNotAllowed() throws IOException {
    token(
            "grant_type", "password",
            "client_id", key.clientId(),
            "client_secret", key.clientSecret())
        .refused(403, "unauthorized_client", "Grant type 'password' not allowed for the client.");
  }

  @ParameterizedTest
  @ValueSource(strings = {"grant_type", "client_id", "code", "redirect_uri"})
  void row17_fieldMissing_isInvalidRequest(String field) throws IOException {
    FormBody.Builder form = new FormBody.Builder();
    Map.of(
            "grant_type", "authorization_code",
            "client_id", key.clientId(),
            "client_secret", key.clientSecret(),
            "code", approvedCode(SCOPES),
            "redirect_uri", CALLBACK)
        .forEach((name, value) -> form.add(name, name.equals(field) ? "" : value));
    post("/oauth/token", form.build())
        .refused(400, "invalid_request", "Missing required parameter: " + field);
  }

  @Test
  void row17_refreshTokenMissing_isInvalidRequest() throws IOException {
    refresh("").refused(400, "invalid_request", "Missing required parameter: refresh_token");
  }

  @Test
  void row18_jsonInsteadOfForm_isAccepted() throws IOException {
    String body =
        """
        {"grant_type":"refresh_token","client_id":"%s","client_secret":"%s","refresh_token":"%s"}"""
            .formatted(key.clientId(), key.clientSecret(), server.refreshToken("alice"));
    post("/oauth/token", RequestBody.create(body, JSON)).granted();
  }

  @Test
  void row19_throttled_withAndWithoutRetryAfter() throws IOException {
    String refreshToken = server.refreshToken("alice");
    server.throttle(1, Duration.ofSeconds(120));
    server.throttle(1, null);
    server.throttle(1, "access_denied", null);
    Answer first = refresh(refreshToken);
    first.refused(429, "too_many_requests", "Global limit has been reached");
    assertEquals("120", first.headers.get("Retry-After"));
    assertEquals("0", first.headers.get("x-ratelimit-remaining"));
    Answer second = refresh(refreshToken);
    second.refused(429, "too_many_requests", "Global limit has been reached");
    assertNull(second.headers.get("Retry-After"));
    refresh(refreshToken).refused(429, "access_denied", "Global limit has been reached");
    refresh(refreshToken).granted();
    assertEquals(1, server.ledger().uses(refreshToken));
  }

  @ParameterizedTest
  @ValueSource(ints = {502, 503})
  void row20_outage_answersHtmlUntilHealed(int status) throws IOException {
    String refreshToken = server.refreshToken("alice");
    server.outage(status);
    for (int i = 0; i < 3; i++) {
      Answer answer = refresh(refreshToken);
      assertEquals(status, answer.status);
      assertEquals("text/html", answer.headers.get("Content-Type"));
    }
    server.heal();
    refresh(refreshToken).granted();
    assertEquals(1, server.ledger().uses(refreshToken));
  }

  @Test
  void row20_reset_spendsNothing_lostAnswer_spendsTheToken() throws IOException {
    useRotating();
    String refreshToken = server.refreshToken("alice");
    server.fail("token", Fault.reset(), 1);
    assertThrows(IOException.class, () -> refresh(refreshToken));
    assertEquals(0, server.ledger().uses(refreshToken));
    server.fail("token", Fault.loseAnswer(), 1);
    assertThrows(IOException.class, () -> refresh(refreshToken));
    assertEquals(1, server.ledger().uses(refreshToken));
    unknown(refresh(refreshToken));
    assertEquals(3, server.count(call -> call.owner().equals("alice")));
  }

  // Revoke and logout ---------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"token", "refresh_token"})
  void row21_revoke_endsEveryRefreshTokenOfTheKey_andNoAccessToken(String member)
      throws IOException {
    ApiKey other = server.addKey(ApiKey.confidential("another", "canary-of-another"));
    String alice = server.refreshToken("alice");
    String bob = server.refreshToken("bob");
    String elsewhere = server.refreshToken(other, "alice", SCOPES);
    String accessToken = refresh(alice).granted().get("access_token");
    Answer answer = revoke(member, "canary-wrong-secret", alice);
    answer.refused(401, "access_denied", "Unauthorized");
    answer = revoke(member, key.clientSecret(), alice);
    assertEquals(200, answer.status);
    assertEquals("", answer.body);
    unknown(refresh(alice));
    unknown(refresh(bob));
    refresh(other.clientId(), other.clientSecret(), elsewhere).granted();
    assertEquals(200, accounts(server.liveHost(), accessToken).status);
  }

  @Test
  void row22_logout_redirectsToARegisteredTarget_andLeavesTheTokens() throws IOException {
    String refreshToken = server.refreshToken("alice");
    server.leftoverLogin("alice");
    for (String target : new String[] {CALLBACK + "/logout", "https://tradestation.com"}) {
      Answer answer = logout(target);
      assertEquals(302, answer.status);
      assertEquals(target, answer.headers.get("Location"));
    }
    assertEquals(400, logout("https://example.com").status);
    refresh(refreshToken).granted();
    assertEquals(200, get(authorizeUrl().build()).status); // the login page: nobody is logged in
  }

  // The API -------------------------------------------------------------------------------------

  @Test
  void row23_withoutOrWithBadOrExpiredBearer_isUnauthorized() throws IOException {
    String accessToken = server.accessToken("alice");
    unauthorized(accounts(server.liveHost(), null));
    unauthorized(accounts(server.liveHost(), "canary-nonsense"));
    clock.advance(Duration.ofSeconds(1200).minusMillis(1));
    assertEquals(200, accounts(server.liveHost(), accessToken).status);
    clock.advance(Duration.ofMillis(1));
    unauthorized(accounts(server.liveHost(), accessToken));
    server.unauthorizedMessage("another text");
    assertTrue(accounts(server.liveHost(), accessToken).body.contains("another text"));
  }

  @Test
  void row23_tokensRejected_onlyThoseOfNow() throws IOException {
    String alice = server.accessToken("alice");
    String bob = server.accessToken("bob");
    server.rejectAccessTokens("alice");
    unauthorized(accounts(server.liveHost(), alice));
    assertEquals(200, accounts(server.liveHost(), bob).status);
    assertEquals(200, accounts(server.liveHost(), server.accessToken("alice")).status);
  }

  @Test
  void row24_scopeMissingOrKeyDisabled_isForbidden() throws IOException {
    String code = server.code(key, "alice", "openid MarketData");
    String accessToken =
        form("code", code, "redirect_uri", "http://localhost").granted().get("access_token");
    Answer answer = accounts(server.liveHost(), accessToken);
    assertEquals(403, answer.status);
    assertTrue(answer.body.startsWith("{\"Error\":\"Forbidden\",\"Message\":"));
    assertEquals(200, api(server.liveHost(), "/v3/marketdata/quotes/MSFT", accessToken).status);
    key.enabled(false);
    assertEquals(403, api(server.liveHost(), "/v3/marketdata/quotes/MSFT", accessToken).status);
  }

  @Test
  void row25_accounts_differOnLiveAndSim_withTheSameToken() throws IOException {
    String accessToken = server.accessToken("alice");
    String live = accounts(server.liveHost(), accessToken).body;
    String sim = accounts(server.simHost(), accessToken).body;
    assertTrue(live.contains("\"AccountID\":\"11111111\",\"AccountType\":\"Margin\""), live);
    assertTrue(sim.contains("\"AccountID\":\"SIM1234567M\",\"AccountType\":\"Margin\""), sim);
    assertTrue(sim.contains("\"AccountID\":\"SIM1234567F\",\"AccountType\":\"Futures\""), sim);
    assertEquals(1, server.count(call -> call.host().equals("sim")));
    assertEquals(2, server.count("accounts"));
  }

  /** Section 7: several accounts answer 200 with the errors of some; trap 8: the other host's. */
  @Test
  void row25_accountsOfOthers_areNamedAsErrors() throws IOException {
    String accessToken = server.accessToken("alice");
    String path = "/v3/brokerage/accounts/%s/balances";
    Answer some = api(server.liveHost(), path.formatted("11111111,SIM1234567M"), accessToken);
    assertEquals(200, some.status);
    assertTrue(some.body.contains("\"Error\":\"Forbidden\""));
    assertEquals(403, api(server.liveHost(), path.formatted("SIM1234567M"), accessToken).status);
    assertEquals(200, api(server.simHost(), path.formatted("SIM1234567M"), accessToken).status);
  }

  @Test
  void row25_order_isTakenOncePerRequest() throws IOException {
    String accessToken = server.accessToken("alice");
    assertEquals(200, order(accessToken, "11111111").status);
    assertEquals(403, order(accessToken, "SIM1234567M").status);
    assertEquals(2, server.count("order"));
  }

  @Test
  void row26_quotaSpent_isTooManyRequests_untilTheWindowEnds() throws IOException {
    clock.advance(Duration.ofMinutes(1));
    server.quota("accounts", 2);
    String alice = server.accessToken("alice");
    accounts(server.liveHost(), alice);
    clock.advance(Duration.ofSeconds(288));
    assertEquals("0", accounts(server.liveHost(), alice).headers.get("X-RateLimit-Remaining"));
    Answer answer = accounts(server.liveHost(), alice);
    assertEquals(429, answer.status);
    assertEquals(
        "{\"Error\":\"TooManyRequests\",\"Message\":\"Rate quota exceeded\"}", answer.body);
    assertEquals("12", answer.headers.get("X-RateLimit-Reset"));
    assertEquals("0", answer.headers.get("X-RateLimit-Remaining"));
    assertEquals(200, accounts(server.liveHost(), server.accessToken("bob")).status);
    clock.advance(Duration.ofSeconds(12));
    assertEquals(200, accounts(server.liveHost(), alice).status);
  }

  // Streams -------------------------------------------------------------------------------------

  @Test
  void row27_stream_snapshotThenHeartbeatAfter5Seconds_thenGoAwayAndEnd() throws IOException {
    try (Response response = open("/v3/marketdata/stream/quotes/MSFT")) {
      BufferedSource lines = response.body().source();
      assertEquals("chunked", response.header("Transfer-Encoding"));
      assertEquals("application/vnd.tradestation.streams.v2+json", response.header("Content-Type"));
      assertEquals("{\"Symbol\":\"MSFT\",\"Last\":\"100.25\"}", lines.readUtf8Line());
      assertEquals("{\"StreamStatus\":\"EndSnapshot\"}", lines.readUtf8Line());
      clock.advance(Duration.ofSeconds(5));
      assertEquals(
          "{\"Heartbeat\":1,\"Timestamp\":\"2026-01-05T15:00:05Z\"}", lines.readUtf8Line());
      server.sendToStreams("{\"Error\":\"DualLogon\",\"Message\":\"\"}");
      assertEquals("{\"Error\":\"DualLogon\",\"Message\":\"\"}", lines.readUtf8Line());
      clock.advance(Duration.ofSeconds(4));
      server.goAway();
      assertEquals("{\"StreamStatus\":\"GoAway\"}", lines.readUtf8Line());
      assertNull(lines.readUtf8Line());
    }
  }

  @Test
  void row27_stream_objectsAreCutAcrossChunks() throws IOException {
    try (Response response = open("/v3/brokerage/stream/accounts/11111111/orders")) {
      BufferedSource source = response.body().source();
      server.goAway();
      // The response reads one chunk at a time.
      source.request(1);
      assertEquals("{\"AccountID\"", source.getBuffer().clone().readUtf8().substring(0, 12));
      assertEquals(-1, source.getBuffer().indexOf((byte) '\n'));
    }
  }

  @Test
  void row27_stream_checksTheTokenWhenItOpensAndNeverAgain() throws IOException {
    try (Response response = open("/v3/marketdata/stream/quotes/MSFT")) {
      clock.advance(Duration.ofHours(1));
      server.goAway();
      assertTrue(response.body().string().endsWith("{\"StreamStatus\":\"GoAway\"}\n"));
    }
    unauthorized(api(server.liveHost(), "/v3/marketdata/stream/quotes/MSFT", "canary-nonsense"));
  }

  @Test
  void row28_silentStream_saysNothing() throws IOException {
    server.silence(true);
    try (Response response = open("/v3/marketdata/stream/quotes/MSFT")) {
      clock.advance(Duration.ofMinutes(1));
      server.goAway();
      assertEquals("", response.body().string());
      assertEquals(0, clock.timers());
    }
  }

  @Test
  void row28_streamFallsSilent() throws IOException {
    try (Response response = open("/v3/marketdata/stream/quotes/MSFT")) {
      BufferedSource lines = response.body().source();
      lines.readUtf8Line();
      lines.readUtf8Line();
      server.silence(true);
      clock.advance(Duration.ofMinutes(1));
      server.goAway();
      assertNull(lines.readUtf8Line());
    }
  }

  // Id tokens -----------------------------------------------------------------------------------

  @Test
  void row29_idToken_isSignedWithTheKeyOfTheKeySet_andHasTheClaims() throws Exception {
    Map<String, String> tokens = exchange(approvedCode(SCOPES)).granted();
    String idToken = tokens.get("id_token");
    assertTrue(isSigned(idToken));
    Map<String, String> claims = claims(idToken);
    assertEquals("https://signin.tradestation.com/", claims.get("iss"));
    assertTrue(claims.get("sub").startsWith("auth0|"));
    assertEquals(key.clientId(), claims.get("aud"));
    assertEquals("1767625200", claims.get("iat"));
    assertEquals(
        base64(Arrays.copyOf(sha256(tokens.get("access_token")), 16)), claims.get("at_hash"));
    assertEquals("alice", claims.get("nickname"));
    assertEquals("alice@example.com", claims.get("email"));
    assertEquals("true", claims.get("email_verified"));
    String bare = exchange(approvedCode("openid")).granted().get("id_token");
    assertFalse(claims(bare).containsKey("name"));
    assertFalse(claims(bare).containsKey("email"));
    server.signIdTokens(false);
    assertFalse(isSigned(exchange(approvedCode("openid")).granted().get("id_token")));
  }

  @Test
  void row29_discovery_namesTheIssuerAndTheKeySet() throws IOException {
    HttpUrl url = HttpUrl.get(server.signInHost() + "/.well-known/openid-configuration");
    Map<String, String> document = Wire.json(get(url).body);
    assertEquals("https://signin.tradestation.com/", document.get("issuer"));
    assertEquals(server.signInHost() + "/.well-known/jwks.json", document.get("jwks_uri"));
  }

  // Statuses that are not settled ---------------------------------------------------------------

  /** Section 6, confidence A throughout: none of them was captured at TradeStation. */
  static Stream<Arguments> unsettledStatuses() {
    return Stream.of(
        Arguments.of("invalid_grant", 400),
        Arguments.of("invalid_grant", 401),
        Arguments.of("access_denied", 403),
        Arguments.of("invalid_request", 403));
  }

  @ParameterizedTest
  @MethodSource("unsettledStatuses")
  void section6_statusesCanBeSet(String error, int status) throws IOException {
    server.answerWith(error, status);
    Answer answer =
        switch (error) {
          case "invalid_grant" -> refresh("canary-never-issued");
          case "access_denied" -> refresh("unknown", "canary", "canary");
          default -> refresh("");
        };
    assertEquals(status, answer.status);
    assertEquals(error, Wire.json(answer.body).get("error"));
  }

  // Many ----------------------------------------------------------------------------------------

  /** The log and the ledger agree when many come at once, and nobody's family ends. */
  @Test
  void strictServer_manyUsersAtOnce_eachFamilyGoesOn() {
    useRotating();
    int users = 500;
    long lost =
        IntStream.range(0, users)
            .parallel()
            .filter(
                i -> {
                  try {
                    String token = server.refreshToken("user" + i);
                    for (int round = 0; round < 4; round++) {
                      token = refresh(token).granted().get("refresh_token");
                    }
                    return false;
                  } catch (IOException e) {
                    return true;
                  }
                })
            .count();
    assertEquals(0, lost);
    assertEquals(4 * users, server.count("token"));
    assertEquals(5 * users, server.ledger().issued(Kind.REFRESH_TOKEN));
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  // ---------------------------------------------------------------------------------------------

  private void useRotating() {
    server = rotating;
    key = rotating.key();
  }

  private HttpUrl.Builder authorizeUrl() {
    return HttpUrl.get(server.signInHost() + "/authorize")
        .newBuilder()
        .addQueryParameter("response_type", "code")
        .addQueryParameter("client_id", key.clientId())
        .addQueryParameter("audience", "https://api.tradestation.com")
        .addQueryParameter("redirect_uri", CALLBACK)
        .addQueryParameter("scope", SCOPES)
        .addQueryParameter("state", "st&te 1");
  }

  private String approvedCode(String scopes) {
    return approvedCode("", scopes);
  }

  private String approvedCode(String challenge, String scopes) {
    HttpUrl.Builder url = authorizeUrl().setQueryParameter("scope", scopes);
    if (!challenge.isEmpty()) {
      url.addQueryParameter("code_challenge", challenge)
          .addQueryParameter("code_challenge_method", "S256");
    }
    URI location = server.approve("alice", url.build().toString());
    return parameter(HttpUrl.get(location), "code");
  }

  private Answer exchange(String code) throws IOException {
    return form("code", code, "redirect_uri", CALLBACK);
  }

  private Answer form(String... fields) throws IOException {
    String[] all =
        new String[] {
          "grant_type", "authorization_code",
          "client_id", key.clientId(),
          "client_secret", key.clientSecret()
        };
    return token(Stream.concat(Arrays.stream(all), Arrays.stream(fields)).toArray(String[]::new));
  }

  private Answer publicForm(String code, String verifier) throws IOException {
    return token(
        "grant_type", "authorization_code",
        "client_id", key.clientId(),
        "code", code,
        "redirect_uri", CALLBACK,
        "code_verifier", verifier);
  }

  private Answer refresh(String refreshToken) throws IOException {
    return refresh(key.clientId(), key.clientSecret(), refreshToken);
  }

  private Answer refresh(String clientId, @Nullable String secret, String refreshToken)
      throws IOException {
    return token(
        "grant_type",
        "refresh_token",
        "client_id",
        clientId,
        "client_secret",
        secret == null ? "" : secret,
        "refresh_token",
        refreshToken);
  }

  private Answer token(String... fields) throws IOException {
    FormBody.Builder form = new FormBody.Builder();
    for (int i = 0; i < fields.length; i += 2) {
      if (!fields[i + 1].isEmpty()) {
        form.add(fields[i], fields[i + 1]);
      }
    }
    return post("/oauth/token", form.build());
  }

  private Answer revoke(String member, String secret, String token) throws IOException {
    String body =
        "{\"client_id\":\"%s\",\"client_secret\":\"%s\",\"%s\":\"%s\"}"
            .formatted(key.clientId(), secret, member, token);
    return post("/oauth/revoke", RequestBody.create(body, JSON));
  }

  private Answer logout(String target) throws IOException {
    return get(
        HttpUrl.get(server.signInHost() + "/v2/logout")
            .newBuilder()
            .addQueryParameter("client_id", key.clientId())
            .addQueryParameter("returnTo", target)
            .build());
  }

  private Answer order(String accessToken, String account) throws IOException {
    return send(
        new Request.Builder()
            .url(server.liveHost() + "/v3/orderexecution/orders")
            .header("Authorization", "Bearer " + accessToken)
            .post(RequestBody.create("{\"AccountID\":\"" + account + "\"}", JSON))
            .build());
  }

  private Answer accounts(URI host, @Nullable String accessToken) throws IOException {
    return api(host, "/v3/brokerage/accounts", accessToken);
  }

  private Answer api(URI host, String path, @Nullable String accessToken) throws IOException {
    Request.Builder request = new Request.Builder().url(host + path);
    if (accessToken != null) {
      request.header("Authorization", "Bearer " + accessToken);
    }
    return send(request.build());
  }

  private Response open(String path) throws IOException {
    return http.newCall(
            new Request.Builder()
                .url(server.liveHost() + path)
                .header("Authorization", "Bearer " + server.accessToken("alice"))
                .build())
        .execute();
  }

  private Answer get(HttpUrl url) throws IOException {
    return send(new Request.Builder().url(url).build());
  }

  private Answer post(String path, RequestBody body) throws IOException {
    return send(new Request.Builder().url(server.signInHost() + path).post(body).build());
  }

  private Answer send(Request request) throws IOException {
    try (Response response = http.newCall(request).execute()) {
      return new Answer(response.code(), response.headers(), response.body().string());
    }
  }

  private static void unknown(Answer answer) {
    answer.refused(403, "invalid_grant", "Unknown or invalid refresh token.");
  }

  private static void unauthorized(Answer answer) {
    assertEquals(401, answer.status);
    assertEquals("{\"Error\":\"Unauthorized\",\"Message\":\"Invalid access token\"}", answer.body);
  }

  private boolean isSigned(String token) throws Exception {
    HttpUrl url = HttpUrl.get(server.signInHost() + "/.well-known/jwks.json");
    String keySet = get(url).body;
    Map<String, String> jwk =
        Wire.json(keySet.substring(keySet.indexOf('[') + 1, keySet.indexOf(']')));
    RSAPublicKeySpec spec =
        new RSAPublicKeySpec(
            new BigInteger(1, Base64.getUrlDecoder().decode(jwk.get("n"))),
            new BigInteger(1, Base64.getUrlDecoder().decode(jwk.get("e"))));
    int dot = token.lastIndexOf('.');
    Signature signature = Signature.getInstance("SHA256withRSA");
    signature.initVerify(KeyFactory.getInstance("RSA").generatePublic(spec));
    signature.update(token.substring(0, dot).getBytes(UTF_8));
    return signature.verify(
        Arrays.copyOf(Base64.getUrlDecoder().decode(token.substring(dot + 1)), 256));
  }

  private static Map<String, String> claims(String token) {
    return Wire.json(new String(Base64.getUrlDecoder().decode(token.split("\\.")[1]), UTF_8));
  }

  private static byte[] sha256(String text) throws Exception {
    return MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
  }

  private static String base64(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  private static String parameter(HttpUrl url, String name) {
    String value = url.queryParameter(name);
    assertNotNull(value, () -> name + " in " + url.queryParameterNames());
    return value;
  }

  private static final class Answer {

    final int status;
    final okhttp3.Headers headers;
    final String body;

    Answer(int status, okhttp3.Headers headers, String body) {
      this.status = status;
      this.headers = headers;
      this.body = body;
    }

    Map<String, String> granted() {
      assertEquals(200, status, body);
      return Wire.json(body);
    }

    void refused(int status, String error, String description) {
      assertEquals(Map.of("error", error, "error_description", description), Wire.json(body));
      assertEquals(status, this.status);
    }

    HttpUrl location() {
      String location = headers.get("Location");
      assertNotNull(location, () -> "status " + status);
      return HttpUrl.get(location);
    }
  }
}
