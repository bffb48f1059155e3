package io.tradeauth.tradestation;

import static io.tradeauth.tradestation.TradeStation.RefreshTokens.LASTING;
import static io.tradeauth.tradestation.TradeStation.RefreshTokens.ROTATING;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Answer;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerProfile;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.Pkce;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Rejection;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignOut;
import io.tradeauth.TokenResponse;
import io.tradeauth.UserProfile;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.tradestation.testing.ApiKey;
import io.tradeauth.tradestation.testing.TradeStationSimulator;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import okhttp3.HttpUrl;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What TradeStation's requests are and what its answers mean, as values and against its servers.
 */
class TradeStationTest {

  private static final URI CALLBACK = URI.create("http://localhost:8080");
  private static final String STATE = "state-0123456789";
  private static final AuthorizationRequest REQUEST = AuthorizationRequest.of(CALLBACK, STATE);
  private static final ClientCredentials CLIENT =
      ClientCredentials.of("aBcD1234eFgH5678", "canary-secret");
  private static final ClientCredentials PUBLIC_CLIENT =
      ClientCredentials.publicClient("nAtIvE1234");

  private final ManualClock clock = ManualClock.at("2026-01-05T15:00:00Z");
  private final TradeStationSimulator server = new TradeStationSimulator(clock);
  private final TradeStationSimulator strict = TradeStationSimulator.rotating(clock);
  private final Broker live =
      TradeStation.at(TradeStation.LIVE, LASTING, server.signInHost(), server.liveHost());
  private final Broker sandbox =
      TradeStation.at(TradeStation.SANDBOX, LASTING, server.signInHost(), server.simHost());
  private final Broker rotating =
      TradeStation.at(TradeStation.LIVE, ROTATING, strict.signInHost(), strict.liveHost());

  @AfterEach
  void close() {
    server.close();
    strict.close();
  }

  // Fixed values --------------------------------------------------------------------------------

  /** Section 1: one login, one key, one set of tokens; only the API's host differs. */
  @Test
  void environments_oneRealm_andEachItsOwnHost() {
    BrokerProfile liveProfile = TradeStation.live().profile();
    BrokerProfile sandboxProfile = TradeStation.sandbox().profile();
    assertEquals("tradestation", liveProfile.name());
    assertEquals("tradestation-sandbox", sandboxProfile.name());
    assertEquals(liveProfile.realm(), sandboxProfile.realm());
    URI order = URI.create("https://api.tradestation.com/v3/orderexecution/orders");
    URI simulated = URI.create("https://sim-api.tradestation.com/v3/orderexecution/orders");
    assertTrue(liveProfile.hosts().contains(order));
    assertFalse(liveProfile.hosts().contains(simulated));
    assertTrue(sandboxProfile.hosts().contains(simulated));
    assertFalse(sandboxProfile.hosts().contains(order));
    assertEquals(order, liveProfile.hosts().uri("/orderexecution/orders"));
  }

  /** Section 4: constant without end, or single-use with 30 minutes. */
  @Test
  void rotation_byTheKindOfKey() {
    BrokerProfile lasting = TradeStation.live().profile();
    BrokerProfile single = TradeStation.sandbox(ROTATING).profile();
    assertEquals(RotationProfile.NONE, lasting.rotation());
    assertNull(lasting.refreshIdleLimit());
    assertEquals(RotationProfile.STRICT, single.rotation());
    assertEquals(Duration.ofMinutes(30), single.refreshIdleLimit());
    assertEquals(Duration.ofSeconds(60), single.skew());
  }

