package io.tradeauth.upstox.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.Fault;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger;
import io.tradeauth.testing.Wire;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import mockwebserver3.MockResponse;
import mockwebserver3.MockWebServer;
import okhttp3.FormBody;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The 'Mock behaviours' of the fact sheet (section 14), row by row, by a plain HTTP client. */
class UpstoxSimulatorTest {

  private static final String CLIENT = "0f8c2a54-3b1d-4e77-9a20-5d6e7f801234";
  private static final String SECRET = "canary-secret";
  private static final String REDIRECT = "http://127.0.0.1:8700/callback";
  private static final String USER = "AB1234";
  private static final MediaType JSON = MediaType.get("application/json");

  /** 09:30 IST on a Tuesday. */
  private final ManualClock clock = ManualClock.at("2025-11-25T04:00:00Z");

  private final UpstoxSimulator upstox = new UpstoxSimulator(clock);
  private final OkHttpClient http = new OkHttpClient.Builder().followRedirects(false).build();

  UpstoxSimulatorTest() {
    upstox.addUser(USER);
    upstox.addApp(CLIENT, SECRET, REDIRECT, USER);
  }

  @AfterEach
  void close() {
    upstox.close();
    http.connectionPool().evictAll();
  }

  @Test
  void row1_goodDialog_redirectsWithCodeAndState() throws IOException {
    try (Response answer = get(dialog(CLIENT, REDIRECT, "a state+&/"))) {
      HttpUrl back = HttpUrl.get(answer.header("Location"));
      assertEquals(302, answer.code());
      assertTrue(back.toString().startsWith(REDIRECT + "?code="));
      assertEquals("a state+&/", back.queryParameter("state"));
      assertEquals(USER, upstox.ledger().owner(back.queryParameter("code")));
    }
  }

  @Test
  void row1_noStateSent_noneComesBack() throws IOException {
    try (Response answer = get(dialog(CLIENT, REDIRECT, null))) {
      assertNull(HttpUrl.get(answer.header("Location")).queryParameter("state"));
    }
  }

  @Test
  void row1_anotherCustomerAtTheBrowser_codeIsTheirs() {
    upstox.addUser("CD5678");
    URI back = upstox.signIn(dialog(CLIENT, REDIRECT, "s").uri(), "CD5678");
    assertEquals("CD5678", upstox.ledger().owner(HttpUrl.get(back).queryParameter("code")));
  }

  @Test
  void row2_unknownClientOrOtherRedirect_errorAndNoRedirect() throws IOException {
    assertError(get(dialog("another-client", REDIRECT, "s")), 400, "UDAPI100068");
    assertError(get(dialog(CLIENT, REDIRECT + "/", "s")), 400, "UDAPI100068");
    assertEquals(0, upstox.ledger().issued(TokenLedger.Kind.CODE));
  }

  @Test
  void row3_dialogWithoutRedirect_refused() throws IOException {
    assertError(get(dialog(CLIENT, null, "s")), 400, "UDAPI1018");
  }

  @Test
  void row4_goodForm_flatBodyWithBothTokens() throws IOException {
    try (Response answer = post(form(code()))) {
      String body = answer.body().string();
      Map<String, String> members = Wire.json(body);
      assertEquals(200, answer.code());
      assertEquals(USER, members.get("user_id"));
      assertEquals("UPSTOX", members.get("broker"));
      assertEquals("true", members.get("is_active"));
      assertStatus(200, profile(members.get("access_token")));
      assertEquals(USER, upstox.ledger().owner(members.get("extended_token")));
      assertFalse(members.containsKey("status"));
      assertTrue(body.contains("\"exchanges\":[\"NSE\""));
    }
  }

  @Test
  void row4_tokenLooksLikeJwt_claimsTellSubjectAndEnd() throws IOException {
    String claims = claims(accessToken());
    assertTrue(claims.contains("\"sub\":\"AB1234\""));
    assertTrue(claims.contains("\"iss\":\"udapi-gateway-service\""));
    assertTrue(claims.contains("\"exp\":1764108000}"));
  }

  @Test
  void row4_oldApp_noExtendedToken() throws IOException {
    upstox.withoutExtendedTokens(CLIENT);
    assertFalse(tokens(form(code())).containsKey("extended_token"));
  }

