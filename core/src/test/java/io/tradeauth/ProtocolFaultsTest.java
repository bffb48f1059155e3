package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Wire;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.logging.Level;
import mockwebserver3.MockResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What odd token answers do: the faults P1 to P16 of the protocol. */
class ProtocolFaultsTest {

  private static final Instant NOON = Instant.parse("2026-01-05T12:00:00Z");

  private static TokenResponse read(String members) {
    Json json = Json.read(("{" + members + "}").getBytes(StandardCharsets.UTF_8));
    assertNotNull(json);
    return TokenResponse.read(json).build();
  }

  private static Fault answer(String members) {
    return Fault.instead(new MockResponse.Builder().code(200).body("{" + members + "}").build());
  }

  private static TokenSet stored(EngineFixture engine, String user) {
    return LoginCodec.read(record(engine, user).content()).tokens();
  }

  private static TokenStore.StoredRecord record(EngineFixture engine, String user) {
    return engine
        .store()
        .load(new TokenStore.Key(TokenStore.Kind.LOGIN, engine.broker().profile().realm(), user));
  }

  // Expiry

  /** P1: nothing told, or null: what the broker says, else five minutes. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"access_token\":\"canary-a\"",
        "\"access_token\":\"canary-a\",\"expires_in\":null"
      })
  void lifeNotTold_defaults_P1(String members) {
    TokenResponse response = read(members);

    assertEquals(List.of(), response.problems());
    assertEquals(NOON.plusSeconds(300), Expiry.asTold().endOf(response, NOON));
    Duration fallback = Duration.ofSeconds(900);
    assertEquals(NOON.plusSeconds(900), Expiry.asTold().orElse(fallback).endOf(response, NOON));
  }

  /** P2: what counts as a number of seconds; -1 where the token is to be taken for a minute's. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1|1",
        "900|900",
        "900.0|900",
        "900.000|900",
        "\"900\"|900",
        "\"900.0\"|900",
        "31536000|31536000",
        "31536001|31536000",
        "1000000000000000000|31536000",
        "99999999999999999999999999|31536000",
        "\"99999999999\"|31536000",
        "0|-1",
        "-1|-1",
        "-900|-1",
        "900.5|-1",
        "1e18|-1",
        "9e2|-1",
        "NaN|-1",
        "Infinity|-1",
        "-Infinity|-1",
        "[900]|-1",
        "{}|-1",
        "true|-1",
        "\"\"|-1",
        "\"soon\"|-1",
        "\" 900\"|-1",
        "\"0x10\"|-1",
        "\"\u0669\u0660\u0660\"|-1",
        "+900|900",
        "0900|900"
      })
  void lifeTold_readOrAMinute_P2(String value, long seconds) {
    TokenResponse response =
        read(
            "\"expires_in\":"
                + value
                + ",\"refresh_token\":\"canary-r\",\"access_token\":\"canary-a\"");

    assertEquals(
        seconds > 0 ? Duration.ofSeconds(seconds) : Duration.ofMinutes(1), response.expiresIn());
    assertEquals(seconds > 0 ? List.of() : List.of("expires_in: unreadable"), response.problems());
    assertEquals("canary-r", response.refreshToken().value());
    assertEquals("canary-a", response.accessToken().value());
  }

  /** One event and one line for each flaw, however many answers have it. */
  @Test
  void lifeNotTold_thenUnreadable_eachSaidOnce_P1_P2() {
    try (LogLines log = new LogLines();
        EngineFixture engine = EngineFixture.strict()) {
      engine.signIn("alice", "bob");
      engine.server().tellsLife(false);
      for (int i = 0; i < 3; i++) {
        engine.expire();
        engine.get("alice");
        engine.get("bob");
      }
      engine.server().tellsLife(true);
      engine.server().fail("token", answer("\"access_token\":\"canary-b\",\"expires_in\":[]"), 1);
      engine.expire();
      engine.get("alice");
      engine.settle();

      assertEquals(
          List.of(List.of("expires_in: missing"), List.of("expires_in: unreadable")),
          engine.events(TokenEvent.FlawedResponse.class).stream()
              .map(TokenEvent.FlawedResponse::flaws)
              .toList());
      assertEquals(
          List.of(
              "fake: flaws in an answer of the token endpoint: [expires_in: missing]",
              "fake: flaws in an answer of the token endpoint: [expires_in: unreadable]"),
          log.at(Level.WARNING));
    }
  }

