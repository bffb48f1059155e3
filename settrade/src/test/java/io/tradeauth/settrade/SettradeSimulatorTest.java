package io.tradeauth.settrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.settrade.testing.Credential;
import io.tradeauth.settrade.testing.Refusal;
import io.tradeauth.settrade.testing.SettradeSimulator;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.testing.Wire;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import okhttp3.Headers;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import okio.ByteString;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every row of the section 'Mock behaviours' of the fact sheet, asked by a plain client. */
class SettradeSimulatorTest {

  private static final String NOON = "2026-01-05T05:00:00Z"; // 12:00 in Bangkok
  private static final MediaType JSON = MediaType.get("application/json");
  private static final String BROKER = "023";
  private static final String APP = "ALGO_EQ";

  private final ManualClock clock = ManualClock.at(NOON);
  private final SettradeSimulator settrade = new SettradeSimulator(clock);
  private final Credential alice = settrade.addUser(BROKER, APP, "ALICE-1");
  private final OkHttpClient http =
      new OkHttpClient.Builder().retryOnConnectionFailure(false).build();

  @AfterEach
  void close() {
    http.dispatcher().executorService().shutdown();
    http.connectionPool().evictAll();
    settrade.close();
  }

  @Test
  void row1_validLogin_tokens() {
    Answer answer = login(alice);

    assertEquals(200, answer.status);
    assertEquals("Bearer", answer.field("token_type"));
    assertEquals("1800", answer.field("expires_in"));
    assertEquals(BROKER, answer.field("broker_id"));
    assertTrue(answer.field("authenticated_userid").startsWith("person-of-"));
    assertNotEquals(answer.field("access_token"), answer.field("refresh_token"));
    assertEquals(1, settrade.ledger().issued(Kind.ACCESS_TOKEN));
    assertEquals(1, settrade.ledger().issued(Kind.REFRESH_TOKEN));
    assertEquals(alice.owner(), settrade.ledger().owner(answer.field("access_token")));
    assertEquals(alice.owner(), settrade.calls().get(0).owner());
  }

  @Test
  void row1_lifeAndIdentityChanged_answerFollows() {
    settrade.tokenLife(Duration.ofSeconds(300));
    settrade.identifies(false);

    Answer answer = login(alice);

    assertEquals("300", answer.field("expires_in"));
    assertFalse(answer.body.contains("authenticated_userid"));
    assertFalse(answer.body.contains("broker_id"));
  }

  @ParameterizedTest
  @ValueSource(longs = {-300_000, 300_000})
  void row1_timestampJustWithinSkew_tokens(long off) {
    assertEquals(200, login(alice, fields(alice, clock.wallMillis() + off)).status);
  }

  @Test
  void row2_timestampAsNumber_tokens() {
    Map<String, String> fields = fields(alice, clock.wallMillis());
    String body = body(fields).replaceAll("\"timestamp\":\"([0-9]+)\"", "\"timestamp\":$1");

    assertTrue(body.contains("\"timestamp\":1"));
    assertEquals(200, post(loginPath(BROKER, APP), body).status);
  }

  @Test
  void row3_unknownBrokerOrApp_noSuchApp() {
    String body = body(fields(alice, clock.wallMillis()));

    assertRefused(404, "OA-LOGIN-001", post(loginPath("999", APP), body));
    assertRefused(404, "OA-LOGIN-001", post(loginPath(BROKER, "ALGO"), body));
  }

  @Test
  void row4_unknownKey_refused() {
    settrade.deleteUser(alice);

    assertRefused(401, "OA-LOGIN-002", login(alice));
  }

  @Test
  void row4_keyOfAnother_refused() {
    Credential bob = settrade.addUser(BROKER, APP);
    Map<String, String> fields = fields(alice, clock.wallMillis());
    fields.put("apiKey", bob.apiKey());

    assertRefused(401, "OA-LOGIN-002", login(bob, fields));
  }

  @ParameterizedTest
  @ValueSource(longs = {-300_001, 300_001})
  void row4_timestampBeyondSkew_refused(long off) {
    assertRefused(401, "OA-LOGIN-002", login(alice, fields(alice, clock.wallMillis() + off)));
  }