  /** Section 5: the eight rows of the expiry table. */
  @ParameterizedTest
  @CsvSource({
    "2025-11-25T14:30:00Z, 1764108000000",
    "2025-11-25T21:00:00Z, 1764108000000",
    "2025-11-25T21:59:59Z, 1764108000000",
    "2025-11-25T22:00:00Z, 1764194400000",
    "2025-11-25T05:00:00Z, 1764108000000",
    "2025-12-31T21:59:59Z, 1767218400000",
    "2025-12-31T23:00:00Z, 1767304800000",
    "2024-02-28T22:30:00Z, 1709244000000"
  })
  void row4_issuedAtAnyTime_endsAtTheNextCut(String issuedAt, long expiresAt) throws IOException {
    clock.setWall(Instant.parse(issuedAt));
    String token = accessToken();
    assertTrue(claims(token).endsWith("\"exp\":" + expiresAt / 1000 + "}"));
    clock.setWall(Instant.ofEpochMilli(expiresAt - 1));
    assertStatus(200, profile(token));
    clock.setWall(Instant.ofEpochMilli(expiresAt));
    assertError(profile(token), 401, "UDAPI100050");
  }

  @Test
  void row5_codeTwiceOrUnknown_refusedAndRemembered() throws IOException {
    String code = code();
    assertStatus(200, post(form(code)));
    assertError(post(form(code)), 401, "UDAPI100057");
    assertError(post(form("nobody")), 401, "UDAPI100057");
    assertEquals(2, upstox.ledger().uses(code));
    assertEquals(1, upstox.ledger().spentTwice(TokenLedger.Kind.CODE));
  }

  @Test
  void row5_statusChanged_isAnswered() throws IOException {
    upstox.status("UDAPI100057", 400);
    assertError(post(form("nobody")), 400, "UDAPI100057");
  }

  @Test
  void row5_codeTooOld_refused() throws IOException {
    String code = code();
    clock.advance(Duration.ofMinutes(2));
    assertError(post(form(code)), 401, "UDAPI100057");
  }

  @Test
  void row6_wrongSecret_refusedAndCodeSpent() throws IOException {
    String code = code();
    assertError(post(with(form(code), "client_secret", "canary-wrong")), 401, "UDAPI100069");
    assertError(post(form(code)), 401, "UDAPI100057");
  }

  @Test
  void row6_secretReplaced_newOneCounts() throws IOException {
    upstox.replaceSecret(CLIENT, "canary-newer");
    assertError(post(form(code())), 401, "UDAPI100069");
    assertStatus(200, post(with(form(code()), "client_secret", "canary-newer")));
  }

  @Test
  void row7_otherRedirect_refusedAndCodeSpent() throws IOException {
    String code = code();
    assertError(post(with(form(code), "redirect_uri", REDIRECT + "/")), 401, "UDAPI100070");
    assertError(post(form(code)), 401, "UDAPI100057");
  }

  @ParameterizedTest
  @CsvSource({
    "code, UDAPI1022",
    "client_id, UDAPI1017",
    "client_secret, UDAPI1024",
    "redirect_uri, UDAPI1018",
    "grant_type, UDAPI1023"
  })
  void row8_fieldMissing_itsOwnCode(String field, String errorCode) throws IOException {
    Map<String, String> form = form(code());
    form.remove(field);
    assertError(post(form), 400, errorCode);
  }

  @Test
  void row9_jsonBody_allFieldsLookMissing() throws IOException {
    String json =
        """
        {"code":"%s","client_id":"%s","client_secret":"%s","redirect_uri":"%s",\
        "grant_type":"authorization_code"}"""
            .formatted(code(), CLIENT, SECRET, REDIRECT);
    Request request =
        request("/v2/login/authorization/token").post(RequestBody.create(json, JSON)).build();
    assertError(http.newCall(request).execute(), 400, "UDAPI1022");
  }

  @Test
  void row10_secondExchange_extendedTokenKeptUnlessRefreshed() throws IOException {
    String first = tokens(form(code())).get("extended_token");
    String kept =
        tokens(with(form(code()), "refresh_extended_token", "false")).get("extended_token");
    String fresh =
        tokens(with(form(code()), "refresh_extended_token", "true")).get("extended_token");
    assertEquals(first, kept);
    assertNotEquals(first, fresh);
    assertError(get("/v2/portfolio/long-term-holdings", first), 401, "UDAPI100050");
    assertStatus(200, get("/v2/portfolio/long-term-holdings", fresh));
  }