  /** A broker whose tokens end at a time of day need not tell a life. */
  @Test
  void lifeNotTold_ruleOrTokenTellsTheEnd_noFlaw() {
    TokenResponse untold = read("\"access_token\":\"canary-a\"");
    TokenResponse jwt = read("\"access_token\":\"" + jwt("{\"exp\":1767614400}") + "\"");
    Expiry daily = Expiry.asTold().noLaterThanDaily(LocalTime.NOON, ZoneOffset.UTC);

    assertTrue(Expiry.asTold().isAssumed(untold, NOON));
    assertTrue(Expiry.asTold().orElse(Duration.ofHours(1)).isAssumed(untold, NOON));
    assertFalse(daily.isAssumed(untold, NOON));
    assertTrue(Expiry.asTold().noLaterThanJwtHint().isAssumed(untold, NOON));
    assertFalse(Expiry.asTold().noLaterThanJwtHint().isAssumed(jwt, NOON));
  }

  // Tokens

  /** P5, P6: no header is ever built of these, and none of their characters is told. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "canary\\r\\nX-Evil: 1",
        "canary\\n",
        "canary\\u0000",
        "canary\u00e9",
        "canary two",
        " canary",
        "canary\\t",
        "canary\\u007f",
        "canary\\ud800"
      })
  void tokensThatCannotBeSent_refusedUnseen_P5(String value) {
    TokenResponse response =
        read("\"access_token\":\"" + value + "\",\"refresh_token\":\"" + value + "\"");

    assertNull(response.accessToken());
    assertNull(response.refreshToken());
    assertEquals(
        List.of("access_token: not a token", "refresh_token: not a token"), response.problems());
    String raw =
        Json.read(("{\"v\":\"" + value + "\"}").getBytes(StandardCharsets.UTF_8)).text("v");
    for (org.junit.jupiter.api.function.Executable wrap :
        List.<org.junit.jupiter.api.function.Executable>of(
            () -> RefreshToken.of(raw),
            () -> AccessToken.of(raw, NOON, ApiHosts.of("https://api.example.com")))) {
      String message = assertThrows(IllegalArgumentException.class, wrap).getMessage();
      assertFalse(message.contains("canary"), message);
    }
  }

  /** P6: the longest token, one more, and none. */
  @Test
  void tokenLengths_P6() {
    String longest = "c".repeat(16 * 1024);

    assertEquals(longest, read("\"refresh_token\":\"" + longest + "\"").refreshToken().value());
    assertNull(read("\"refresh_token\":\"" + longest + "c\"").refreshToken());
    assertEquals(longest, read("\"access_token\":\"" + longest + "\"").accessToken().value());
    assertNull(read("\"access_token\":\"" + longest + "c\"").accessToken());
    TokenResponse empty = read("\"access_token\":\"canary-a\",\"refresh_token\":\"\"");
    assertNull(empty.refreshToken());
    assertEquals(List.of(), empty.problems());
  }

  /** P4: a second value spoils the answer only if both could be used. */
  @Test
  void refreshTokenTwice_P4() {
    TokenResponse two = read("\"refresh_token\":\"canary-1\",\"refresh_token\":\"canary-2\"");
    assertNull(two.refreshToken());
    assertEquals(List.of("access_token: missing", "refresh_token: two values"), two.problems());

    assertEquals(
        "canary-1",
        read("\"refresh_token\":\"canary-1\",\"refresh_token\":\"canary-1\"")
            .refreshToken()
            .value());
    assertEquals(
        "canary-2",
        read("\"refresh_token\":5,\"refresh_token\":\"a b\",\"refresh_token\":\"canary-2\"")
            .refreshToken()
            .value());
  }

