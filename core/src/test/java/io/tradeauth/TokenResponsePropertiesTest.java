package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Wire;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import mockwebserver3.MockResponse;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import okio.Buffer;

/**
 * P3, P4, A15: a new refresh token is kept whatever stands beside it, because the old one may be
 * spent.
 */
class TokenResponsePropertiesTest {

  private static final String TOO_LONG = "canary-" + "x".repeat(TokenSyntax.LONGEST);

  /** What a server may send as the value of any member; each char is one byte of the answer. */
  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "false",
          "0",
          "-1",
          "900",
          "900.0",
          "1e18",
          "-1e999999",
          "1000000000000000000",
          "007",
          "+7",
          ".5",
          "5.",
          "NaN",
          "Infinity",
          "-Infinity",
          "9".repeat(120),
          "\"\"",
          "\" \"",
          "\"900\"",
          "\"Bearer\"",
          "\"bearer\"",
          "\"mac\"",
          "\"canary-neighbour\"",
          "\"two words\"",
          "\"a\\r\\nb\"",
          "\"\\u0000\"",
          "\"\\u001b[31m\"",
          "\"raw\ttab\r\nand\u0001control\"",
          "\"\\ud800\"",
          "\"\\udc00\\ud800\"",
          "\"\\'\\q\"",
          "\"\u00ff\u00fe\u00c3\"",
          "\"\u00c3\u00a9\"",
          "\"\u00ed\u00a0\u0080\"",
          "\"\u00f0\u009f\u0098\u0080\"",
          "[]",
          "[1,null,\"canary\",{\"refresh_token\":\"canary-inside\"}]",
          "{}",
          "{\"refresh_token\":\"canary-inside\",\"a\":{\"b\":[[[{}]]]}}",
          "[".repeat(20) + "]".repeat(20),
          "{\"a\":".repeat(20) + "1" + "}".repeat(20),
          "\"eyJhbGciOiJub25lIn0.eyJleHAiOjF9.\"");

  private static final List<String> NAMES =
      List.of(
          "access_token",
          "token_type",
          "expires_in",
          "scope",
          "id_token",
          "error",
          "error_code",
          "error_description",
          "refresh_expires_in",
          "sub",
          "",
          "\\u0000",
          "\u00ff",
          "n".repeat(60),
          "Refresh_Token",
          "refresh_token ");

  /** Second values of the same name that nobody could use. */
  private static final List<String> UNUSABLE =
      List.of(
          "null",
          "\"\"",
          "\" \"",
          "5",
          "true",
          "[]",
          "[\"canary-in-array\"]",
          "{}",
          "\"with blank\"",
          "\"nul\\u0000\"",
          "\"line\\r\\nfeed\"",
          "\"\u00c3\u00a9\"",
          "\"\u00ff\"");

  /** Rare, because they take long: what is large. */
  private static final List<String> LARGE =
      List.of(
          "\"unknown\":\"" + "y".repeat(20_000) + "\"",
          "\"access_token\":\"" + TOO_LONG + "\"",
          "\"refresh_token\":\"" + TOO_LONG + "\"",
          "\"expires_in\":" + "9".repeat(30_000),
          "\"" + "n".repeat(30_000) + "\":1");

  private static final List<String> LAYOUTS =
      List.of("", "", "\u00ef\u00bb\u00bf", " \r\n\t", "\u00ef\u00bb\u00bf ");

  private static final BrokerProfile PROFILE =
      BrokerProfile.builder("fake", ApiHosts.of("https://api.example.com")).build();

  private static final StandardBroker BROKER =
      StandardBroker.builder(PROFILE, URI.create("https://auth.example.com/token"))
          .profileOf(
              json -> {
                throw new IllegalStateException("a reader with a bug");
              })
          .build();

  private static EngineFixture engine;

  @BeforeContainer
  static void start() {
    engine = EngineFixture.of(RotationProfile.STRICT).start().signIn("alice");
  }

  @AfterContainer
  static void stop() {
    engine.close();
  }

  /**
   * An answer with one usable refresh token.
   *
   * @param text the document; each char is one byte
   */
  record Document(String text, String refreshToken) {

    byte[] bytes() {
      return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    @Override
    public String toString() {
      return text.length() > 2_000 ? text.substring(0, 2_000) + "..." : text;
    }
  }

  /** Makes a document out of a number, the same each time. */
  private static Document document(long seed) {
    Random random = new Random(seed);
    String token = "canary-";
    for (int i = random.nextInt(30); i >= 0; i--) {
      token += (char) ('!' + random.nextInt('~' - '!' + 1));
    }
    List<String> members = new ArrayList<>();
    for (int i = random.nextInt(8); i > 0; i--) {
      members.add(neighbour(random));
    }
    String member = "\"refresh_token\":" + Wire.quote(token);
    for (int i = random.nextInt(5) == 0 ? 2 : 1; i > 0; i--) {
      members.add(random.nextInt(members.size() + 1), member);
    }
    return new Document(any(LAYOUTS, random) + "{" + String.join(",", members) + "}\r\n", token);
  }

  private static String neighbour(Random random) {
    int kind = random.nextInt(2_000);
    if (kind == 0) {
      return any(LARGE, random);
    }
    if (kind < 250) {
      return "\"refresh_token\":" + any(UNUSABLE, random);
    }
    String name = any(NAMES, random);
    String value = any(VALUES, random);
    // A granted scope is public, and told by an event: no secret stands there.
    return "\"" + name + "\":" + (name.equals("scope") ? value.replace("canary", "read") : value);
  }

  private static String any(List<String> list, Random random) {
    return list.get(random.nextInt(list.size()));
  }

  /** P3, P4: of 100,000 generated answers none costs a rotated refresh token. */
  @Property(tries = 1_000, shrinking = ShrinkingMode.OFF)
  void anyNeighbours_refreshTokenRead(@ForAll long seed) {
    for (int i = 0; i < 100; i++) {
      assertRefreshTokenRead(document(seed * 100 + i));
    }
  }

  private static void assertRefreshTokenRead(Document document) {
    Answer answer = Answer.of(200, Map.of(), document.bytes());

    Json json = answer.json();
    assertNotNull(json, () -> "not read at all: " + document);
    assertEquals(
        document.refreshToken(),
        refreshToken(TokenResponse.read(json).build()),
        document::toString);

    ExchangeAnswer meaning = BROKER.exchange(new Grant.Refresh("canary-sent")).read(answer);
    ExchangeAnswer.Granted granted =
        assertInstanceOf(ExchangeAnswer.Granted.class, meaning, meaning::toString);
    assertEquals(document.refreshToken(), refreshToken(granted.response()));
    assertTrue(granted.response().problems().stream().noneMatch(p -> p.contains("canary")));
  }

  private static String refreshToken(TokenResponse response) {
    return response.refreshToken() == null ? null : response.refreshToken().value();
  }

  /** P3, P8: as above, through a whole exchange into the store; nanoseconds count 292 years. */
  @Property(tries = 250, shrinking = ShrinkingMode.OFF)
  void anyNeighbours_refreshTokenStored(@ForAll long seed) {
    Document document = document(seed);
    Buffer body = new Buffer().write(document.bytes());
    engine
        .server()
        .fail("token", Fault.instead(new MockResponse.Builder().code(200).body(body).build()));
    int before = engine.exchanges();
    // The housekeeping may still have been busy with the answer of before.
    for (int tries = 0; engine.exchanges() == before; tries++) {
      assertTrue(tries < 100, "never exchanged");
      engine.clock().jump(Duration.ofDays(400));
      try {
        assertTrue(TokenSyntax.isToken(engine.get("alice").value()));
      } catch (BrokerUnavailableException e) {
        // Nothing in it that could be handed out; what counts is what was kept.
        assertTrue(e.retryAt().isAfter(engine.clock().now().minusSeconds(1)));
      }
    }

    TokenStore.StoredRecord stored =
        engine.store().load(new TokenStore.Key(TokenStore.Kind.LOGIN, "fake", "alice"));
    RefreshToken kept = LoginCodec.read(stored.content()).tokens().refreshToken();
    assertEquals(document.refreshToken(), kept == null ? null : kept.value(), document::toString);
  }
}