  @Test
  void row11_inactiveApp_refused() throws IOException {
    String code = code();
    upstox.appState(CLIENT, UpstoxSimulator.AppState.INACTIVE);
    assertError(post(form(code)), 401, "UDAPI100073");
  }

  @Test
  void row11_noSegments_exchangeAndProfileRefused() throws IOException {
    String token = accessToken();
    upstox.segments(USER, false);
    assertError(post(form(code())), 403, "UDAPI100058");
    assertError(profile(token), 403, "UDAPI100058");
    upstox.segments(USER, true);
    assertStatus(200, post(form(code())));
  }

  @Test
  void row12_request_answersNextCutAndNotifier() throws IOException {
    upstox.notifier(CLIENT, URI.create("https://hooks.example.com/upstox"));
    try (Response answer = ask(CLIENT, SECRET)) {
      assertEquals(
          """
          {"status":"success","data":{"authorization_expiry":"1764108000000",\
          "notifier_url":"https://hooks.example.com/upstox"}}""",
          answer.body().string());
    }
  }

  @Test
  void row12_approved_webhookBringsLivingToken() throws Exception {
    try (Receiver receiver = new Receiver(200)) {
      upstox.notifier(CLIENT, receiver.url());
      ask(CLIENT, SECRET).close();
      upstox.approve(CLIENT);

      Map<String, String> push = receiver.take();
      assertEquals(CLIENT, push.get("client_id"));
      assertEquals(USER, push.get("user_id"));
      assertEquals("Bearer", push.get("token_type"));
      assertEquals("1764108000000", push.get("expires_at"));
      assertEquals("1764043200000", push.get("issued_at"));
      assertEquals("access_token", push.get("message_type"));
      assertStatus(200, profile(push.get("access_token")));
      assertEquals(200, upstox.deliveries().get(0).status());
    }
  }

  @Test
  void row12_rejectedOrLapsed_nothingIsSent() throws IOException {
    try (Receiver receiver = new Receiver(200)) {
      upstox.notifier(CLIENT, receiver.url());
      ask(CLIENT, SECRET).close();
      upstox.reject(CLIENT);
      assertThrows(IllegalStateException.class, () -> upstox.approve(CLIENT));

      ask(CLIENT, SECRET).close();
      clock.advance(Duration.ofHours(18));
      assertThrows(IllegalStateException.class, () -> upstox.approve(CLIENT));
      assertEquals(0, receiver.count());
      assertEquals(2, upstox.count("approval"));
    }
  }

  @Test
  void row13_badSecretNoNotifierOrUnfitApp_refused() throws IOException {
    assertError(ask(CLIENT, "canary-wrong"), 401, "UDAPI100069");
    assertError(ask("another-client", SECRET), 401, "UDAPI100069");
    assertError(ask("", SECRET), 400, "UDAPI1017");
    assertError(ask(CLIENT, ""), 400, "UDAPI1024");
    assertError(ask(CLIENT, SECRET), 400, "UDAPI1123");
    upstox.notifier(CLIENT, URI.create("https://hooks.example.com/upstox"));
    upstox.appState(CLIENT, UpstoxSimulator.AppState.EXPIRED);
    assertError(ask(CLIENT, SECRET), 400, "UDAPI1157");
    upstox.appState(CLIENT, UpstoxSimulator.AppState.UNDER_REVIEW);
    assertError(ask(CLIENT, SECRET), 400, "UDAPI1155");
    upstox.appState(CLIENT, UpstoxSimulator.AppState.ACTIVE);
    upstox.notAnIndividual(USER);
    assertError(ask(CLIENT, SECRET), 400, "UDAPI1124");
  }

