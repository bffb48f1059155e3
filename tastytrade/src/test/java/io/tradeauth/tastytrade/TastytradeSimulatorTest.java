package io.tradeauth.tastytrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.Partner;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.testing.Wire;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import okhttp3.FormBody;
import okhttp3.Headers;
import okhttp3.HttpUrl;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Every row of the fact sheet's table of mock behaviours (section 13), by a plain client. */
class TastytradeSimulatorTest {

  private static final String REDIRECT = "https://app.example.com/callback";
  private static final MediaType JSON = MediaType.get("application/json");

  private final ManualClock clock = ManualClock.at("2026-03-02T14:30:00Z");
  private final TastytradeSimulator tastytrade = new TastytradeSimulator(clock);
  private final Environment live = tastytrade.live();
  private final User alice = live.addUser("alice");

  private final OkHttpClient http =
      new OkHttpClient.Builder()
          .followRedirects(false)
          .retryOnConnectionFailure(false)
          .readTimeout(Duration.ofSeconds(5))
          .build();

  @AfterEach
  void close() {
    http.dispatcher().cancelAll();
    http.connectionPool().evictAll();
    tastytrade.close();
  }

  @Test
  void row01_userAgentMissing_htmlBeforeAnythingElse() {
    OkHttpClient silent =
        http.newBuilder()
            .addNetworkInterceptor(
                chain ->
                    chain.proceed(chain.request().newBuilder().removeHeader("User-Agent").build()))
            .build();

    Answer answer = send(silent, form(live, refreshFields(alice)));

    assertEquals(401, answer.status);
    assertEquals("text/html", answer.headers.get("Content-Type"));
    assertTrue(
        answer.body.contains("<title>401 Authorization Required</title>")
            && answer.body.contains("nginx"),
        answer.body);
    assertEquals(0, tastytrade.ledger().issued(Kind.ACCESS_TOKEN));
  }

  @Test
  void row01_userAgentWithoutVersion_htmlOnEveryHost() {
    for (String url :
        new String[] {
          live.api() + "/customers/me",
          live.authorizePage().toString(),
          live.api() + "/nothing",
          tastytrade.sandbox().api() + "/api-quote-tokens"
        }) {
      Answer answer =
          send(new Request.Builder().url(url).header("User-Agent", "tradeauth").build());
      assertEquals(401, answer.status, url);
      assertTrue(answer.body.startsWith("<html>"), url);
    }
  }

  @Test
  void everyAnswer_serverAndContentType() {
    Answer answer = refresh(alice);
    assertEquals("nginx", answer.headers.get("Server"));
    assertEquals("application/json; charset=utf-8", answer.headers.get("Content-Type"));
    assertEquals("Mon, 02 Mar 2026 14:30:00 GMT", answer.headers.get("Date"));
  }

  @Test
  void row02_goodRefreshAsForm_accessTokenFor900Seconds() {
    Answer answer = send(form(live, refreshFields(alice)));

    assertEquals(200, answer.status);
    Map<String, String> json = answer.json();
    assertEquals("Bearer", json.get("token_type"));
    assertEquals("900", json.get("expires_in"));
    assertNull(json.get("refresh_token"));
    assertNull(json.get("id_token"));
    assertEquals(
        200, get(live, "/customers/me/accounts", "Bearer " + json.get("access_token")).status);
  }

  @Test
  void row02_goodRefreshAsJsonWithClientId_accessToken() {
    String body =
        """
        {"grant_type":"refresh_token","refresh_token":"%s","client_secret":"%s","client_id":"%s"}"""
            .formatted(alice.refreshToken(), alice.clientSecret(), alice.clientId());
    assertEquals(200, send(json(live, "/oauth/token", body)).status);
  }

  @Test
  void row02_openidGrant_idToken() {
    alice.createGrant("read openid");
    assertTrue(refresh(alice).json().containsKey("id_token"));
  }

