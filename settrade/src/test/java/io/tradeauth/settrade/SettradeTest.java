package io.tradeauth.settrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Answer;
import io.tradeauth.Broker;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallAnswer;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Expiry;
import io.tradeauth.Grant;
import io.tradeauth.RefreshToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.TokenResponse;
import io.tradeauth.TokenSet;
import io.tradeauth.testing.Wire;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is sent, and what answers are read as, as values. The errors have a test of their own. */
class SettradeTest {

  private static final String SECRET = "ajLuu5nKPnOO2lQK1fUffNku1yW6w5wDOdH6JyY6JZI=";
  private static final String PUBLIC_KEY =
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEO7QR2cgssBJDJ8ZBY/Yxn3gfTZF3Z3uapQULpeI0"
          + "SMrnTEbg+Ylg+xB5L9cSnMZqXYaNItHVLHFzoclGFzDn1A==";
  private static final Instant NOW = Instant.ofEpochMilli(1_735_689_600_123L);
  private static final ClientCredentials CLIENT =
      Settrade.client("023", "ALGO_EQ", "TESTAPPID0000002", SECRET);

  private final Broker live = Settrade.live();
  private final Broker sandbox = Settrade.sandbox();

  @Test
  void environments_haveTheirOwnHostsAndLogins() {
    assertEquals(
        "[https://open-api.settrade.com, https://marketapi.settrade.com]",
        live.profile().hosts().toString());
    assertEquals(
        "[https://open-api-test.settrade.com, https://marketapi-test.settrade.com]",
        sandbox.profile().hosts().toString());
    assertEquals(Settrade.LIVE, live.profile().name());
    assertEquals(Settrade.SANDBOX, sandbox.profile().name());
    assertNotEquals(live.profile().realm(), sandbox.profile().realm());
    assertNull(live.signOut(), "there is no such call");
    assertTrue(live.sharesLogins());
  }

  @Test
  void profile_asTheSheetHasIt() {
    assertEquals(RotationProfile.RELOGIN, live.profile().rotation());
    assertEquals(Duration.ofSeconds(60), live.profile().skew());
    assertEquals(Duration.ofSeconds(300), live.profile().renewAhead());
  }

  @Test
  void userAgent_theApplicationsOwn_sent() {
    assertEquals("tradeauth/0.1", live.profile().headers().get("User-Agent"));
    assertEquals(
        "my-app/1.0", Settrade.sandbox("my-app/1.0").profile().headers().get("User-Agent"));
    assertThrows(IllegalArgumentException.class, () -> Settrade.live("bad\nagent/1"));
  }

  @Test
  void otherAddress_neitherTlsNorLoopback_refused() {
    URI loopback = URI.create("http://127.0.0.1:8080");

    assertEquals(loopback, Settrade.at(Settrade.LIVE, loopback, loopback).profile().hosts().main());
    assertThrows(
        IllegalArgumentException.class,
        () -> Settrade.at(Settrade.LIVE, loopback, URI.create("http://settrade.example")));
    assertThrows(
        IllegalArgumentException.class, () -> Settrade.at("tastytrade", loopback, loopback));
  }

  // ---- credentials

  @Test
  void usersOfOneCredential_shareALogin_othersDoNot() {
    ClientCredentials sameWithOtherSecretText =
        Settrade.client("023", "ALGO_EQ", "TESTAPPID0000002", " " + SECRET.replace("=", ""));

    assertEquals("023/ALGO_EQ/TESTAPPID0000002", live.subject("alice", CLIENT));
    assertEquals(live.subject("alice", CLIENT), live.subject("bob", sameWithOtherSecretText));
    assertNotEquals(
        live.subject("alice", CLIENT),
        live.subject("alice", Settrade.client("003", "ALGO_EQ", "TESTAPPID0000002", SECRET)));
    assertNotEquals(
        live.subject("alice", CLIENT),
        live.subject("alice", Settrade.client("023", "ALGO", "TESTAPPID0000002", SECRET)));
    assertEquals("alice", live.subject("alice", null));
  }