  @Test
  void expiry_asTold_else20Minutes() {
    Instant now = clock.now();
    TokenResponse told = TokenResponse.builder().expiresIn(Duration.ofSeconds(60)).build();
    TokenResponse untold = TokenResponse.builder().build();
    assertEquals(now.plusSeconds(60), live.profile().expiry().endOf(told, now));
    assertEquals(now.plusSeconds(1200), live.profile().expiry().endOf(untold, now));
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://192.0.2.1", "http://signin.example.com", "ftp://localhost"})
  void otherHosts_mustBeHttpsOrLoopback(String host) {
    URI unsafe = URI.create(host);
    URI safe = URI.create("https://example.com");
    assertThrows(
        IllegalArgumentException.class,
        () -> TradeStation.at(TradeStation.LIVE, LASTING, unsafe, safe));
    assertThrows(
        IllegalArgumentException.class,
        () -> TradeStation.at(TradeStation.LIVE, LASTING, safe, unsafe));
    assertThrows(
        IllegalArgumentException.class,
        () -> TradeStation.at("tradestation-v2", LASTING, safe, safe));
  }

  @Test
  void userId_isTheSubject() {
    assertEquals("alice", live.subject("alice", CLIENT));
  }

  // The authorization request -------------------------------------------------------------------

  /** Section 2; traps 1, 2 and 7. */
  @Test
  void authorizationUri_hasAudienceAndScopes_onTheOneSignInHost() {
    for (Broker broker : List.of(TradeStation.live(), TradeStation.sandbox())) {
      HttpUrl url = authorizationUrl(broker, REQUEST, CLIENT);
      assertEquals("signin.tradestation.com", url.host());
      assertEquals("/authorize", url.encodedPath());
      assertEquals(
          Map.of(
              "response_type", "code",
              "client_id", "aBcD1234eFgH5678",
              "audience", "https://api.tradestation.com",
              "redirect_uri", "http://localhost:8080",
              "scope", "openid offline_access profile MarketData ReadAccount Trade",
              "state", STATE),
          parameters(url));
    }
  }

  /** Trap 6: the browser's old login. */
  @Test
  void freshLogin_asksForOne() {
    HttpUrl url = authorizationUrl(live, REQUEST.freshLogin(), CLIENT);
    assertEquals("login", url.queryParameter("prompt"));
  }

  @Test
  void scopeWithoutOpenid_isRefusedBeforeTheBrowserOpens() {
    HttpUrl url = authorizationUrl(live, REQUEST.scope("openid", "Crypto"), CLIENT);
    assertEquals("openid Crypto", url.queryParameter("scope"));
    assertThrows(
        IllegalArgumentException.class,
        () -> live.authorizationUri(REQUEST.scope("Trade"), CLIENT));
  }

  @Test
  void proofKey_isForPublicKeysOnly_andTheyNeedOne() {
    Pkce proofKey = Pkce.create();
    HttpUrl url = authorizationUrl(live, REQUEST.pkce(proofKey), PUBLIC_CLIENT);
    assertEquals(proofKey.challenge(), url.queryParameter("code_challenge"));
    assertEquals("S256", url.queryParameter("code_challenge_method"));
    assertThrows(
        IllegalArgumentException.class,
        () -> live.authorizationUri(REQUEST.pkce(proofKey), CLIENT));
    assertThrows(
        IllegalArgumentException.class, () -> live.authorizationUri(REQUEST, PUBLIC_CLIENT));
  }

  @Test
  void browserSignOut_namesKeyAndTarget() {
    assertEquals(
        "https://signin.tradestation.com/v2/logout"
            + "?client_id=aBcD&returnTo=http%3A%2F%2Flocalhost%3A8080%2Flogout",
        TradeStation.browserSignOut("aBcD", URI.create("http://localhost:8080/logout")).toString());
  }

  // Exchanges against the simulator -------------------------------------------------------------

  @Test
  void code_bringsTokensScopeAndOwner() throws IOException {
    TokenResponse tokens = granted(send(live, TradeStation.code(approved(REQUEST), CALLBACK)));
    assertNotNull(tokens.accessToken());
    assertEquals("alice", server.ledger().owner(tokens.refreshToken().value()));
    assertEquals(Duration.ofSeconds(1200), tokens.expiresIn());
    assertEquals(
        Set.of("openid", "offline_access", "profile", "MarketData", "ReadAccount", "Trade"),
        tokens.scope());
    assertEquals(List.of(), tokens.problems());
    assertTrue(tokens.profile().subject().startsWith("auth0|"));
    assertEquals("alice", tokens.profile().name());
    assertNull(tokens.profile().email());
  }

  @Test
  void code_requestedScopeIsRemembered_soThatWhatIsMissingShows() {
    assertEquals(
        Set.of("openid", "offline_access", "profile", "MarketData", "ReadAccount", "Trade"),
        TradeStation.code("canary-code", CALLBACK).requestedScope());
  }

  @Test
  void publicKey_sendsTheVerifierAndNoSecret() throws IOException {
    ApiKey key = server.addKey(ApiKey.publicKey(PUBLIC_CLIENT.id()));
    Pkce proofKey = Pkce.create();
    URI url = live.authorizationUri(REQUEST.pkce(proofKey), PUBLIC_CLIENT);
    Grant grant = TradeStation.code(code(server.approve("alice", url.toString())), CALLBACK);
    TokenResponse tokens =
        granted(exchange(live, PUBLIC_CLIENT, ((Grant.AuthorizationCode) grant).pkce(proofKey)));
    Grant renewal = new Grant.Refresh(tokens.refreshToken(), null);
    granted(exchange(live, PUBLIC_CLIENT, renewal));
    assertNull(key.clientSecret());
  }

  /** Section 4 and trap 5: no member or an empty one both mean that the old token stays. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void refresh_lastingKey_tellsNoRefreshTokenAndNoScope(boolean emptyMember) throws IOException {
    server.emptyRefreshToken(emptyMember);
    TokenResponse tokens =
        granted(send(live, TradeStation.refreshToken(server.refreshToken("alice"))));
    assertNull(tokens.refreshToken());
    assertNull(tokens.scope(), "openid offline_access is not all that is granted");
    assertEquals(List.of(), tokens.problems());
    assertTrue(tokens.profile().subject().startsWith("auth0|"));
  }

  @Test
  void refresh_rotatingKey_bringsTheNextToken() throws IOException {
    String first = strict.refreshToken("alice");
    ClientCredentials client =
        ClientCredentials.of(strict.key().clientId(), strict.key().clientSecret());
    TokenResponse tokens = granted(exchange(rotating, client, TradeStation.refreshToken(first)));
    assertNotEquals(first, tokens.refreshToken().value());
  }

  @Test
  void refresh_tokensOfTheSandboxAreTheSame() throws IOException {
    granted(send(sandbox, TradeStation.refreshToken(server.refreshToken("alice"))));
  }

  @Test
  void owner_withoutIdToken_isReadFromTheAccessToken() {
    String claims =
        "{\"sub\":\"auth0|1\",\"http://tradestation.com/username\":\"alice\",\"exp\":1}";
    String body = "{\"access_token\":\"%s\"}".formatted(jwt(claims));
    assertEquals("auth0|1", granted(read(body)).profile().subject());
    assertEquals("alice", granted(read(body)).profile().name());
    assertNull(granted(read("{\"access_token\":\"canary-opaque\"}")).profile());
  }

  @Test
  void owner_nameAndAddressOfTheIdToken_goFirst() {
    String identity =
        jwt("{\"sub\":\"auth0|1\",\"name\":\"Alice A.\",\"email\":\"a@example.com\"}");
    String access = jwt("{\"sub\":\"auth0|2\",\"http://tradestation.com/username\":\"alice\"}");
    UserProfile owner =
        granted(read("{\"access_token\":\"%s\",\"id_token\":\"%s\"}".formatted(access, identity)))
            .profile();
    assertEquals("auth0|1", owner.subject());
    assertEquals("Alice A.", owner.name());
    assertEquals("a@example.com", owner.email());
  }

  @Test
  void imported_hasItsOwnEnd() {
    Instant end = Instant.parse("2026-01-05T15:07:00Z");
    TokenResponse tokens = TradeStation.tokens("canary-access", "canary-refresh", end).tokens();
    assertEquals("canary-access", tokens.accessToken().value());
    assertEquals("canary-refresh", tokens.refreshToken().value());
    assertEquals(end, live.profile().expiry().endOf(tokens, clock.now()));
    assertNull(TradeStation.tokens("canary-access", null, end).tokens().refreshToken());
  }

  @Test
  void otherGrants_areRefused() {
    Grant login = new Grant.SignedLogin(null);
    assertThrows(IllegalArgumentException.class, () -> live.exchange(login));
    assertNull(live.renewal(null));
  }

  // Section 6, the token endpoint's errors ------------------------------------------------------

  /**
   * G28. Every row of the fact sheet's section 6. Its mark is A throughout: general behaviour of
   * Auth0, not captured at TradeStation; so each runs with other statuses too.
   */
  static Stream<Arguments> tokenErrors() {
    return Stream.of(
            row("6.1 [A] refresh token unknown", "user", "invalid_grant", 403, 400, 401),
            row("6.2 [A] code wrong", "user", "invalid_grant", 403, 400, 401),
            row("6.3 [A] PKCE mismatch", "user", "invalid_grant", 403, 400, 401),
            row("6.4 [A] client wrong", "client", "access_denied", 401, 400, 403),
            row("6.4 [A] client wrong, other word", "client", "invalid_client", 401, 400, 403),
            row("6.5 [A] grant type not allowed", "client", "unauthorized_client", 403, 400, 401),
            row("6.6 [A] field missing", "client", "invalid_request", 400, 401, 403),
            row("6.7 [A] too many calls", "later", "too_many_requests", 429),
            row("6.7 [A] too many calls, other word", "later", "access_denied", 429),
            row("6.8 [A] outage", "unclear", null, 500, 502, 503, 504),
            row("6.8 [A] outage, JSON", "unclear", "server_error", 500, 502, 503, 504),
            row("6.8 [A] outage behind a gateway", "unclear", "access_denied", 502, 503))
        .flatMap(rows -> rows);
  }

  private static Stream<Arguments> row(
      String row, String meaning, @Nullable String error, int... statuses) {
    String body =
        error == null
            ? "<html><body>Bad Gateway</body></html>"
            : "{\"error\":\"%s\",\"error_description\":\"said the server\"}".formatted(error);
    return IntStream.of(statuses)
        .mapToObj(status -> Arguments.of(row + ", " + status, meaning, status, body));
  }

  @ParameterizedTest(name = "{0} means {1}")
  @MethodSource("tokenErrors")
  void g28_tokenError_meansWhatTheSheetSays(String row, String meaning, int status, String body) {
    for (Broker broker : List.of(live, sandbox, rotating)) {
      Grant grant = TradeStation.refreshToken("canary-refresh");
      assertEquals(meaning, meaning(broker.exchange(grant).read(answer(status, body))), row);
    }
  }

  /** The same, as the simulator words them. */
  @Test
  void g28_refusalsOfTheSimulator_areUnderstood() throws IOException {
    assertEquals("user", meaning(send(live, TradeStation.refreshToken("canary-unknown"))));
    assertEquals("user", meaning(send(live, TradeStation.code("canary-unknown", CALLBACK))));
    assertEquals(
        "client", meaning(exchange(live, CLIENT, TradeStation.refreshToken("canary-unknown"))));
    server.throttle(1, null);
    assertEquals("later", meaning(send(live, TradeStation.refreshToken("canary-unknown"))));
    server.outage(502);
    assertEquals("unclear", meaning(send(live, TradeStation.refreshToken("canary-unknown"))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"<html>Success</html>", "", "[]", "{\"id_token\":\"canary\"}"})
  void successWithoutTokens_isUnclear(String body) {
    assertEquals("unclear", meaning(read(body)));
  }

  private static String meaning(ExchangeAnswer answer) {
    if (answer instanceof ExchangeAnswer.Refused) {
      return ((ExchangeAnswer.Refused) answer).party() == ExchangeAnswer.Party.USER
          ? "user"
          : "client";
    }
    if (answer instanceof ExchangeAnswer.Later) {
      return "later";
    }
    return answer instanceof ExchangeAnswer.Unclear ? "unclear" : "granted";
  }

  // The probe, and 401s of the API --------------------------------------------------------------

  @Test
  void probe_alive_tellsTheAccountsOfTheEnvironmentAndNoSubject() throws IOException {
    String accessToken = server.accessToken("alice");
    UserProfile profile = ((ProbeAnswer.Alive) probe(live, accessToken)).profile();
    assertNull(profile.subject());
    assertEquals(
        List.of(
            new UserProfile.Account("11111111", "Margin", "Main"),
            new UserProfile.Account("21000000", "Futures", null)),
        profile.accounts());
    UserProfile simulated = ((ProbeAnswer.Alive) probe(sandbox, accessToken)).profile();
    assertEquals("SIM1234567M", simulated.accounts().get(0).number());
  }

  @Test
  void probe_ofARefusedToken_isDead() throws IOException {
    String accessToken = server.accessToken("alice");
    server.rejectAccessTokens("alice");
    assertEquals(new ProbeAnswer.Dead("Unauthorized"), probe(live, accessToken));
  }

  /** Section 7: a 403 is a missing right, and renewing does not cure it. */
  @Test
  void probe_withoutTheRight_orInAnOutage_saysNothing() throws IOException {
    ApiKey narrow = ApiKey.confidential("narrow", "canary-narrow").scopes("openid", "MarketData");
    String code = server.code(server.addKey(narrow), "alice", "openid MarketData");
    TokenResponse tokens =
        granted(
            exchange(
                live,
                ClientCredentials.of("narrow", "canary-narrow"),
                TradeStation.code(code, URI.create("http://localhost"))));
    assertEquals(new ProbeAnswer.Unknown("Forbidden"), probe(live, tokens.accessToken().value()));
    assertEquals(
        new ProbeAnswer.Unknown("http 502"), live.probe().read(answer(502, "<html></html>")));
    assertEquals(
        new ProbeAnswer.Unknown("http 200"), live.probe().read(answer(200, "<html></html>")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"Error\":\"Unauthorized\",\"Message\":\"Invalid access token\"}",
        "{\"TraceId\":\"1\",\"StatusCode\":401,\"Message\":\"v2\"}",
        "<html></html>",
        ""
      })
  void rejection_any401_isTheToken_whateverItsText(String body) {
    assertEquals(Rejection.RENEW, live.rejection(answer(401, body)));
  }

  // Revocation ----------------------------------------------------------------------------------

  /** Section 5, trap 11, G32: it reaches every user of the key, and says so. */
  @Test
  void g32_signOut_reachesTheWholeKey() throws IOException {
    SignOut signOut = live.signOut();
    assertEquals(SignOut.Reach.CLIENT, signOut.reach());
    String alice = server.refreshToken("alice");
    String bob = server.refreshToken("bob");
    assertTrue(signOut.call().read(Sender.send(context(live).refreshToken(alice), signOut.call())));
    assertEquals("user", meaning(send(live, TradeStation.refreshToken(bob))));
  }

  @Test
  void signOut_refused_isSaid() throws IOException {
    SignOut signOut = live.signOut();
    TestContext context = new TestContext(live, CLIENT).refreshToken(server.refreshToken("alice"));
    assertFalse(signOut.call().read(Sender.send(context, signOut.call())));
    assertThrows(
        BrokerConfigurationException.class,
        () -> signOut.call().request(new TestContext(live, CLIENT)));
  }

  // ---------------------------------------------------------------------------------------------

  private ClientCredentials client() {
    return ClientCredentials.of(server.key().clientId(), server.key().clientSecret());
  }

  private TestContext context(Broker broker) {
    return new TestContext(broker, client());
  }

  private ExchangeAnswer send(Broker broker, Grant grant) throws IOException {
    return exchange(broker, client(), grant);
  }

  private static ExchangeAnswer exchange(Broker broker, ClientCredentials client, Grant grant)
      throws IOException {
    return Sender.call(new TestContext(broker, client), broker.exchange(grant));
  }

  private ProbeAnswer probe(Broker broker, String accessToken) throws IOException {
    return Sender.call(context(broker).accessToken(accessToken), broker.probe());
  }

  private String approved(AuthorizationRequest request) {
    return code(server.approve("alice", live.authorizationUri(request, client()).toString()));
  }

  private static String code(URI location) {
    HttpUrl url = HttpUrl.get(location);
    assertEquals(STATE, url.queryParameter("state"));
    return url.queryParameter("code");
  }

  private ExchangeAnswer read(String body) {
    return live.exchange(TradeStation.code("canary-code", CALLBACK)).read(answer(200, body));
  }

  private static TokenResponse granted(ExchangeAnswer answer) {
    return ((ExchangeAnswer.Granted) answer).response();
  }

  private static Answer answer(int status, String body) {
    return Answer.of(status, Map.of(), body.getBytes(UTF_8));
  }

  private static String jwt(String claims) {
    String middle = Base64.getUrlEncoder().withoutPadding().encodeToString(claims.getBytes(UTF_8));
    return "eyJhbGciOiJSUzI1NiJ9." + middle + ".canary";
  }

  private static HttpUrl authorizationUrl(
      Broker broker, AuthorizationRequest request, ClientCredentials client) {
    return HttpUrl.get(broker.authorizationUri(request, client));
  }

  private static Map<String, String> parameters(HttpUrl url) {
    return url.queryParameterNames().stream()
        .collect(Collectors.toMap(name -> name, url::queryParameter));
  }
}