  @Test
  void row02_refreshTwice_everyUseInTheLedger() {
    refresh(alice);
    refresh(alice);
    assertEquals(2, tastytrade.ledger().uses(alice.refreshToken()));
    assertEquals(2, tastytrade.ledger().issued(Kind.ACCESS_TOKEN));
    assertEquals("alice", tastytrade.calls().get(0).owner());
  }

  @Test
  void row03_echo_sameRefreshToken() {
    tastytrade.echoRefreshToken(true);
    assertEquals(alice.refreshToken(), refresh(alice).json().get("refresh_token"));
  }

  @Test
  void row04_goodCode_bothTokens() {
    Partner partner = live.addPartner(REDIRECT);
    Answer answer = exchange(partner, approvedCode(partner, "read trade"), REDIRECT);

    assertEquals(200, answer.status);
    assertEquals("900", answer.json().get("expires_in"));
    String refreshToken = Objects.requireNonNull(answer.json().get("refresh_token"));
    Answer refreshed =
        send(
            form(
                live,
                Map.of(
                    "grant_type",
                    "refresh_token",
                    "refresh_token",
                    refreshToken,
                    "client_secret",
                    partner.clientSecret())));
    assertEquals(200, refreshed.status);
  }

  @Test
  void row05_codeTwice_invalidCode() {
    Partner partner = live.addPartner(REDIRECT);
    String code = approvedCode(partner, "read");
    exchange(partner, code, REDIRECT);

    assertTokenError("invalid_grant", "Invalid code", exchange(partner, code, REDIRECT));
    assertEquals(1, tastytrade.ledger().spentTwice(Kind.CODE));
  }

  @Test
  void row05_unknownCodeOrOtherRedirect_invalidCode() {
    Partner partner = live.addPartner(REDIRECT, REDIRECT + "/2");
    assertTokenError(
        "invalid_grant",
        "Invalid code",
        exchange(partner, "00000000-0000-4000-8000-000000000000", REDIRECT));
    assertTokenError(
        "invalid_grant",
        "Invalid code",
        exchange(partner, approvedCode(partner, "read"), REDIRECT + "/2"));
  }

  @Test
  void row06_notAJwt_invalidJwt() {
    for (String token : new String[] {"alice", alice.refreshToken() + "x", "a.b.c", "ey"}) {
      assertTokenError(
          "invalid_grant",
          "Invalid JWT",
          send(form(live, fields("refresh_token", token, alice.clientSecret()))));
    }
  }

  @Test
  void row07_grantDeleted_revoked() {
    alice.deleteGrant();
    assertTokenError("invalid_grant", "Grant revoked", refresh(alice));

    alice.createGrant("read trade");
    assertEquals(200, refresh(alice).status);
  }

  @Test
  void row07_secretRegenerated_everyGrantRevoked() {
    Map<String, String> before = refreshFields(alice);
    alice.regenerateSecret();

    assertTokenError("invalid_grant", "Grant revoked", send(form(live, before)));
    assertTokenError("invalid_grant", "Grant revoked", refresh(alice));
    alice.createGrant("read");
    assertEquals(200, refresh(alice).status);
  }

  @Test
  void row08_wrongSecret_mismatch() {
    assertTokenError(
        "invalid_grant",
        "Client secret mismatch",
        send(form(live, fields("refresh_token", alice.refreshToken(), "0".repeat(40)))));
  }

  @Test
  void row09_wrongClientId_invalidClient() {
    Map<String, String> fields = refreshFields(alice);
    fields.put("client_id", live.addUser("bob").clientId());
    assertTokenError("invalid_client", "Client not found", send(form(live, fields)));
  }

  @Test
  void row10_grantTypeMissingOrUnknownOrFieldMissing_invalidRequest() {
    assertTokenError(
        "invalid_request", "Missing grant_type", send(form(live, Map.of("code", "1"))));
    assertTokenError(
        "invalid_request",
        "Unknown grant_type",
        send(form(live, Map.of("grant_type", "password"))));
    assertTokenError(
        "invalid_request",
        "Missing client_secret",
        send(form(live, fields("refresh_token", alice.refreshToken(), ""))));
    assertTokenError(
        "invalid_request", "Missing grant_type", send(json(live, "/oauth/token", "{broken")));
  }

