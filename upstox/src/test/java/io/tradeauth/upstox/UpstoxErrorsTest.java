package io.tradeauth.upstox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.tradeauth.Answer;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Rejection;
import io.tradeauth.TokenResponse;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * G28: every row of the fact sheet's error table (section 10; the last ones of section 6), with its
 * confidence mark. The code decides: each row also runs with statuses that nobody has seen.
 */
class UpstoxErrorsTest {

  private static final int[] OTHER_STATUSES = {200, 400, 401, 403, 404, 422, 429, 500, 503};

  private final Broker upstox = Upstox.live();
  private final BrokerCall<ExchangeAnswer> exchange =
      upstox.exchange(Upstox.code("canary", URI.create("https://app.example.com/callback")));

  private enum Means {
    USER,
    CLIENT,
    LATER,
    UNCLEAR
  }

  /** O official, S vendor SDK, C n clients, R user report, I inferred, M chosen for the mock. */
  private record Row(String code, int status, String mark, Means means) {}

  private static Stream<Row> rows() {
    return Stream.of(
        new Row("UDAPI100050", 401, "O, status C3", Means.USER),
        new Row("UDAPI100067", 403, "O, status M", Means.CLIENT),
        new Row("UDAPI100057", 401, "O, status I", Means.USER),
        new Row("UDAPI100069", 401, "O, status I", Means.CLIENT),
        new Row("UDAPI100070", 401, "O, status I", Means.CLIENT),
        new Row("UDAPI100068", 400, "O, status C1", Means.CLIENT),
        new Row("UDAPI100016", 401, "O, status I", Means.CLIENT),
        new Row("UDAPI100073", 401, "O, status I", Means.CLIENT),
        new Row("UDAPI100058", 403, "O, status I", Means.USER),
        new Row("UDAPI1017", 400, "O", Means.CLIENT),
        new Row("UDAPI1018", 400, "O", Means.CLIENT),
        new Row("UDAPI1022", 400, "O", Means.CLIENT),
        new Row("UDAPI1023", 400, "O", Means.CLIENT),
        new Row("UDAPI1024", 400, "O", Means.CLIENT),
        new Row("UDAPI10005", 429, "O", Means.LATER),
        new Row("UDAPI100099", 429, "C2, status I", Means.LATER),
        new Row("UDAPI100072", 423, "O, status C1", Means.LATER),
        new Row("UDAPI100074", 423, "O, status I", Means.LATER),
        new Row("UDAPI1154", 403, "C2, status I", Means.CLIENT),
        new Row("UDAPI10000", 400, "O, status I", Means.CLIENT),
        new Row("UDAPI100060", 404, "O, probe", Means.CLIENT),
        new Row("UDAPI100015", 400, "O, status I", Means.CLIENT),
        new Row("UDAPI100500", 500, "O", Means.LATER),
        new Row("UDAPI1123", 400, "section 6: O, status M", Means.CLIENT),
        new Row("UDAPI1124", 400, "section 6: O, status M", Means.CLIENT),
        new Row("UDAPI1155", 400, "section 6: O, status M", Means.CLIENT),
        new Row("UDAPI1157", 400, "section 6: O, status M", Means.CLIENT));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void codeKnown_exchangeMeansWhatTheSheetSays(Row row) {
    assertEquals(forACode(row.means()), meaning(error(row.status(), row.code())));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void codeKnown_anotherStatus_meansTheSame(Row row) {
    for (int status : OTHER_STATUSES) {
      assertEquals(forACode(row.means()), meaning(error(status, row.code())), "status " + status);
    }
  }

  /** Sections 2 and 10: a code is spent whatever Upstox answered, so trying later is of no use. */
  private static Means forACode(Means means) {
    return means == Means.LATER ? Means.UNCLEAR : means;
  }

  @ParameterizedTest
  @MethodSource("rows")
  void codeKnown_deliveredToken_meansTheSame(Row row) {
    TokenResponse pushed = TokenResponse.builder().accessToken("canary-pushed").build();
    BrokerCall<ExchangeAnswer> proof = upstox.exchange(new Grant.Delivered(pushed, null));
    assertEquals(row.means(), meaning(proof.read(error(row.status(), row.code()))));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void codeKnown_probeSaysDeadForTheDeadTokenOnly(Row row) {
    Class<?> expected =
        row.code().equals("UDAPI100050") ? ProbeAnswer.Dead.class : ProbeAnswer.Unknown.class;
    for (int status : OTHER_STATUSES) {
      assertInstanceOf(expected, upstox.probe().read(error(status, row.code())));
    }
  }

  /** Section 12.3: one 401 proves nothing; section 10: what is not an expiry is none. */
  @ParameterizedTest
  @MethodSource("rows")
  void codeKnown_unauthorized_probesForTheDeadTokenOnly(Row row) {
    Rejection expected =
        row.code().equals("UDAPI100050") ? Rejection.PROBE_FIRST : Rejection.NOT_THE_TOKEN;
    assertEquals(expected, upstox.rejection(error(401, row.code())));
  }

  @Test
  void unauthorizedWithoutKnownCode_probeDecides() {
    assertEquals(Rejection.PROBE_FIRST, upstox.rejection(answer(401, "", "")));
    assertEquals(Rejection.PROBE_FIRST, upstox.rejection(error(401, "UDAPI999999")));
  }

  /** Section 12.3 holds where there is no probe, too: the token is kept. */
  @Test
  void unauthorizedInConsoleEnvironments_doubtedOnly() {
    assertEquals(Rejection.PROBE_FIRST, Upstox.sandbox().rejection(error(401, "UDAPI100050")));
    assertEquals(Rejection.NOT_THE_TOKEN, Upstox.sandbox().rejection(error(401, "UDAPI1154")));
    assertEquals(Rejection.PROBE_FIRST, Upstox.analytics().rejection(error(401, "UDAPI100050")));
  }

  /** Section 10: a 403 page of the edge (R, C1) never reads as bad credentials. */
  @Test
  void edgePage_isLater() {
    assertEquals(Means.LATER, meaning(answer(403, "text/html", "<html>error code: 1010</html>")));
  }

  /** Section 10: outages. A gateway may have passed the code on. */
  @Test
  void outage_isInDoubt() {
    for (int status : new int[] {500, 502, 503, 504}) {
      assertEquals(Means.UNCLEAR, meaning(answer(status, "", "")));
    }
  }

  @Test
  void codeUnknown_statusDecides() {
    assertEquals(Means.UNCLEAR, meaning(error(401, "UDAPI999999")));
    assertEquals(Means.UNCLEAR, meaning(error(429, "UDAPI999999")));
    assertEquals(Means.UNCLEAR, meaning(error(500, "UDAPI999999")));
    assertEquals(Means.UNCLEAR, meaning(answer(400, "application/json", "{\"errors\":[]}")));
    assertEquals(Means.LATER, meaning(answer(429, "text/plain", "slow down")));
  }

  /** Section 10: the deprecated spelling alone, and several entries. */
  @Test
  void oldSpellingOrSeveralEntries_knownCodeIsFound() {
    assertEquals(
        Means.CLIENT,
        meaning(json(401, "{\"status\":\"error\",\"errors\":[{\"errorCode\":\"UDAPI100069\"}]}")));
    assertEquals(
        Means.USER,
        meaning(
            json(
                401,
                "{\"errors\":[{\"error_code\":\"UDAPI999999\"},{\"error_code\":\"UDAPI100057\"}]}")));
    assertEquals(
        Means.USER,
        meaning(
            json(
                401,
                "{\"errors\":[{\"error_code\":\"UDAPI100057\",\"errorCode\":\"UDAPI100069\"}]}")));
  }

  @Test
  void refusal_namesCodeAndMessage() {
    ExchangeAnswer.Refused refused =
        assertInstanceOf(ExchangeAnswer.Refused.class, exchange.read(error(401, "UDAPI100069")));
    assertEquals("UDAPI100069", refused.code());
    assertEquals("what is wrong", refused.description());
  }

  /** N8, N7: success without a document that can be read. */
  @Test
  void successWithoutTokens_isInDoubt() {
    assertEquals(Means.UNCLEAR, meaning(answer(200, "text/html", "<html>welcome</html>")));
    assertEquals(Means.UNCLEAR, meaning(json(200, "{\"email\":\"a@example.com\",\"access_tok")));
    assertEquals(Means.UNCLEAR, meaning(json(200, "{\"user_id\":\"AB1234\"}")));
    assertEquals(Means.UNCLEAR, meaning(json(200, "{\"access_token\":\"can\\nary\"}")));
    assertEquals(
        Means.UNCLEAR, meaning(json(200, "{\"access_token\":\"canary\",\"token_type\":\"mac\"}")));
  }

  private Means meaning(Answer answer) {
    return meaning(exchange.read(answer));
  }

  private static Means meaning(ExchangeAnswer meaning) {
    if (meaning instanceof ExchangeAnswer.Refused) {
      return ((ExchangeAnswer.Refused) meaning).party() == ExchangeAnswer.Party.USER
          ? Means.USER
          : Means.CLIENT;
    }
    return meaning instanceof ExchangeAnswer.Later ? Means.LATER : unclear(meaning);
  }

  private static Means unclear(ExchangeAnswer meaning) {
    assertInstanceOf(ExchangeAnswer.Unclear.class, meaning);
    return Means.UNCLEAR;
  }

  private static Answer error(int status, String code) {
    return json(
        status,
        """
        {"status":"error","errors":[{"errorCode":"%1$s","message":"what is wrong",\
        "propertyPath":null,"invalidValue":null,"error_code":"%1$s","property_path":null,\
        "invalid_value":null}]}"""
            .formatted(code));
  }

  private static Answer json(int status, String body) {
    return answer(status, "application/json", body);
  }

  private static Answer answer(int status, String type, String body) {
    return Answer.of(status, Map.of("Content-Type", type), body.getBytes(StandardCharsets.UTF_8));
  }
}