  @Test
  void row14_forgeriesAndDuplicates_arePostedAsAsked() throws Exception {
    try (Receiver receiver = new Receiver(200)) {
      upstox.notifier(CLIENT, receiver.url());
      ask(CLIENT, SECRET).close();
      UpstoxWebhook webhook = upstox.approve(CLIENT);
      Map<String, String> original = receiver.take();

      upstox.deliver(webhook);
      assertEquals(original, receiver.take());
      upstox.deliver(webhook.withClientId("another-client"));
      assertEquals("another-client", receiver.take().get("client_id"));
      upstox.deliver(webhook.withTimes(Instant.ofEpochMilli(1_000), Instant.ofEpochMilli(2_000)));
      assertEquals("2000", receiver.take().get("expires_at"));
      upstox.deliver(webhook.withMessageType("order_update"));
      assertEquals("order_update", receiver.take().get("message_type"));
      upstox.deliver(webhook.withUserId("CD5678"));
      assertEquals("CD5678", receiver.take().get("user_id"));
      upstox.deliver(webhook.withAccessToken("canary-forged").withTokenType("mac"));
      Map<String, String> forged = receiver.take();
      assertEquals("canary-forged", forged.get("access_token"));
      assertEquals("mac", forged.get("token_type"));
      assertFalse(webhook.toString().contains("canary"));
    }
  }

  @Test
  void row14_receiverFails_noSecondTry() throws IOException {
    try (Receiver receiver = new Receiver(500)) {
      upstox.notifier(CLIENT, receiver.url());
      ask(CLIENT, SECRET).close();
      upstox.approve(CLIENT);
      assertEquals(1, receiver.count());
      assertEquals(500, upstox.deliveries().get(0).status());
    }
  }

  @Test
  void row14_receiverGone_statusZero() throws IOException {
    Receiver receiver = new Receiver(200);
    upstox.notifier(CLIENT, receiver.url());
    receiver.close();
    ask(CLIENT, SECRET).close();
    upstox.approve(CLIENT);
    assertEquals(0, upstox.deliveries().get(0).status());
  }

  @Test
  void row15_profile_enveloped() throws IOException {
    try (Response answer = profile(accessToken())) {
      String body = answer.body().string();
      assertEquals("application/json", answer.header("Content-Type"));
      assertTrue(
          body.startsWith("{\"status\":\"success\",\"data\":{\"email\":\"ab1234@example.com\""));
      assertTrue(body.contains("\"user_id\":\"AB1234\""));
      assertTrue(body.contains("\"ddpi\":false"));
      assertFalse(body.contains("token"));
    }
  }

  @Test
  void row16_tokenMissingUnknownOrEnded_refused() throws IOException {
    String token = accessToken();
    assertError(get("/v2/user/profile", null), 401, "UDAPI100050");
    assertError(profile("canary-unknown"), 401, "UDAPI100050");
    upstox.endTokens(USER);
    assertError(profile(token), 401, "UDAPI100050");
  }

  @Test
  void row16_newTokenEndsOld_onlyIfSoSet() throws IOException {
    String first = accessToken();
    String second = upstox.consoleToken(USER);
    assertStatus(200, profile(first));
    upstox.newTokenEndsOld(true);
    String third = accessToken();
    assertError(profile(first), 401, "UDAPI100050");
    assertError(profile(second), 401, "UDAPI100050");
    assertStatus(200, profile(third));
  }

  @Test
  void row17_extendedToken_onlyForListedReads() throws IOException {
    String extended = tokens(form(code())).get("extended_token");
    assertError(profile(extended), 403, "UDAPI100067");
    assertStatus(200, get("/v2/portfolio/short-term-positions", extended));
    upstox.extendedMayCall("profile");
    assertStatus(200, profile(extended));
    clock.advance(Duration.ofDays(364));
    assertStatus(200, profile(extended));
    clock.advance(Duration.ofDays(1));
    assertError(profile(extended), 401, "UDAPI100050");
  }

  @Test
  void row18_logout_endsTheToken() throws IOException {
    String token = accessToken();
    try (Response answer = logout(token)) {
      assertEquals("{\"status\":\"success\",\"data\":true}", answer.body().string());
    }
    assertError(profile(token), 401, "UDAPI100050");
  }

  @Test
  void row19_logoutWithDeadToken_exceptionShapedBody() throws IOException {
    try (Response answer = logout("canary-unknown")) {
      String body = answer.body().string();
      assertEquals(401, answer.code());
      assertTrue(body.startsWith("{\"cause\":null,\"stackTrace\":["));
      assertTrue(body.contains("\"localizedMessage\""));
    }
  }

  @Test
  void row20_socketUrl_newEachTimeAndGoodForOneConnection() throws Exception {
    String token = accessToken();
    String first = socketUrl("/v3/feed/market-data-feed/authorize", token);
    String second = socketUrl("/v2/feed/portfolio-stream-feed/authorize?update_types=order", token);
    assertNotEquals(first, second);
    assertEquals(101, connect(first));
    assertEquals(101, connect(second));
    assertEquals(403, connect(first));
    assertEquals(3, upstox.count("socket"));
    assertEquals(1, upstox.ledger().spentTwice(TokenLedger.Kind.OTHER));
  }