  @Test
  void row11_tokenOfTheOtherEnvironment_invalidJwt() {
    User bob = tastytrade.sandbox().addUser("bob");
    assertTokenError("invalid_grant", "Invalid JWT", send(form(live, refreshFields(bob))));
    assertEquals(200, send(form(tastytrade.sandbox(), refreshFields(bob))).status);
  }

  @Test
  void row12_preOpen_notACustomerThenGood() {
    User bob = tastytrade.sandbox().addUser("bob");
    tastytrade.preOpen(2);
    for (int i = 0; i < 2; i++) {
      assertTokenError(
          "invalid_request",
          "User is not a TastyTrade customer",
          send(form(tastytrade.sandbox(), refreshFields(bob))));
    }
    assertEquals(200, send(form(tastytrade.sandbox(), refreshFields(bob))).status);
    assertEquals(200, refresh(alice).status);
  }

  @Test
  void row13_expiredBearerAtTheTokenEndpoint_tokenInvalid() {
    String accessToken = accessToken(alice);
    Request request =
        form(live, refreshFields(alice))
            .newBuilder()
            .header("Authorization", "Bearer " + accessToken)
            .build();
    assertEquals(200, send(request).status);

    clock.advance(Duration.ofSeconds(900));
    assertApiError(401, "token_invalid", send(request));
  }

  @Test
  void row14_outage_fourKindsThenGood() {
    tastytrade.outage(TastytradeSimulator.TOKEN, 5);

    Answer bad = refresh(alice);
    assertEquals(502, bad.status);
    assertTrue(bad.body.startsWith("<html>"));
    assertEquals(503, refresh(alice).status);
    Answer internal = refresh(alice);
    assertApiError(500, "internal_server_error", internal);
    assertTrue(internal.body.matches(".*identifier: [0-9a-f]{32}.*"), internal.body);
    assertThrows(IOException.class, () -> call(http, form(live, refreshFields(alice))));
    assertEquals(502, refresh(alice).status);

    assertEquals(200, refresh(alice).status);
    assertEquals(1, tastytrade.ledger().uses(alice.refreshToken()));
  }

  @Test
  void section06_backendDown_internalServerErrorThenGood() {
    tastytrade.backendDown(1);
    assertTokenError(
        "internal_server_error",
        "Failed request to get http://backend.invalid/users",
        refresh(alice));
    assertEquals(200, refresh(alice).status);
  }

  @Test
  void row15_throttle_noHint() {
    tastytrade.throttle(TastytradeSimulator.TOKEN, 1);

    Answer answer = refresh(alice);

    assertApiError(429, "too_many_requests", answer);
    assertNull(answer.headers.get("Retry-After"));
    assertEquals(200, refresh(alice).status);
  }

  @Test
  void row16_tooManyFailedLogins_silenceForEightHours() {
    Map<String, String> bad = fields("refresh_token", "alice", alice.clientSecret());
    tastytrade.blockAfter(2);
    for (int i = 0; i < 3; i++) {
      assertEquals(400, send(form(live, bad)).status);
    }

    OkHttpClient impatient = http.newBuilder().readTimeout(Duration.ofMillis(200)).build();
    assertThrows(
        SocketTimeoutException.class, () -> call(impatient, form(live, refreshFields(alice))));
    assertEquals(0, tastytrade.calls().get(3).status());

    clock.advance(Duration.ofHours(8));
    assertEquals(200, refresh(alice).status);
  }

  @Test
  void row16_successInBetween_counterStartsAnew() {
    Map<String, String> bad = fields("refresh_token", "alice", alice.clientSecret());
    tastytrade.blockAfter(1);
    send(form(live, bad));
    refresh(alice);
    send(form(live, bad));
    assertEquals(200, refresh(alice).status);
  }