  @Test
  void row4_proofReused_refusedUnlessSwitched() {
    Map<String, String> fields = fields(alice, clock.wallMillis());
    assertEquals(200, login(alice, fields).status);

    assertRefused(401, "OA-LOGIN-002", login(alice, fields));

    settrade.refusesReplays(false);
    assertEquals(200, login(alice, fields).status);
  }

  @Test
  void row4_paramsNotAsSigned_refused() {
    Map<String, String> fields = fields(alice, clock.wallMillis());
    fields.put("params", "scope");

    assertRefused(401, "OA-LOGIN-002", login(alice, fields));
  }

  /** The negative cases of section 10, for the key of vector A. */
  @Test
  void row4_vectorA_onlyTheRightFormAccepted() throws Exception {
    Vector a = new Vector();
    byte[] der = HexFormat.of().parseHex(a.signature);

    a.refuses("one dot", a.sign("TESTAPPID0000001.1735689600000"));
    a.refuses("another timestamp", a.sign("TESTAPPID0000001..1735689600001"));
    a.refuses("base64 of the DER", Base64.getEncoder().encodeToString(der));
    a.refuses("upper case", a.signature.toUpperCase(Locale.ROOT));
    a.refuses("raw r and s", a.signature.substring(8, 72) + a.signature.substring(76));
    a.refuses("HMAC", a.hmac());
    a.refuses(
        "secp256k1",
        "304502203ed1cf9556b2d788a3e3808b1d4d3e408e25d4ddc6857a70d34e8fd7e8025f4e"
            + "022100bf99b9ea85c6d5a20f758162fa3a41808d03ef819c2bbe65cd17d504f02f9a93");
    a.refuses("nothing", "");
    a.accepts(a.signature);
    a.accepts(a.sign("TESTAPPID0000001..1735689600000"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"apiKey", "params", "signature", "timestamp"})
  void row5_fieldMissing_badRequest(String missing) {
    Map<String, String> fields = fields(alice, clock.wallMillis());
    fields.remove(missing);

    assertRefused(400, "OA-LOGIN-400", login(alice, fields));
  }

  @Test
  void row5_notJson_badRequest() {
    assertRefused(400, "OA-LOGIN-400", post(loginPath(BROKER, APP), "grant_type=password"));
    assertRefused(400, "OA-LOGIN-400", post(loginPath(BROKER, APP), "[]"));
  }

  @Test
  void row6_closedWindow_unavailableUntilItEnds() {
    settrade.closed(LocalTime.of(11, 30), LocalTime.of(12, 30));
    assertRefused(503, "OA-LOGIN-U-591", login(alice));

    clock.advance(Duration.ofMinutes(30));
    assertEquals(200, login(alice).status);
  }

  @Test
  void row6_closedOverMidnight_unavailable() {
    settrade.closed(LocalTime.of(22, 0), LocalTime.of(12, 1));
    assertRefused(503, "OA-LOGIN-U-591", login(alice));

    settrade.open();
    assertEquals(200, login(alice).status);
  }

  @Test
  void rows3To8_statusChanged_answeredWithIt() {
    settrade.refuse(Refusal.NO_SUCH_APP, 400);
    settrade.refuse(Refusal.LOGIN_REFUSED, 403, "{\"code\":\"OA-OTHER\",\"message\":\"no\"}");

    assertRefused(400, "OA-LOGIN-001", post(loginPath("999", APP), "{}"));
    assertRefused(403, "OA-OTHER", login(alice, fields(alice, 0)));
  }

  @Test
  void row7_refresh_newPairAndOldRefreshTokenSpent() {
    Answer first = login(alice);

    Answer second = refresh(alice, first.field("refresh_token"));

    assertEquals(200, second.status);
    assertNotEquals(first.field("access_token"), second.field("access_token"));
    assertNotEquals(first.field("refresh_token"), second.field("refresh_token"));
    assertEquals("1800", second.field("expires_in"));
    assertEquals(200, account(second.field("access_token")).status);
    assertEquals(1, settrade.ledger().uses(first.field("refresh_token")));
    assertRefused(401, "OA-REFRESH-401", refresh(alice, first.field("refresh_token")));
    assertEquals(1, settrade.ledger().spentTwice(Kind.REFRESH_TOKEN));
    assertEquals(200, refresh(alice, second.field("refresh_token")).status);
  }

  @Test
  void row7_rotationOff_oldRefreshTokenAccepted() {
    settrade.spendsRefreshTokens(false);
    Answer first = login(alice);

    assertEquals(200, refresh(alice, first.field("refresh_token")).status);
    assertEquals(200, refresh(alice, first.field("refresh_token")).status);
  }

  @Test
  void row7_refreshEndsAccessToken_onlyIfSwitched() {
    Answer first = login(alice);
    Answer second = refresh(alice, first.field("refresh_token"));
    assertEquals(200, account(first.field("access_token")).status);

    settrade.refreshEndsAccessToken(true);
    Answer third = refresh(alice, second.field("refresh_token"));
    assertRefused(401, "API-401", account(second.field("access_token")));
    assertEquals(200, account(third.field("access_token")).status);
  }

  @Test
  void row8_refreshTokenUnknownOrAnothers_refused() {
    Credential bob = settrade.addUser(BROKER, APP);
    String refreshToken = login(alice).field("refresh_token");

    assertRefused(401, "OA-REFRESH-401", refresh(alice, "canary-unknown"));
    assertRefused(401, "OA-REFRESH-401", refresh(bob, refreshToken));
    assertRefused(400, "OA-LOGIN-400", post(refreshPath(), "{\"apiKey\":\"x\"}"));
  }

  @Test
  void row8_accessTokenAsRefreshToken_refused() {
    assertRefused(401, "OA-REFRESH-401", refresh(alice, login(alice).field("access_token")));
  }

  @Test
  void row8_refreshAfterAnotherLogin_refused() {
    String refreshToken = login(alice).field("refresh_token");
    settrade.loginElsewhere(alice);

    assertRefused(401, "OA-REFRESH-401", refresh(alice, refreshToken));
  }

  @Test
  void row8_refreshAfterReset_refused() {
    String refreshToken = login(alice).field("refresh_token");
    clock.advance(Duration.ofHours(15).plusMinutes(29)); // 03:29
    refreshToken = refresh(alice, refreshToken).field("refresh_token");
    clock.advance(Duration.ofMinutes(1));

    assertRefused(401, "OA-REFRESH-401", refresh(alice, refreshToken));
    assertEquals(200, login(alice).status);
  }

  @Test
  void row8_refreshTokenOutlived_refused() {
    settrade.refreshTokenLife(Duration.ofHours(1));
    String refreshToken = login(alice).field("refresh_token");
    clock.advance(Duration.ofHours(1));

    assertRefused(401, "OA-REFRESH-401", refresh(alice, refreshToken));
  }

  @Test
  void row9_secondLogin_earlierTokensDead() {
    Answer first = login(alice);
    Answer refreshed = refresh(alice, first.field("refresh_token"));
    Answer second = login(alice);

    assertRefused(401, "API-401", account(first.field("access_token")));
    assertRefused(401, "API-401", account(refreshed.field("access_token")));
    assertEquals(200, account(second.field("access_token")).status);
  }

  @Test
  void row9_loginOfAnotherKey_harmsNobody() {
    Credential bob = settrade.addUser(BROKER, APP);
    Answer first = login(alice);
    login(bob);

    assertEquals(200, account(first.field("access_token")).status);
  }

  @Test
  void row10_liveToken_account() {
    String token = login(alice).field("access_token");

    Answer equity = account(token);
    Answer derivatives = get("/api/seosd/v3/023/accounts/ALICE-1/account-info", token);

    assertEquals(200, equity.status);
    assertEquals("100000.0", equity.field("cashBalance"));
    assertEquals("true", equity.field("canBuy"));
    assertEquals(200, derivatives.status);
    assertRefused(403, "GWD-07", get("/api/seos/v3/023/accounts/BOB-1/account-info", token));
    assertRefused(403, "GWD-07", get("/api/seos/v3/003/accounts/ALICE-1/account-info", token));
  }

  @Test
  void row11_tokenMissingOrUnknown_unauthorized() {
    assertRefused(401, "API-401", get("/api/seos/v3/023/accounts/ALICE-1/account-info", null));
    assertRefused(401, "API-401", account("canary-unknown"));
  }

  @Test
  void row11_tokenExpired_unauthorized() {
    String token = login(alice).field("access_token");
    clock.advance(Duration.ofMinutes(30).minusMillis(1));
    assertEquals(200, account(token).status);

    clock.advance(Duration.ofMillis(1));
    assertRefused(401, "API-401", account(token));
  }

  @Test
  void row11_nightlyReset_unauthorized() {
    settrade.tokenLife(Duration.ofHours(24));
    String token = login(alice).field("access_token");
    clock.advance(Duration.ofHours(15).plusMinutes(30).minusMillis(1));
    assertEquals(200, account(token).status);

    clock.advance(Duration.ofMillis(1)); // 03:30
    assertRefused(401, "API-401", account(token));
    assertEquals(200, account(login(alice).field("access_token")).status);
  }

  @Test
  void row11_resetMovedOrForced_unauthorized() {
    settrade.nightlyReset(null);
    settrade.tokenLife(Duration.ofHours(48));
    String token = login(alice).field("access_token");
    clock.advance(Duration.ofHours(24));
    assertEquals(200, account(token).status);

    settrade.reset();
    assertRefused(401, "API-401", account(token));
  }

  @Test
  void row11_gatewayWords_withoutCode() {
    settrade.gatewayErrors();

    Answer answer = account("canary-unknown");

    assertEquals(401, answer.status);
    assertEquals("invalid_token", answer.field("error"));
    assertFalse(answer.body.contains("code"));
  }

  @Test
  void row12_brokerWithoutRight_forbiddenAndTokenFine() {
    String token = login(alice).field("access_token");
    assertEquals(200, quote(token).status);

    settrade.denyQuotes(BROKER);
    assertRefused(403, "GWD-07", quote(token));
    assertEquals(200, account(token).status);
  }

  @Test
  void row13_sixthCallInASecond_limitedUntilTheNext() {
    String token = login(alice).field("access_token");
    for (int left = 4; left >= 0; left--) {
      Answer answer = account(token);
      assertEquals(200, answer.status);
      assertEquals("5", answer.header("X-RateLimit-Limit-second"));
      assertEquals(String.valueOf(left), answer.header("X-RateLimit-Remaining-second"));
      assertEquals("60", answer.header("X-RateLimit-Limit-minute"));
      assertEquals(String.valueOf(left + 55), answer.header("X-RateLimit-Remaining-minute"));
    }

    Answer answer = account(token);
    assertEquals(429, answer.status);
    assertEquals("0", answer.header("X-RateLimit-Remaining-second"));
    assertEquals("{\"message\":\"API rate limit exceeded\"}", answer.body);

    assertEquals(200, cancel(token).status, "writes have a bucket of their own");
    clock.advance(Duration.ofSeconds(1));
    assertEquals(200, account(token).status);
  }

  @Test
  void row13_moreThanTheMinuteAllows_limitedUntilTheNext() {
    settrade.rateLimit(100, 2);
    String token = login(alice).field("access_token");
    account(token);
    account(token);
    clock.advance(Duration.ofSeconds(59));

    Answer answer = account(token);
    assertEquals(429, answer.status);
    assertEquals("0", answer.header("X-RateLimit-Remaining-minute"));

    clock.advance(Duration.ofSeconds(1));
    assertEquals(200, account(token).status);
  }

  @Test
  void row14_dispatcher_hostsAndToken() {
    String access = login(alice).field("access_token");

    Answer answer = dispatcher(access);

    assertEquals(200, answer.status);
    assertTrue(answer.body.startsWith("{\"hosts\":[\"localhost\"],\"token\":\"eyJ"), answer.body);
    assertNotEquals(access, answer.field("token"));
    assertRefused(401, "API-401", dispatcher("canary-unknown"));
    assertRefused(401, "API-401", account(answer.field("token")));
  }

  @Test
  void row14_noHosts_emptyList() {
    settrade.hasStreamHosts(false);

    assertTrue(dispatcher(login(alice).field("access_token")).body.startsWith("{\"hosts\":[],"));
  }

  @Test
  void row15_dispatcherToken_connectsSubscribesAndReceives() {
    String token = dispatcher(login(alice).field("access_token")).field("token");
    Stream stream = new Stream(token);

    assertEquals("101 mqtt", stream.next());
    stream.connect();
    assertEquals("20020000", stream.next());
    stream.send("82" + "0f" + "0007" + "000a" + hex("proto/info") + "00");
    assertEquals("9003000700", stream.next());
    assertEquals(1, settrade.publish("proto/info", new byte[] {1, 2, 3}));
    assertEquals(0, settrade.publish("proto/other", new byte[] {1, 2, 3}));
    assertEquals("300f000a" + hex("proto/info") + "010203", stream.next());
    stream.send("c0", "00"); // a ping in two frames
    assertEquals("d000", stream.next());
    assertEquals(1, settrade.sockets());
    stream.send("e000");
    assertEquals("closed 1000", stream.next());
  }

  @Test
  void row15_longMessage_lengthInTwoDigits() {
    Stream stream = new Stream(dispatcher(login(alice).field("access_token")).field("token"));
    assertEquals("101 mqtt", stream.next());
    stream.connect();
    assertEquals("20020000", stream.next());
    stream.send("82" + "06" + "0001" + "0001" + hex("t") + "00");
    assertEquals("9003000100", stream.next());

    settrade.publish("t", new byte[200]);

    assertEquals("30cb01" + "0001" + hex("t") + "00".repeat(200), stream.next());
  }

  @Test
  void row16_noHeaderAccessTokenOrDeadToken_401OnTheHandshake() {
    String access = login(alice).field("access_token");
    String token = dispatcher(access).field("token");

    assertEquals("refused 401", new Stream(null).next());
    assertEquals("refused 401", new Stream(access).next());
    settrade.loginElsewhere(alice);
    assertEquals("refused 401", new Stream(token).next());
  }

  @Test
  void row16_switched_connackNotAuthorized() {
    settrade.refusesOnceConnected(true);
    Stream stream = new Stream("canary-unknown");

    assertEquals("101 mqtt", stream.next());
    stream.connect();
    assertEquals("20020005", stream.next());
    assertEquals("closed 1000", stream.next());
  }

  @Test
  void row17_tokenEnds_serverCloses() {
    Stream stream = new Stream(dispatcher(login(alice).field("access_token")).field("token"));
    assertEquals("101 mqtt", stream.next());
    stream.connect();
    assertEquals("20020000", stream.next());

    clock.advance(Duration.ofMinutes(30));

    assertEquals("closed 1000", stream.next());
  }

  @Test
  void row17_nightlyReset_serverCloses() {
    settrade.tokenLife(Duration.ofHours(24));
    Stream stream = new Stream(dispatcher(login(alice).field("access_token")).field("token"));
    assertEquals("101 mqtt", stream.next());
    stream.connect();
    assertEquals("20020000", stream.next());

    clock.advance(Duration.ofHours(15).plusMinutes(30));

    assertEquals("closed 1000", stream.next());
  }

  @Test
  void row17_loginElsewhere_closesOnlyIfSwitched() {
    settrade.loginCutsSockets(true);
    Stream stream = new Stream(dispatcher(login(alice).field("access_token")).field("token"));
    assertEquals("101 mqtt", stream.next());
    stream.connect();
    assertEquals("20020000", stream.next());

    settrade.loginElsewhere(alice);

    assertEquals("closed 1000", stream.next());
  }

  @Test
  void row18_cancelOrChange_emptyBody() {
    String token = login(alice).field("access_token");

    Answer cancelled = cancel(token);
    Answer changed = patch("/api/seosd/v3/023/accounts/ALICE-1/orders/7/change", token);
    Answer placed =
        call("POST", "/api/seos/v3/023/accounts/ALICE-1/orders", token, "{\"pin\":\"000000\"}");

    assertEquals(200, cancelled.status);
    assertEquals("", cancelled.body);
    assertEquals(200, changed.status);
    assertEquals("", changed.body);
    assertTrue(placed.field("orderNo").startsWith("ORDER-"));
    assertEquals(3, settrade.count("orders"));
  }

  @Test
  void row19_firewall_htmlInFrontOfEverything() {
    String token = login(alice).field("access_token");
    settrade.firewall(true);

    for (Answer answer : List.of(login(alice), account(token))) {
      assertEquals(403, answer.status);
      assertEquals("text/html", answer.header("Content-Type"));
      assertTrue(answer.body.contains("Incapsula"));
    }
    settrade.firewall(false);
    assertEquals(200, account(token).status);
    settrade.fail("login", SettradeSimulator.firewallPage(), 1);
    assertEquals(403, login(alice).status);
    assertEquals(200, account(token).status, "the login was not served");
  }

  @ParameterizedTest
  @ValueSource(ints = {500, 502, 503, 504})
  void row20_serverError_emptyOrHtml(int status) {
    settrade.fail("login", Fault.status(status), 1);
    settrade.fail("login", Fault.html(status), 1);

    Answer empty = login(alice);
    assertEquals(status, empty.status);
    assertEquals("", empty.body);
    Answer html = login(alice);
    assertEquals(status, html.status);
    assertEquals("text/html", html.header("Content-Type"));
    assertEquals(0, settrade.ledger().issued(Kind.ACCESS_TOKEN));
  }

  @Test
  void row20_outage_everythingFailsUntilItEnds() {
    settrade.outage(true);
    assertEquals(503, login(alice).status);
    assertEquals(503, quote("canary-any").status);

    settrade.outage(false);
    assertEquals(200, login(alice).status);
  }

  @Test
  void row20_loginGarbled_sessionReplaced() {
    String token = login(alice).field("access_token");
    settrade.fail("login", SettradeSimulator.garbled(), 1);

    Answer answer = login(alice);

    assertEquals(200, answer.status);
    assertEquals("<html><body>OK</body></html>", answer.body);
    assertRefused(401, "API-401", account(token));
  }

  @Test
  void row20_answerToLoginLost_sessionReplaced() {
    String token = login(alice).field("access_token");
    settrade.fail("login", Fault.loseAnswer(), 1);

    assertThrows(UncheckedIOException.class, () -> login(alice));

    assertRefused(401, "API-401", account(token));
    assertEquals(2, settrade.ledger().issued(Kind.ACCESS_TOKEN));
  }

  @Test
  void row21_tokenType_asSwitched() {
    settrade.tokenType("bearer");
    Answer answer = login(alice);

    assertEquals("bearer", answer.field("token_type"));
    Request request =
        new Request.Builder()
            .url(settrade.api() + "/api/seos/v3/023/accounts/ALICE-1/account-info")
            .header("Authorization", "bearer " + answer.field("access_token"))
            .build();
    assertEquals(200, send(request).status);
  }

  @Test
  void row22_sdkVersion_list() {
    Answer answer = get("/sdk-open-api/sdk-version.json", null);

    assertEquals(200, answer.status);
    assertEquals(
        "[{\"key\":{\"platform\":\"python_x64\",\"os\":\"linux_amd64\"},"
            + "\"currentVersion\":\"2.2.1\",\"minimumVersion\":\"2.0.0\"}]",
        answer.body);
  }

  @Test
  void otherPathOrMethod_notFound() {
    String token = login(alice).field("access_token");

    assertEquals(404, get("/api/oam/v1/broker-apps/login", token).status);
    assertEquals(404, call("DELETE", "/api/dispatcher/v3/023/token", token, "").status);
    assertEquals(404, get("/api/marketdata/v3/023/quote/AOT", token).status);
  }

  @Test
  void answers_tellTheTimeOfTheServer() {
    assertEquals("Mon, 05 Jan 2026 05:00:00 GMT", login(alice).header("Date"));
  }

  @Test
  void credential_printedWithoutSecret() {
    assertEquals("Credential[" + alice.owner() + "]", alice.toString());
    assertTrue(settrade.ledger().secrets().contains(alice.appSecret()));
  }

  @ParameterizedTest
  @ValueSource(ints = {32, 33})
  void appSecret_signedNumber_bothLengthsOccur(int length) {
    for (int i = 0; i < 1_000; i++) {
      String secret = settrade.addUser(BROKER, APP).appSecret();
      if (Base64.getDecoder().decode(secret).length == length) {
        return;
      }
    }
    throw new AssertionError("no secret of " + length + " bytes in 1,000");
  }

  // ---- the client

  private static String loginPath(String brokerId, String appCode) {
    return "/api/oam/v1/" + brokerId + "/broker-apps/" + appCode + "/login";
  }

  private static String refreshPath() {
    return "/api/oam/v1/023/broker-apps/ALGO_EQ/refresh-token";
  }

  private Answer login(Credential credential) {
    return login(credential, fields(credential, clock.wallMillis()));
  }

  private Answer login(Credential credential, Map<String, String> fields) {
    return post(loginPath(credential.brokerId(), credential.appCode()), body(fields));
  }

  private static Map<String, String> fields(Credential credential, long timestamp) {
    String canonical = credential.apiKey() + ".." + timestamp;
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("apiKey", credential.apiKey());
    fields.put("params", "");
    fields.put("signature", SigningKey.of(credential.appSecret()).sign(canonical));
    fields.put("timestamp", String.valueOf(timestamp));
    return fields;
  }

  private static String body(Map<String, String> fields) {
    return fields.entrySet().stream()
        .map(field -> Wire.quote(field.getKey()) + ":" + Wire.quote(field.getValue()))
        .collect(Collectors.joining(",", "{", "}"));
  }

  private Answer refresh(Credential credential, String refreshToken) {
    return post(
        refreshPath(), body(Map.of("apiKey", credential.apiKey(), "refreshToken", refreshToken)));
  }

  private Answer account(String token) {
    return get("/api/seos/v3/023/accounts/ALICE-1/account-info", token);
  }

  private Answer quote(String token) {
    return call(settrade.market(), "GET", "/api/marketdata/v3/023/quote/AOT", token, null);
  }

  private Answer dispatcher(String token) {
    return get("/api/dispatcher/v3/023/token", token);
  }

  private Answer cancel(String token) {
    return patch("/api/seos/v3/023/accounts/ALICE-1/orders/7/cancel", token);
  }

  private Answer patch(String path, String token) {
    return call("PATCH", path, token, "{\"pin\":\"000000\"}");
  }

  private Answer post(String path, String body) {
    return call("POST", path, null, body);
  }

  private Answer get(String path, @Nullable String token) {
    return call("GET", path, token, null);
  }

  private Answer call(String method, String path, @Nullable String token, @Nullable String body) {
    return call(settrade.api(), method, path, token, body);
  }

  private Answer call(
      URI base, String method, String path, @Nullable String token, @Nullable String body) {
    Request.Builder request =
        new Request.Builder()
            .url(base + path)
            .method(method, body == null ? null : RequestBody.create(body, JSON));
    if (token != null) {
      request.header("Authorization", "Bearer " + token);
    }
    return send(request.build());
  }

  private Answer send(Request request) {
    try (Response response = http.newCall(request).execute()) {
      return new Answer(response.code(), response.body().string(), response.headers());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void assertRefused(int status, String code, Answer answer) {
    assertEquals(status + " " + code, answer.status + " " + answer.field("code"));
  }

  private static final class Answer {

    final int status;
    final String body;
    final Headers headers;

    Answer(int status, String body, Headers headers) {
      this.status = status;
      this.body = body;
      this.headers = headers;
    }

    String field(String name) {
      String value = Wire.json(body).get(name);
      assertNotNull(value, () -> "no " + name);
      return value;
    }

    @Nullable String header(String name) {
      return headers.get(name);
    }
  }

  /** A user with the key of vector A, at the time of its timestamp. */
  private final class Vector {

    final SigningKey key = SigningKey.of("ALoq9Y3/d/vxJV2FrgIbA5e8f/qNU3QtH6vsq30fz7na");
    final String signature =
        "304402200cf9fc64c893a6afe9cdf98962223017a99f659411fdccfad3fc4fc0cfe50edd"
            + "0220155766d4bdc4e6cd20dc80c611ac102a398c5e8c4571d40c8549e25d1ed66d6b";
    final Credential credential;

    Vector() throws Exception {
      PublicKey publicKey =
          KeyFactory.getInstance("EC")
              .generatePublic(
                  new X509EncodedKeySpec(
                      Base64.getDecoder()
                          .decode(
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7npjtmWRWrVbYfJzs3Dh+pzZhhgwgvcKTtvxSp10nUj+XT7Jr2z4J/zQQiEgVmZs156tlnZtCpMXqu3+BFXG9w==")));
      credential = settrade.addUser(BROKER, APP, "TESTAPPID0000001", publicKey, "VECTOR-1");
      clock.setWall(Instant.ofEpochMilli(1_735_689_600_000L));
    }

    String sign(String canonical) {
      return key.sign(canonical);
    }

    String hmac() throws Exception {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(
          new SecretKeySpec(
              "ALoq9Y3/d/vxJV2FrgIbA5e8f/qNU3QtH6vsq30fz7na".getBytes(StandardCharsets.UTF_8),
              "HmacSHA256"));
      return HexFormat.of()
          .formatHex(mac.doFinal("TESTAPPID00000011735689600000".getBytes(StandardCharsets.UTF_8)));
    }

    void refuses(String why, String proof) {
      Answer answer = login(proof);
      assertEquals("401 OA-LOGIN-002", answer.status + " " + answer.field("code"), why);
    }

    void accepts(String proof) {
      assertEquals(200, login(proof).status);
    }

    private Answer login(String proof) {
      Map<String, String> fields = new LinkedHashMap<>();
      fields.put("apiKey", "TESTAPPID0000001");
      fields.put("params", "");
      fields.put("signature", proof);
      fields.put("timestamp", "1735689600000");
      return SettradeSimulatorTest.this.login(credential, fields);
    }
  }

  private static String hex(String text) {
    return ByteString.encodeUtf8(text).hex();
  }

  /** A client's end of the MQTT socket; what happens to it comes out of {@link #next}. */
  private final class Stream extends WebSocketListener {

    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
    private final WebSocket socket;

    Stream(@Nullable String token) {
      Request.Builder request =
          new Request.Builder()
              .url(settrade.api() + "/api/dispatcher/v3/023/mqtt")
              .header("Sec-WebSocket-Protocol", "mqtt");
      if (token != null) {
        request.header("Authorization", "Bearer " + token);
      }
      socket = http.newWebSocket(request.build(), this);
    }

    void connect() {
      send("10" + "0d" + "0004" + hex("MQTT") + "04" + "02" + "001e" + "0001" + hex("c"));
    }

    void send(String... frames) {
      for (String frame : frames) {
        socket.send(ByteString.decodeHex(frame));
      }
    }

    String next() {
      try {
        return String.valueOf(events.poll(10, TimeUnit.SECONDS));
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void onOpen(WebSocket webSocket, Response response) {
      events.add(response.code() + " " + response.header("Sec-WebSocket-Protocol"));
    }

    @Override
    public void onMessage(WebSocket webSocket, ByteString bytes) {
      events.add(bytes.hex());
    }

    @Override
    public void onClosing(WebSocket webSocket, int code, String reason) {
      events.add("closed " + code);
      webSocket.close(1000, null);
    }

    @Override
    public void onFailure(WebSocket webSocket, Throwable failure, @Nullable Response response) {
      events.add(response == null ? "failed" : "refused " + response.code());
    }
  }
}