  @Test
  void row20_directForm_redirectsToTheSocket() throws IOException {
    try (Response answer = get("/v3/feed/market-data-feed", accessToken())) {
      assertEquals(302, answer.code());
      assertTrue(answer.header("Location").startsWith("ws://127.0.0.1:"));
    }
  }

  @Test
  void row21_newAddress_endsAllTokens() throws IOException {
    String token = accessToken();
    Request request =
        authorized("/v2/user/ip", token)
            .put(
                RequestBody.create("{\"primary_ip\":\"203.0.113.44\",\"secondary_ip\":null}", JSON))
            .build();
    try (Response answer = http.newCall(request).execute()) {
      assertEquals(
          """
          {"status":"success","data":{"user_id":"AB1234","primary_ip":"203.0.113.44",\
          "secondary_ip":null,"primary_ip_updated_at":"2025-11-25 09:30:00",\
          "secondary_ip_updated_at":null,"access_tokens_invalidated":true}}""",
          answer.body().string());
    }
    assertError(profile(token), 401, "UDAPI100050");
    assertStatus(200, get("/v2/user/ip", accessToken()));
  }

  @Test
  void row22_overTheLimit_refusedUntilTheWindowEnds() throws IOException {
    String token = accessToken();
    upstox.documentedLimits();
    for (int i = 0; i < 50; i++) {
      assertStatus(200, profile(token));
    }
    assertError(profile(token), 429, "UDAPI10005");
    assertStatus(200, get("/v2/user/ip", token));
    clock.advance(Duration.ofSeconds(1));
    assertStatus(200, profile(token));
  }

  @Test
  void row23_faultSwitches() throws IOException {
    String token = accessToken();
    upstox.fail("profile", UpstoxSimulator.serverFault(), 1);
    assertError(profile(token), 500, "UDAPI100500");
    upstox.fail("profile", UpstoxSimulator.throttled(), 1);
    assertError(profile(token), 429, "UDAPI10005");
    upstox.fail("token", UpstoxSimulator.tokenThrottled(), 1);
    assertError(post(form(code())), 429, "UDAPI100099");
    upstox.fail("place", UpstoxSimulator.deniedToken(), 1);
    assertError(place(upstox.orders(), token), 401, "UDAPI100050");
    upstox.fail("profile", UpstoxSimulator.outage(), 1);
    try (Response answer = profile(token)) {
      assertEquals(503, answer.code());
      assertEquals("", answer.body().string());
    }
    upstox.fail("profile", UpstoxSimulator.edgeBlock(), 1);
    try (Response answer = profile(token)) {
      assertEquals(403, answer.code());
      assertTrue(answer.body().string().contains("1010"));
    }
    assertStatus(200, profile(token));
  }

  @Test
  void row23_answerLostAfterExchange_codeIsConsumed() throws IOException {
    String code = code();
    upstox.fail("token", Fault.loseAnswer(), 1);
    assertThrows(IOException.class, () -> post(form(code)));
    assertEquals(1, upstox.ledger().issued(TokenLedger.Kind.ACCESS_TOKEN));
    assertError(post(form(code)), 401, "UDAPI100057");
  }

  @Test
  void row23_halfDocument_twoHundredWithBrokenJson() throws IOException {
    upstox.fail("token", UpstoxSimulator.halfDocument(), 1);
    try (Response answer = post(form(code()))) {
      String body = answer.body().string();
      assertEquals(200, answer.code());
      assertTrue(body.startsWith("{\"email\""));
      assertFalse(body.endsWith("}"));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2025-11-25T18:29:59Z, 200",
    "2025-11-25T18:30:00Z, 423",
    "2025-11-25T23:59:59Z, 423",
    "2025-11-26T00:00:00Z, 200"
  })
  void row24_fundsAtNight_closed(String now, int status) throws IOException {
    clock.setWall(Instant.parse(now));
    String token = accessToken();
    Response funds = get("/v2/user/get-funds-and-margin", token);
    if (status == 423) {
      assertError(funds, 423, "UDAPI100072");
      assertError(place(upstox.orders(), token), 423, "UDAPI100074");
    } else {
      assertStatus(200, funds);
    }
    assertStatus(200, profile(token));
  }