  @Test
  void row17_noUsableBearer_tokenInvalid() {
    String accessToken = accessToken(alice);
    assertApiError(401, "token_invalid", send(new Request.Builder().url(accounts()).build()));
    for (String bearer : new String[] {"", "canary", accessToken + "x", alice.refreshToken()}) {
      assertApiError(401, "token_invalid", get(live, "/customers/me/accounts", "Bearer " + bearer));
    }
    assertEquals(200, get(live, "/customers/me/accounts", "Bearer " + accessToken).status);

    clock.advance(Duration.ofSeconds(899));
    assertEquals(200, get(live, "/customers/me/accounts", "Bearer " + accessToken).status);
    clock.advance(Duration.ofSeconds(1));
    assertApiError(
        401, "token_invalid", get(live, "/customers/me/accounts", "Bearer " + accessToken));
  }

  @Test
  void row17_revokedBearer_tokenInvalid() {
    String accessToken = accessToken(alice);
    alice.revokeAccessTokens();
    assertApiError(
        401, "token_invalid", get(live, "/customers/me/accounts", "Bearer " + accessToken));
    assertEquals(200, get(live, "/customers/me/accounts", "Bearer " + accessToken(alice)).status);
  }

  @Test
  void row17_bearerOfTheOtherEnvironment_tokenInvalid() {
    assertApiError(
        401,
        "token_invalid",
        get(tastytrade.sandbox(), "/customers/me", "Bearer " + accessToken(alice)));
  }

  @Test
  void row17_switched_unauthorizedWithIdentifier() {
    tastytrade.sayUnauthorized(true);
    Answer answer = get(live, "/customers/me", "Bearer canary");
    assertApiError(401, "unauthorized", answer);
    assertTrue(answer.body.matches(".*support identifier: [0-9a-f]{32}.*"), answer.body);
  }

  @Test
  void row18_tokenWithoutBearer_tokenInvalid() {
    assertApiError(401, "token_invalid", get(live, "/customers/me", accessToken(alice)));
  }

  @Test
  void row19_writeWithReadGrant_notPermitted() {
    alice.createGrant("read");
    assertApiError(403, "not_permitted", order(alice, accessToken(alice)));
    assertEquals(0, live.orders());

    alice.createGrant("read trade");
    assertEquals(201, order(alice, accessToken(alice)).status);
    assertEquals(1, live.orders());
  }

  @Test
  void row20_acceptVersion_onlyKnownOnesAndNoneInTheSandbox() {
    User bob = tastytrade.sandbox().addUser("bob");
    live.addVersion("20260101");
    tastytrade.sandbox().addVersion("20260101");

    assertEquals(200, versioned(live, alice, "20260101").status);
    Answer unknown = versioned(live, alice, "20990101");
    assertEquals(406, unknown.status);
    assertTrue(unknown.body.contains("\"code\":406"), unknown.body);
    assertEquals(406, versioned(tastytrade.sandbox(), bob, "20260101").status);

    live.withdrawVersion("20260101");
    assertEquals(406, versioned(live, alice, "20260101").status);
  }

  @Test
  void row21_customerAndAccounts_onlyOnesOwn() {
    String bearer = "Bearer " + accessToken(alice);
    User bob = live.addUser("bob");

    Answer me = get(live, "/customers/me", bearer);
    assertTrue(me.body.contains("\"email\":\"alice@example.com\""), me.body);
    assertTrue(me.body.endsWith("\"context\":\"/customers/me\"}"), me.body);
    Answer accounts = get(live, "/customers/me/accounts", bearer);
    for (String number : alice.accounts()) {
      assertTrue(accounts.body.contains(number), accounts.body);
      assertEquals(200, get(live, "/customers/me/accounts/" + number, bearer).status);
    }
    assertFalse(accounts.body.contains(bob.accounts().get(0)));
    assertApiError(
        403, "not_permitted", get(live, "/customers/me/accounts/" + bob.accounts().get(0), bearer));
    assertApiError(404, "not_found", get(live, "/customers/you", bearer));
  }