  /** P11: a token of an unknown type is not attached to anything. */
  @ParameterizedTest
  @ValueSource(strings = {"\"mac\"", "\"DPoP\"", "\"\"", "5", "[\"Bearer\"]", "\"Bearer \""})
  void otherTokenType_accessTokenDropped_refreshTokenKept_P11(String type) {
    TokenResponse response =
        read("\"access_token\":\"canary-a\",\"refresh_token\":\"canary-r\",\"token_type\":" + type);

    assertNull(response.accessToken());
    assertEquals("canary-r", response.refreshToken().value());
    assertEquals(List.of("token_type: not Bearer"), response.problems());
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"Bearer\"", "\"bearer\"", "\"BEARER\"", "null"})
  void bearerInAnySpelling_accepted_P11(String type) {
    assertEquals(
        "canary-a",
        read("\"access_token\":\"canary-a\",\"token_type\":" + type).accessToken().value());
  }

  /** A7: what is no scope does not get into events. */
  @Test
  void scopeWithControlCharacters_leftOut() {
    TokenResponse response = read("\"scope\":\"read \\u001b[31mred trade\\r\\nx caf\u00e9 write\"");

    assertEquals(Set.of("read", "write"), response.scope());
    assertTrue(response.problems().contains("scope: not a scope"));
  }

  /** A7: nobody granted nothing. */
  @Test
  void scopeOfControlCharactersAlone_asIfNotTold() {
    TokenResponse response = read("\"scope\":\"re\\u0000ad\"");

    assertNull(response.scope());
    assertTrue(response.problems().contains("scope: not a scope"));
  }

  // Through the engine

  /** P7: no refresh token told: the old one stays. P9: the same one told: it stays, too. */
  @Test
  void refreshTokenNotToldOrTheSame_kept_P7_P9() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      String first = stored(engine, "alice").refreshToken().value();
      renewWith(engine, answer("\"access_token\":\"canary-a1\""));
      assertEquals(first, stored(engine, "alice").refreshToken().value());

      renewWith(
          engine, answer("\"access_token\":\"canary-a2\",\"refresh_token\":\"" + first + "\""));
      assertEquals(first, stored(engine, "alice").refreshToken().value());

      engine.clock().jump(Duration.ofSeconds(6));
      engine.tokens().renew("alice");
      assertTrue(engine.server().isCurrent(stored(engine, "alice").refreshToken().value()));
    }
  }

  private static void renewWith(EngineFixture engine, Fault answer) {
    engine.clock().jump(Duration.ofSeconds(6));
    engine.server().fail("token", answer, 1);
    engine.tokens().renew("alice");
  }

  /** P8, P3: a new refresh token is stored though the access token beside it can't be used. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"access_token\":5",
        "\"token_type\":\"mac\",\"access_token\":\"canary-a\"",
        "\"access_token\":\"a b\"",
        "\"error\":\"server_error\",\"access_token\":\"canary-a\"",
        "\"sub\":\"x\""
      })
  void badAccessTokenBesideNewRefreshToken_storedThenError_P3(String members) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.clock().jump(Duration.ofSeconds(6));
      engine.server().fail("token", answer(members + ",\"refresh_token\":\"canary-next\""), 1);

      BrokerUnavailableException failure =
          assertThrows(BrokerUnavailableException.class, () -> engine.tokens().renew("alice"));

      assertEquals(BrokerUnavailableException.Reason.UNUSABLE_ANSWER, failure.reason());
      assertEquals("canary-next", stored(engine, "alice").refreshToken().value());
      assertFalse(told(failure).contains("canary"), told(failure));
    }
  }

  /** P10: another scope than before is an event, and the token is kept. */
  @Test
  void scopeNarrowed_eventWithBoth_P10() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.server().scope("read");
      engine.clock().jump(Duration.ofSeconds(6));

      AccessToken token = engine.tokens().renew("alice");

      assertTrue(engine.server().accepts(token.value()));
      List<TokenEvent.ScopeChanged> events = engine.events(TokenEvent.ScopeChanged.class);
      assertEquals(1, events.size());
      assertEquals(Set.of("read", "trade"), events.get(0).before());
      assertEquals(Set.of("read"), events.get(0).now());
      assertEquals(Set.of("read"), stored(engine, "alice").scope());

      engine.clock().jump(Duration.ofSeconds(6));
      engine.tokens().renew("alice");
      assertEquals(1, engine.events(TokenEvent.ScopeChanged.class).size());
    }
  }

  /** P12: an error with status 200 is what its code says. */
  @ParameterizedTest
  @ValueSource(strings = {"error", "error_code"})
  void invalidGrantWith200_signInRequired_P12(String member) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", answer("\"" + member + "\":\"invalid_grant\""));

      SignInRequiredException refused =
          assertThrows(SignInRequiredException.class, () -> engine.get("alice"));

      assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, refused.reason());
    }
  }

  /** P12: an error beside an access token alone: the error counts. */
  @Test
  void errorWith200BesideAccessToken_errorCounts_P12() {
    ExchangeAnswer meaning =
        EngineFixtureBroker.BROKER
            .exchange(new Grant.Refresh("canary-sent"))
            .read(
                Answer.of(
                    200,
                    Map.of(),
                    "{\"access_token\":\"canary-a\",\"error\":\"invalid_grant\",\"refresh_token\":\"canary-sent\"}"
                        .getBytes(StandardCharsets.UTF_8)));

    assertEquals(
        ExchangeAnswer.Party.USER, assertInstanceOf(ExchangeAnswer.Refused.class, meaning).party());
  }

  private static final class EngineFixtureBroker {
    static final StandardBroker BROKER =
        StandardBroker.builder(
                BrokerProfile.builder("fake", ApiHosts.of("https://api.example.com")).build(),
                java.net.URI.create("https://auth.example.com/token"))
            .build();
  }

  /** P13: after invalid_grant nothing more is sent for this login, until a new sign-in. */
  @Test
  void invalidGrant_noFurtherCall_P13() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice", "bob")) {
      engine.server().endSessions("alice");
      engine.expire();
      int before = engine.server().count("token", "alice");

      for (int i = 0; i < 20; i++) {
        assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
        assertThrows(SignInRequiredException.class, () -> engine.tokens().renew("alice"));
        engine.clock().jump(Duration.ofMinutes(10));
      }

      assertEquals(before + 1, engine.server().count("token", "alice"));
      assertEquals(1, engine.events(TokenEvent.SignInRequired.class).size());
      engine.signIn("alice");
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  /** P15: an error description with everything that must not be told. */
  @Test
  void errorDescription_secretsAndControlCharactersTakenOut_P15() {
    try (LogLines log = new LogLines();
        EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      String refreshToken = stored(engine, "alice").refreshToken().value();
      String secret = FakeAuthorizationServer.CLIENT_SECRET;
      String filler = "f".repeat(170 - refreshToken.length());
      for (String description :
          List.of(
              "you sent " + refreshToken + " and " + secret,
              "\u001b[31mred\u001b[0m\r\nINFO forged line " + refreshToken,
              filler + " cut in the middle: " + secret + refreshToken,
              "x".repeat(190) + refreshToken,
              "encoded " + URLEncoder.encode(refreshToken, StandardCharsets.UTF_8))) {
        engine.clock().jump(Duration.ofMinutes(20));
        engine
            .server()
            .fail(
                "token",
                Fault.instead(
                    new MockResponse.Builder()
                        .code(401)
                        .body(
                            "{\"error\":\"invalid_client\",\"error_description\":"
                                + Wire.quote(description)
                                + "}")
                        .build()));

        BrokerConfigurationException failure =
            assertThrows(BrokerConfigurationException.class, () -> engine.get("alice"));

        String told = told(failure);
        String message = String.valueOf(failure.getMessage());
        assertFalse(told.contains(refreshToken.substring(0, 8)), told);
        assertFalse(told.contains(secret.substring(0, 12)), told);
        assertTrue(message.chars().allMatch(c -> c >= ' ' && c < 127), message);
        assertTrue(message.contains("invalid_client"), message);
      }
      for (TokenEvent event : engine.events()) {
        assertFalse(event.toString().contains(refreshToken), event::toString);
      }
      assertFalse(log.all().isEmpty());
      for (LogLines.Line line : log.all()) {
        String told = line.text() + (line.thrown() == null ? "" : line.thrown().getMessage());
        assertFalse(told.contains(refreshToken.substring(0, 8)), told);
        assertFalse(told.contains(secret.substring(0, 12)), told);
        assertFalse(told.contains("\u001b") || told.contains("\n"), told);
      }
    }
  }

  /** P16: what a JWT says of its end counts only where the broker says so, and never for longer. */
  @Test
  void jwtEnd_onlyAsAHintThatShortens_P16() {
    String early = jwt("{\"exp\":" + NOON.plusSeconds(60).getEpochSecond() + "}");
    String late = jwt("{\"exp\":" + NOON.plusSeconds(90_000).getEpochSecond() + "}");
    Expiry hinted = Expiry.asTold().noLaterThanJwtHint();

    assertEquals(NOON.plusSeconds(900), end(Expiry.asTold(), early));
    assertEquals(NOON.plusSeconds(60), end(hinted, early));
    assertEquals(NOON.plusSeconds(900), end(hinted, late));
    for (String odd :
        List.of("a.b.c", "..", jwt("[]"), jwt("{\"exp\":\"x\"}"), "a." + "!" + ".c")) {
      assertEquals(NOON.plusSeconds(900), end(hinted, odd), odd);
    }
    assertEquals(Instant.EPOCH, end(hinted, jwt("{\"exp\":-99999999999999999999}")));
    assertEquals(NOON.plusSeconds(900), end(hinted, jwt("{\"exp\":1e400}")));
    assertEquals(NOON.plusSeconds(900), end(hinted, jwt("{\"exp\":99999999999999999999999}")));
  }

  private static Instant end(Expiry expiry, String accessToken) {
    return expiry.endOf(
        TokenResponse.builder().accessToken(accessToken).expiresIn(Duration.ofSeconds(900)).build(),
        NOON);
  }

  private static String jwt(String claims) {
    java.util.Base64.Encoder encoder = java.util.Base64.getUrlEncoder().withoutPadding();
    return encoder.encodeToString("{\"alg\":\"none\"}".getBytes(StandardCharsets.UTF_8))
        + "."
        + encoder.encodeToString(claims.getBytes(StandardCharsets.UTF_8))
        + ".x";
  }

  private static String told(Throwable failure) {
    StringWriter text = new StringWriter();
    failure.printStackTrace(new PrintWriter(text, true));
    return text.toString();
  }
}