  /** Section 1: the order host and the sandbox serve orders and nothing else. */
  @Test
  void hosts_serveOnlyWhatIsTheirs() throws IOException {
    String live = accessToken();
    String sandbox = upstox.sandboxToken(USER);
    assertStatus(200, place(upstox.orders(), live));
    assertStatus(200, place(upstox.sandbox(), sandbox));
    assertError(place(upstox.sandbox(), live), 401, "UDAPI100050");
    assertError(place(upstox.orders(), sandbox), 401, "UDAPI100050");
    assertError(
        http.newCall(new Request.Builder().url(upstox.sandbox() + "/v2/user/profile").build())
            .execute(),
        404,
        "UDAPI100060");
    assertError(
        http.newCall(new Request.Builder().url(upstox.orders() + "/v2/user/profile").build())
            .execute(),
        404,
        "UDAPI100060");
  }

  /** Section 4: a year, reads only, its own person's reads only from the registered address. */
  @Test
  void analyticsToken_readsOnly() throws IOException {
    String old = upstox.analyticsToken(USER);
    String token = upstox.analyticsToken(USER);
    assertError(profile(old), 401, "UDAPI100050");
    assertStatus(200, profile(token));
    assertStatus(400, place(upstox.orders(), token));
    upstox.callsFromElsewhere(true);
    assertError(profile(token), 403, "UDAPI1154");
    assertStatus(200, get("/v2/market-quote/quotes", token));
    assertStatus(200, get("/v3/feed/market-data-feed/authorize", token));
  }

  @Test
  void sandboxToken_endsAfterThirtyDays() throws IOException {
    String sandbox = upstox.sandboxToken(USER);
    clock.advance(Duration.ofDays(30).minusMillis(1));
    assertStatus(200, place(upstox.sandbox(), sandbox));
    clock.advance(Duration.ofMillis(1));
    assertError(place(upstox.sandbox(), sandbox), 401, "UDAPI100050");
  }

  /** Section 12.2: orders, and only orders, are tied to the address. */
  @Test
  void callsFromElsewhere_ordersRefused() throws IOException {
    String token = accessToken();
    upstox.callsFromElsewhere(true);
    assertError(place(upstox.orders(), token), 403, "UDAPI1154");
    assertStatus(200, profile(token));
  }

  /** Section 1: another format is answered 406. */
  @Test
  void otherFormatAsked_notAcceptable() throws IOException {
    Request request =
        authorized("/v2/user/profile", accessToken()).header("Accept", "text/xml").build();
    assertStatus(406, http.newCall(request).execute());
  }

  @Test
  void unknownPathOrMethod_refused() throws IOException {
    assertError(get("/v2/no/such/path", null), 404, "UDAPI100060");
    assertError(
        http.newCall(request("/v2/user/profile").delete().build()).execute(), 400, "UDAPI10000");
  }

  @Test
  void log_tellsEndpointOwnerAndStatus() throws IOException {
    String token = accessToken();
    profile(token).close();
    assertEquals(1, upstox.count("dialog"));
    assertEquals(1, upstox.count("token"));
    assertEquals(
        1,
        upstox.count(
            call ->
                call.endpoint().equals("profile")
                    && call.owner().equals(USER)
                    && call.status() == 200));
  }

  private HttpUrl dialog(String client, @Nullable String redirect, @Nullable String state) {
    HttpUrl.Builder url =
        HttpUrl.get(upstox.api() + "/v2/login/authorization/dialog")
            .newBuilder()
            .addQueryParameter("response_type", "code")
            .addQueryParameter("client_id", client);
    if (redirect != null) {
      url.addQueryParameter("redirect_uri", redirect);
    }
    if (state != null) {
      url.addQueryParameter("state", state);
    }
    return url.build();
  }

  private String code() {
    URI back = upstox.signIn(dialog(CLIENT, REDIRECT, "s").uri(), USER);
    return HttpUrl.get(back).queryParameter("code");
  }

  private String accessToken() throws IOException {
    return tokens(form(code())).get("access_token");
  }

  private static Map<String, String> form(String code) {
    Map<String, String> form = new LinkedHashMap<>();
    form.put("code", code);
    form.put("client_id", CLIENT);
    form.put("client_secret", SECRET);
    form.put("redirect_uri", REDIRECT);
    form.put("grant_type", "authorization_code");
    return form;
  }