  @Test
  void row22_quoteToken_sameFor24HoursWhateverTheAccessToken() {
    String first = quoteToken(live, alice).json("token");
    clock.advance(Duration.ofHours(24).minusSeconds(1));
    Answer second = quoteToken(live, alice);
    assertEquals(first, second.json("token"));
    assertEquals("api", second.json("level"));
    assertEquals("2026-03-03T14:30:00Z", second.json("expires-at"));

    clock.advance(Duration.ofSeconds(1));
    assertNotEquals(first, quoteToken(live, alice).json("token"));
  }

  @Test
  void row22_sandbox_levelDemo() {
    User bob = tastytrade.sandbox().addUser("bob");
    assertEquals("demo", quoteToken(tastytrade.sandbox(), bob).json("level"));
  }

  @Test
  void row22_notOnboarded_customerNotFound() {
    alice.notOnboarded();
    Answer answer = quoteToken(live, alice);
    assertTrue(answer.body.contains("quote_streamer.customer_not_found_error"), answer.body);
  }

  @Test
  void row23_validate_userDataOrInvalidSession() {
    Request.Builder validate =
        new Request.Builder()
            .url(live.api() + "/sessions/validate")
            .post(RequestBody.create("", null));
    Answer answer = send(validate.header("Authorization", "Bearer " + accessToken(alice)).build());
    assertEquals(200, answer.status);
    assertEquals(alice.externalId(), answer.json("external-id"));

    assertApiError(
        401, "invalid_session", send(validate.header("Authorization", "Bearer canary").build()));
  }

  @Test
  void row24_today_refusedAsConfigured() {
    assertEquals(401, login(alice, alice.password()).status);
    tastytrade.sessionsOfToday(410, "{\"error\":{\"code\":\"gone\"}}");
    assertEquals(410, login(alice, alice.password()).status);
  }

  @Test
  void row24_mode2025_sessionThatWorksWithoutBearer() {
    tastytrade.sessionsOf2025();
    Answer answer = login(alice, alice.password());

    assertEquals(201, answer.status);
    String session = answer.json("session-token");
    assertEquals("2026-03-03T14:30:00Z", answer.json("session-expiration"));
    assertEquals(200, get(live, "/customers/me", session).status);
    assertApiError(401, "invalid_credentials", login(alice, "wrong-canary"));

    clock.advance(Duration.ofHours(24));
    assertApiError(401, "token_invalid", get(live, "/customers/me", session));
  }