  @Test
  void subject_separatorInsideAPart_staysApart() {
    assertNotEquals(
        live.subject("a", Settrade.client("023", "A/B", "C", SECRET)),
        live.subject("a", Settrade.client("023", "A", "B/C", SECRET)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"23", "0023", "", "KTB", " 023"})
  void brokerId_notThreeDigits_refused(String brokerId) {
    assertThrows(
        IllegalArgumentException.class, () -> Settrade.grant(brokerId, "ALGO", "KEY", SECRET));
  }

  @Test
  void credential_blankPart_refused() {
    assertThrows(IllegalArgumentException.class, () -> Settrade.grant("023", " ", "KEY", SECRET));
    assertThrows(IllegalArgumentException.class, () -> Settrade.grant("023", "ALGO", "", SECRET));
  }

  @Test
  void appSecret_notAKey_refusedAtOnceWithoutTellingIt() {
    IllegalArgumentException refusal =
        assertThrows(
            IllegalArgumentException.class,
            () -> Settrade.grant("023", "ALGO", "KEY", "~~canary~~"));

    assertFalse(String.valueOf(refusal.getMessage()).contains("canary"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"SANDBOX", "sandbox", "Sandbox", "098"})
  void sandbox_brokerIdInAnySpelling_is098OnTheWire(String brokerId) {
    BrokerRequest request =
        login(sandbox, Settrade.client(brokerId, "SANDBOX", "TESTAPPID0000002", SECRET));

    assertEquals(
        "https://open-api-test.settrade.com/api/oam/v1/098/broker-apps/SANDBOX/login",
        request.uri().toString());
  }

  @Test
  void credentialOfTheOtherEnvironment_nothingSent() {
    ClientCredentials forSandbox =
        Settrade.client("SANDBOX", "SANDBOX", "TESTAPPID0000002", SECRET);

    assertUnsupported(() -> login(live, forSandbox));
    assertUnsupported(() -> login(sandbox, CLIENT));
    assertUnsupported(() -> refresh(live, forSandbox));
  }

  private static void assertUnsupported(Runnable request) {
    BrokerConfigurationException refusal =
        assertThrows(BrokerConfigurationException.class, request::run);

    assertEquals(BrokerConfigurationException.Reason.UNSUPPORTED, refusal.reason());
  }

  @Test
  void vaultGivesNoKey_configurationWithoutTellingIt() {
    ClientCredentials broken =
        ClientCredentials.of("TESTAPPID0000002", "~~canary~~")
            .with("broker_id", "023")
            .with("app_code", "ALGO_EQ");

    BrokerConfigurationException refusal =
        assertThrows(BrokerConfigurationException.class, () -> login(live, broken));

    assertEquals(BrokerConfigurationException.Reason.CLIENT_MISSING, refusal.reason());
    assertFalse(String.valueOf(refusal.getMessage()).contains("canary"));
  }

  @Test
  void vaultGivesNoBrokerId_configuration() {
    assertThrows(
        BrokerConfigurationException.class,
        () -> login(live, ClientCredentials.of("TESTAPPID0000002", SECRET)));
  }

  // ---- login and refresh

  @Test
  void login_signedWithTheTimeOfTheServer() throws Exception {
    BrokerRequest request = login(live, CLIENT);
    Map<String, String> body = Wire.json(String.valueOf(request.body()));

    assertEquals("POST", request.method());
    assertEquals(
        "https://open-api.settrade.com/api/oam/v1/023/broker-apps/ALGO_EQ/login",
        request.uri().toString());
    assertEquals("application/json", request.contentType());
    assertFalse(request.isAuthorized());
    assertEquals(Set.of("apiKey", "params", "signature", "timestamp"), body.keySet());
    assertEquals("TESTAPPID0000002", body.get("apiKey"));
    assertEquals("", body.get("params"));
    assertTrue(
        String.valueOf(request.body()).contains("\"timestamp\":\"1735689600123\""),
        "a string is the safe form");
    assertTrue(verifies("TESTAPPID0000002..1735689600123", body.get("signature")));
  }

  @Test
  void appCode_withOddCharacters_escaped() {
    assertTrue(
        login(live, Settrade.client("023", "A B/C", "KEY", SECRET))
            .uri()
            .toString()
            .endsWith("/023/broker-apps/A%20B%2FC/login"));
  }

  @Test
  void refresh_unsigned() {
    BrokerRequest request = refresh(live, CLIENT);

    assertEquals("POST", request.method());
    assertEquals(
        "https://open-api.settrade.com/api/oam/v1/023/broker-apps/ALGO_EQ/refresh-token",
        request.uri().toString());
    assertEquals(
        "{\"apiKey\":\"TESTAPPID0000002\",\"refreshToken\":\"canary-refresh\"}", request.body());
    assertFalse(request.isAuthorized(), "the old header is not needed");
  }

  @Test
  void loginAnswer_read() {
    TokenResponse response =
        granted(
            """
            {"token_type":"bearer","access_token":"eyJ.canary-a","refresh_token":"eyJ.canary-r",\
            "expires_in":1800,"broker_id":"023","authenticated_userid":"demo-user"}""");

    assertEquals("eyJ.canary-a", Objects.requireNonNull(response.accessToken()).value());
    assertEquals(RefreshToken.of("eyJ.canary-r"), response.refreshToken());
    assertEquals(Duration.ofSeconds(1800), response.expiresIn());
    assertEquals("bearer", response.tokenType());
    assertEquals("demo-user", Objects.requireNonNull(response.profile()).subject());
  }

  @Test
  void loginAnswer_withoutOptionalMembers_read() {
    TokenResponse response =
        granted("{\"access_token\":\"eyJ.canary-a\",\"refresh_token\":\"eyJ.canary-r\"}");

    assertNull(response.profile());
    assertNull(response.expiresIn());
    assertNull(response.tokenType());
  }

  @Test
  void grants_madeByThisClass_exchanged() {
    Grant login = Settrade.grant("023", "ALGO_EQ", "TESTAPPID0000002", SECRET);
    Grant refresh = Settrade.session(CLIENT, "canary-refresh");
    Grant.Imported session =
        (Grant.Imported) Settrade.session(CLIENT, "canary-a", "canary-r", NOW.plusSeconds(60));

    assertEquals(CLIENT, login.client());
    assertEquals(CLIENT, refresh.client());
    assertEquals(CLIENT, session.client());
    assertEquals(NOW.plusSeconds(60), session.tokens().expiresAt());
    assertFalse((login + " " + refresh + " " + session).contains("canary"));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            live.exchange(
                new Grant.AuthorizationCode("canary-code", URI.create("https://app.example/cb"))));
  }

  @Test
  void renewal_refreshIfThereIsAToken_elseLogin() {
    TokenSet tokens =
        new TokenSet(
            null,
            "Bearer",
            NOW,
            NOW,
            NOW,
            RefreshToken.of("canary-refresh"),
            null,
            Set.of(),
            Map.of(),
            null);
    TokenSet withoutRefreshToken =
        new TokenSet(null, "Bearer", NOW, NOW, NOW, null, null, Set.of(), Map.of(), null);

    assertTrue(live.renewal(tokens) instanceof Grant.Refresh);
    assertTrue(live.renewal(withoutRefreshToken) instanceof Grant.SignedLogin);
    assertTrue(live.renewal(null) instanceof Grant.SignedLogin);
  }

  // ---- expiry

  /** Sheet, section 4: as told, but never over the night's reset, 03:00 and 04:00 at UTC+07:00. */
  @ParameterizedTest
  @CsvSource({
    "2026-01-05T05:00:00Z,  1800, 2026-01-05T05:30:00Z, by day as told",
    "2026-01-05T19:50:00Z,  1800, 2026-01-05T20:00:00Z, 02:50 ends at 03:00",
    "2026-01-05T20:00:00Z,  1800, 2026-01-05T20:30:00Z, 03:00 ends as told",
    "2026-01-05T20:45:00Z,  1800, 2026-01-05T21:00:00Z, 03:45 ends at 04:00",
    "2026-01-05T21:00:00Z,  1800, 2026-01-05T21:30:00Z, 04:00 ends as told",
    "2026-01-05T05:00:00Z, 86400, 2026-01-05T20:00:00Z, a day ends at 03:00",
    "2026-01-05T20:00:00Z, 86400, 2026-01-05T21:00:00Z, a day from 03:00 ends at 04:00",
    "2026-01-05T21:00:00Z, 86400, 2026-01-06T20:00:00Z, a day from 04:00 ends at the next 03:00"
  })
  void expiry_neverOverTheNightlyReset(Instant received, long expiresIn, Instant end, String why) {
    Expiry expiry = live.profile().expiry();
    TokenResponse response =
        TokenResponse.builder().expiresIn(Duration.ofSeconds(expiresIn)).build();

    assertEquals(end, expiry.endOf(response, received), why);
  }

  /** Clients fall back to 1800, 3600 or 300 s: the least that anybody found good enough. */
  @Test
  void expiry_nothingTold_fiveMinutes() {
    assertEquals(
        NOW.plusSeconds(300), live.profile().expiry().endOf(TokenResponse.builder().build(), NOW));
  }

  // ---- calls

  @Test
  void accountCalls_askTheirOwnService() {
    BrokerRequest equity = Settrade.equityAccount("12/3").request(context(live, CLIENT));
    BrokerRequest derivatives = Settrade.derivativesAccount("1").request(context(live, CLIENT));

    assertEquals("/api/seos/v3/023/accounts/12%2F3/account-info", equity.uri().getRawPath());
    assertEquals("/api/seosd/v3/023/accounts/1/account-info", derivatives.uri().getRawPath());
    assertTrue(equity.isAuthorized());
    assertThrows(IllegalArgumentException.class, () -> Settrade.equityAccount(" "));
  }

  @Test
  void stream_socketBesideTheAddressAsked() {
    BrokerRequest request = Settrade.STREAM.request(context(live, CLIENT));
    assertTrue(request.isAuthorized());

    StreamAccess access =
        stream(request.uri(), "{\"hosts\":[\"mqtt-a.example.test\"],\"token\":\"canary-d\"}").get();

    assertEquals(
        "wss://mqtt-a.example.test:443/api/dispatcher/v3/023/mqtt", access.uri().toString());
    assertEquals("Bearer canary-d", access.authorization());
    assertFalse(access.toString().contains("canary"));
  }

  @Test
  void stream_simulator_socketOnItsPort() {
    URI asked = URI.create("http://127.0.0.1:4711/api/dispatcher/v3/098/token");

    assertEquals(
        "ws://localhost:4711/api/dispatcher/v3/098/mqtt",
        stream(asked, "{\"hosts\":[\"localhost\"],\"token\":\"canary-d\"}").get().uri().toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"hosts\":[],\"token\":\"canary-d\"}",
        "{\"hosts\":[\"a.example\"]}",
        "{\"hosts\":[\"a.example\"],\"token\":\" \"}",
        "{\"token\":\"canary-d\"}",
        "{\"hosts\":[\"evil.example/x?\"],\"token\":\"canary-d\"}",
        "{\"hosts\":[\"user@evil.example\"],\"token\":\"canary-d\"}",
        "{\"hosts\":[\"evil.example:80\"],\"token\":\"canary-d\"}",
        "{\"hosts\":[\"\"],\"token\":\"canary-d\"}"
      })
  void stream_noHostOrTokenThatCanBeUsed_refused(String body) {
    URI asked = URI.create("https://open-api.settrade.com/api/dispatcher/v3/023/token");

    CallAnswer.Refused<?> refused = (CallAnswer.Refused<?>) stream(asked, body);

    assertEquals("no host or token", refused.code());
  }

  @Test
  void stream_refused_codeTold() {
    Answer answer =
        Answer.of(401, Map.of(), "{\"code\":\"API-401\"}".getBytes(StandardCharsets.UTF_8));

    assertEquals(new CallAnswer.Refused<>(401, "API-401"), Settrade.STREAM.read(answer));
  }

  private static CallAnswer<StreamAccess> stream(URI asked, String body) {
    return Settrade.STREAM.read(
        Answer.of(200, Map.of(), body.getBytes(StandardCharsets.UTF_8)).from(asked));
  }

  private TokenResponse granted(String body) {
    Answer answer = Answer.of(200, Map.of(), body.getBytes(StandardCharsets.UTF_8));
    return ((ExchangeAnswer.Granted) live.exchange(new Grant.SignedLogin(null)).read(answer))
        .response();
  }

  private static BrokerRequest login(Broker broker, ClientCredentials client) {
    return broker.exchange(new Grant.SignedLogin(null)).request(context(broker, client));
  }

  private static BrokerRequest refresh(Broker broker, ClientCredentials client) {
    return broker
        .exchange(new Grant.Refresh(RefreshToken.of("canary-refresh"), null))
        .request(context(broker, client));
  }

  private static TestContext context(Broker broker, ClientCredentials client) {
    return new TestContext(broker, client, NOW);
  }

  private static boolean verifies(String canonical, String signature) throws Exception {
    Signature verifier = Signature.getInstance("SHA256withECDSA");
    verifier.initVerify(
        KeyFactory.getInstance("EC")
            .generatePublic(new X509EncodedKeySpec(Base64.getDecoder().decode(PUBLIC_KEY))));
    verifier.update(canonical.getBytes(StandardCharsets.UTF_8));
    return verifier.verify(HexFormat.of().parseHex(signature));
  }
}