  private static Map<String, String> with(Map<String, String> form, String name, String value) {
    form.put(name, value);
    return form;
  }

  private Map<String, String> tokens(Map<String, String> form) throws IOException {
    try (Response answer = post(form)) {
      return Wire.json(answer.body().string());
    }
  }

  private static String claims(String token) {
    return new String(Base64.getUrlDecoder().decode(token.split("\\.")[1]), StandardCharsets.UTF_8);
  }

  private Response post(Map<String, String> form) throws IOException {
    FormBody.Builder body = new FormBody.Builder();
    form.forEach(body::add);
    return http.newCall(request("/v2/login/authorization/token").post(body.build()).build())
        .execute();
  }

  private Response ask(String client, String secret) throws IOException {
    RequestBody body = RequestBody.create("{\"client_secret\":\"" + secret + "\"}", JSON);
    return http.newCall(request("/v3/login/auth/token/request/" + client).post(body).build())
        .execute();
  }

  private Response get(HttpUrl url) throws IOException {
    return http.newCall(new Request.Builder().url(url).build()).execute();
  }

  private Response get(String path, @Nullable String token) throws IOException {
    Request.Builder request = token == null ? request(path) : authorized(path, token);
    return http.newCall(request.build()).execute();
  }

  private Response profile(String token) throws IOException {
    return get("/v2/user/profile", token);
  }

  private Response logout(String token) throws IOException {
    return http.newCall(authorized("/v2/logout", token).delete().build()).execute();
  }

  private Response place(URI host, String token) throws IOException {
    Request request =
        new Request.Builder()
            .url(host + "/v3/order/place")
            .header("Authorization", "Bearer " + token)
            .post(RequestBody.create("{}", JSON))
            .build();
    return http.newCall(request).execute();
  }

  private Request.Builder request(String path) {
    return new Request.Builder().url(upstox.api() + path).header("Accept", "application/json");
  }

  private Request.Builder authorized(String path, String token) {
    return request(path).header("Authorization", "Bearer " + token);
  }

  private String socketUrl(String path, String token) throws IOException {
    try (Response answer = get(path, token)) {
      Matcher url =
          Pattern.compile("\"authorized_redirect_uri\":\"([^\"]+)\"")
              .matcher(answer.body().string());
      assertTrue(url.find());
      return url.group(1);
    }
  }

  private int connect(String url) throws Exception {
    CompletableFuture<Integer> status = new CompletableFuture<>();
    WebSocket socket =
        http.newWebSocket(
            new Request.Builder().url(url).build(),
            new WebSocketListener() {
              @Override
              public void onOpen(WebSocket webSocket, Response response) {
                status.complete(response.code());
              }

              @Override
              public void onFailure(
                  WebSocket webSocket, Throwable failure, @Nullable Response response) {
                status.complete(response == null ? 0 : response.code());
              }
            });
    try {
      return status.get(10, TimeUnit.SECONDS);
    } finally {
      socket.cancel();
    }
  }

  private static void assertStatus(int status, Response response) {
    try (response) {
      assertEquals(status, response.code());
    }
  }

  private static void assertError(Response response, int status, String code) throws IOException {
    try (response) {
      String body = response.body().string();
      assertEquals(status, response.code(), body);
      assertTrue(
          body.startsWith("{\"status\":\"error\",\"errors\":[{\"errorCode\":\"" + code + '"'),
          body);
      assertTrue(body.contains("\"error_code\":\"" + code + '"'), body);
      assertNull(response.header("Retry-After"));
      assertNull(response.header("Location"));
    }
  }

  /** An application's webhook. */
  private static final class Receiver implements AutoCloseable {

    private final MockWebServer server = new MockWebServer();

    Receiver(int status) throws IOException {
      for (int i = 0; i < 10; i++) {
        server.enqueue(new MockResponse.Builder().code(status).body("ok").build());
      }
      server.start();
    }

    URI url() {
      return server.url("/hook/1f0c").uri();
    }

    int count() {
      return server.getRequestCount();
    }

    Map<String, String> take() throws InterruptedException {
      return Wire.json(server.takeRequest(10, TimeUnit.SECONDS));
    }

    @Override
    public void close() {
      server.close();
    }
  }
}