  @Test
  void row24_mode2025_rememberTokenOnlyOnce() {
    tastytrade.sessionsOf2025();
    String first = login(alice, alice.password()).json("remember-token");

    Answer again = loginRemembered(alice, first);
    assertEquals(201, again.status);
    assertNotEquals(first, again.json("remember-token"));
    assertApiError(401, "invalid_credentials", loginRemembered(alice, first));
    assertEquals(201, loginRemembered(alice, again.json("remember-token")).status);
    assertEquals(1, tastytrade.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  @Test
  void row24_mode2025_oneTimePassword() {
    tastytrade.sessionsOf2025();
    alice.requireOneTimePassword("123456");
    assertEquals(401, login(alice, alice.password()).status);
    assertEquals(
        201, login(alice, alice.password(), Headers.of("X-Tastyworks-OTP", "123456")).status);
  }

  @Test
  void row24_mode2025_unknownDeviceChallenged() {
    tastytrade.sessionsOf2025();
    alice.forgetDevice();
    String header = "X-Tastyworks-Challenge-Token";

    Answer refused = login(alice, alice.password());
    assertApiError(403, "device_challenge_required", refused);
    Answer challenged =
        send(
            json(live, "/device-challenge", "{}")
                .newBuilder()
                .header(header, Objects.requireNonNull(refused.headers.get(header)))
                .build());
    assertEquals(200, challenged.status);
    assertEquals("otp_verification", challenged.json("step"));
    Headers proof =
        Headers.of(
            header,
            Objects.requireNonNull(challenged.headers.get(header)),
            "X-Tastyworks-OTP",
            "123456");
    assertEquals(201, login(alice, alice.password(), proof).status);
    assertEquals(201, login(alice, alice.password()).status);
  }

  @Test
  void row25_deleteSession_noContentAndGone() {
    tastytrade.sessionsOf2025();
    String session = login(alice, alice.password()).json("session-token");
    Request delete =
        new Request.Builder()
            .url(live.api() + "/sessions")
            .delete()
            .header("Authorization", session)
            .build();
    assertEquals(204, send(delete).status);
    assertApiError(401, "token_invalid", get(live, "/customers/me", session));
    assertApiError(401, "invalid_session", send(delete));
  }

  @Test
  void row26_goodParameters_codeAndState() {
    Partner partner = live.addPartner(REDIRECT);
    live.approve(alice);
    Answer answer = authorize(partner.clientId(), REDIRECT, "read trade openid", null);

    assertEquals(302, answer.status);
    HttpUrl location = HttpUrl.get(Objects.requireNonNull(answer.headers.get("Location")));
    assertTrue(location.toString().startsWith(REDIRECT + "?code="), location.toString());
    assertEquals(36, Objects.requireNonNull(location.queryParameter("code")).length());
    assertEquals("a b&c", location.queryParameter("state"));
  }

  @Test
  void row26_badParameters_pagesAndNoRedirect() {
    Partner partner = live.addPartner(REDIRECT);
    live.approve(alice);
    Partner foreign = tastytrade.sandbox().addPartner(REDIRECT);

    assertPage(404, "Client not found", authorize(foreign.clientId(), REDIRECT, "read", null));
    assertPage(
        400, "Invalid redirect_uri", authorize(partner.clientId(), REDIRECT + "/", "read", null));
    assertPage(400, "Invalid scope", authorize(partner.clientId(), REDIRECT, "all", null));
    assertPage(405, "Not Allowed", authorize(partner.clientId(), REDIRECT, "read", "canary"));
  }

  @Test
  void row26_nobodyApproves_loginPage() {
    Partner partner = live.addPartner(REDIRECT);
    assertPage(200, "Log in", authorize(partner.clientId(), REDIRECT, "read", null));
  }

  @Test
  void row27_beforeConnect_connectNotCompleted() throws InterruptedException {
    String bearer = "Bearer " + accessToken(alice);
    try (Stream stream = new Stream()) {
      Map<String, String> answer = stream.say("heartbeat", "[]", bearer, 2);
      assertEquals("error", answer.get("status"));
      assertEquals("connect-not-completed", answer.get("message"));
      assertEquals("2", answer.get("request-id"));

      String own = "[\"" + alice.accounts().get(0) + "\"]";
      assertEquals("ok", stream.say("connect", own, bearer, 3).get("status"));
      assertEquals("ok", stream.say("heartbeat", "[]", bearer, 4).get("status"));
    }
    assertEquals(1, tastytrade.count(TastytradeSimulator.STREAMER_CONNECT));
    assertEquals(2, tastytrade.count(TastytradeSimulator.STREAMER_MESSAGE));
  }

  @Test
  void row27_tokenOfAMessageExpired_errorUntilItIsNew() throws InterruptedException {
    String bearer = "Bearer " + accessToken(alice);
    try (Stream stream = new Stream()) {
      String own = "[\"" + alice.accounts().get(0) + "\"]";
      assertEquals("ok", stream.say("connect", own, bearer, 1).get("status"));
      clock.advance(Duration.ofSeconds(900));
      assertEquals("error", stream.say("heartbeat", "[]", bearer, 2).get("status"));
      String renewed = "Bearer " + accessToken(alice);
      assertEquals("ok", stream.say("heartbeat", "[]", renewed, 3).get("status"));
    }
  }

  @Test
  void row27_foreignAccountOrBareToken_error() throws InterruptedException {
    String token = accessToken(alice);
    String foreign = "[\"" + live.addUser("bob").accounts().get(0) + "\"]";
    try (Stream stream = new Stream()) {
      assertEquals("error", stream.say("connect", foreign, "Bearer " + token, 1).get("status"));
      assertEquals("error", stream.say("connect", "[]", token, 2).get("status"));
    }
  }

  @Test
  void row28_refreshBeforeTheEnd_bothTokensToTheirOwnEnd() {
    String older = accessToken(alice);
    clock.advance(Duration.ofSeconds(600));
    String newer = accessToken(alice);
    assertEquals(200, get(live, "/customers/me", "Bearer " + older).status);
    assertEquals(200, get(live, "/customers/me", "Bearer " + newer).status);

    clock.advance(Duration.ofSeconds(300));
    assertEquals(401, get(live, "/customers/me", "Bearer " + older).status);
    assertEquals(200, get(live, "/customers/me", "Bearer " + newer).status);
  }

  @Test
  void inferredAnswer_otherStatus_configurable() {
    tastytrade.fail(
        TastytradeSimulator.TOKEN, Fault.after(answer -> answer.newBuilder().code(401).build()), 1);
    alice.deleteGrant();
    Answer answer = refresh(alice);
    assertEquals(401, answer.status);
    assertEquals("Grant revoked", answer.json().get("error_description"));
  }

  @Test
  void everyTokenIssued_carriesTheCanary() {
    assertTrue(alice.refreshToken().contains("canary"));
    assertTrue(accessToken(alice).contains("canary"));
    assertTrue(quoteToken(live, alice).json("token").contains("canary"));
    assertTrue(tastytrade.ledger().secrets().contains(alice.clientSecret()));
  }

  // ---- a plain client

  private Answer refresh(User user) {
    return send(form(live, refreshFields(user)));
  }

  private String accessToken(User user) {
    return Objects.requireNonNull(refresh(user).json().get("access_token"));
  }

  private static Map<String, String> refreshFields(User user) {
    return fields("refresh_token", user.refreshToken(), user.clientSecret());
  }

  private static Map<String, String> fields(
      String grantType, String refreshToken, String clientSecret) {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("grant_type", grantType);
    fields.put("refresh_token", refreshToken);
    fields.put("client_secret", clientSecret);
    return fields;
  }

  private Answer exchange(Partner partner, String code, String redirectUri) {
    return send(
        form(
            live,
            Map.of(
                "grant_type",
                "authorization_code",
                "code",
                code,
                "redirect_uri",
                redirectUri,
                "client_id",
                partner.clientId(),
                "client_secret",
                partner.clientSecret())));
  }

  private String approvedCode(Partner partner, String scope) {
    live.approve(alice);
    Answer answer = authorize(partner.clientId(), REDIRECT, scope, null);
    HttpUrl location = HttpUrl.get(Objects.requireNonNull(answer.headers.get("Location")));
    return Objects.requireNonNull(location.queryParameter("code"));
  }

  private Answer authorize(
      String clientId, String redirectUri, String scope, @Nullable String challenge) {
    HttpUrl.Builder url =
        HttpUrl.get(live.authorizePage().toString())
            .newBuilder()
            .addQueryParameter("client_id", clientId)
            .addQueryParameter("redirect_uri", redirectUri)
            .addQueryParameter("response_type", "code")
            .addQueryParameter("scope", scope)
            .addQueryParameter("state", "a b&c");
    if (challenge != null) {
      url.addQueryParameter("code_challenge", challenge);
    }
    return send(new Request.Builder().url(url.build()).build());
  }

  private Answer versioned(Environment environment, User user, String version) {
    String token = send(form(environment, refreshFields(user))).json().get("access_token");
    return send(
        new Request.Builder()
            .url(environment.api() + "/customers/me")
            .header("Authorization", "Bearer " + token)
            .header("Accept-Version", version)
            .build());
  }

  private Answer quoteToken(Environment environment, User user) {
    String token = send(form(environment, refreshFields(user))).json().get("access_token");
    return get(environment, "/api-quote-tokens", "Bearer " + token);
  }

  private Answer order(User user, String accessToken) {
    return send(
        json(live, "/accounts/" + user.accounts().get(0) + "/orders", "{}")
            .newBuilder()
            .header("Authorization", "Bearer " + accessToken)
            .build());
  }

  private Answer login(User user, String password) {
    return login(user, password, Headers.of());
  }

  private Answer login(User user, String password, Headers headers) {
    Request.Builder request =
        json(
                live,
                "/sessions",
                """
                {"login":"%s","password":"%s","remember-me":true}"""
                    .formatted(user.name(), password))
            .newBuilder();
    headers.forEach(header -> request.header(header.getFirst(), header.getSecond()));
    return send(request.build());
  }

  private Answer loginRemembered(User user, String rememberToken) {
    return send(
        json(
            live,
            "/sessions",
            """
            {"login":"%s","remember-token":"%s","remember-me":true}"""
                .formatted(user.name(), rememberToken)));
  }

  private String accounts() {
    return live.api() + "/customers/me/accounts";
  }

  private Answer get(Environment environment, String path, String authorization) {
    return send(
        new Request.Builder()
            .url(environment.api() + path)
            .header("Authorization", authorization)
            .build());
  }

  private static Request form(Environment environment, Map<String, String> fields) {
    FormBody.Builder body = new FormBody.Builder();
    fields.forEach(body::add);
    return new Request.Builder().url(environment.api() + "/oauth/token").post(body.build()).build();
  }

  private static Request json(Environment environment, String path, String body) {
    return new Request.Builder()
        .url(environment.api() + path)
        .post(RequestBody.create(body, JSON))
        .build();
  }

  private Answer send(Request request) {
    return send(http, request);
  }

  private static Answer send(OkHttpClient client, Request request) {
    try {
      return call(client, request);
    } catch (IOException e) {
      throw new AssertionError("no answer", e);
    }
  }

  private static Answer call(OkHttpClient client, Request request) throws IOException {
    try (Response response = client.newCall(request).execute()) {
      return new Answer(response.code(), response.headers(), response.body().string());
    }
  }

  private static void assertTokenError(String code, String description, Answer answer) {
    assertEquals(400, answer.status);
    assertEquals(Map.of("error_code", code, "error_description", description), answer.json());
  }

  private static void assertApiError(int status, String code, Answer answer) {
    assertEquals(status, answer.status, answer.body);
    assertTrue(
        answer.body.startsWith("{\"error\":{\"code\":\"" + code + "\",\"message\":\""),
        answer.body);
  }

  private static void assertPage(int status, String text, Answer answer) {
    assertEquals(status, answer.status);
    assertNull(answer.headers.get("Location"));
    assertTrue(answer.body.contains(text), answer.body);
  }

  /** What came back. */
  private static final class Answer {

    final int status;
    final Headers headers;
    final String body;

    Answer(int status, Headers headers, String body) {
      this.status = status;
      this.headers = headers;
      this.body = body;
    }

    Map<String, String> json() {
      return Wire.json(body);
    }

    /** Returns a member of the object {@code data}. */
    String json(String name) {
      assertTrue(body.startsWith("{\"data\":"), body);
      Map<String, String> members = Wire.json(body.substring("{\"data\":".length()));
      return Objects.requireNonNull(members.get(name), name);
    }
  }

  /** A client of the account streamer. */
  private final class Stream extends WebSocketListener implements AutoCloseable {

    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    private final WebSocket socket =
        http.newWebSocket(new Request.Builder().url(live.streamer().toString()).build(), this);

    Map<String, String> say(String action, String value, String token, int id)
        throws InterruptedException {
      socket.send(
          """
          {"action":"%s","value":%s,"auth-token":"%s","request-id":%d}"""
              .formatted(action, value, token, id));
      return Wire.json(Objects.requireNonNull(answers.poll(5, TimeUnit.SECONDS), "no answer"));
    }

    @Override
    public void onMessage(WebSocket webSocket, String text) {
      answers.add(text);
    }

    @Override
    public void close() {
      socket.cancel();
    }
  }
}
