package io.tradeauth.settrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.RefreshToken;
import io.tradeauth.Rejection;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * G28: every row of the error table, fact sheet, section 9, and of the answers that section 12
 * adds. A row catches an engine that logs out a user for an outage, hammers a login that only a
 * human can mend, or gives up where a login would do.
 *
 * <p>The marks are the sheet's: S official, Cn in n independent clients, I inferred, M the mock's
 * own choice. A row marked I or M is nobody's recording, so another row, or the same, has what it
 * means with other statuses.
 */
class SettradeErrorsTest {

  private static final String JSON = "application/json";
  private static final String HTML = "text/html";
  private static final String PAGE = "<html><body>Request unsuccessful. Incapsula</body></html>";

  private static final String LIMIT = "{\"message\":\"API rate limit exceeded\"}";

  private static final BrokerCall<ExchangeAnswer> LOGIN =
      Settrade.live().exchange(new Grant.SignedLogin(null));
  private static final BrokerCall<ExchangeAnswer> REFRESH =
      Settrade.live().exchange(new Grant.Refresh(RefreshToken.of("canary-refresh"), null));

  /** The codes are met by one client each [C1], all statuses are the mock's [M]. */
  private static final List<Row> LOGINS =
      List.of(
          new Row(
                  "9.1 no such app",
                  "C1 M",
                  404,
                  JSON,
                  error("OA-LOGIN-001"),
                  "CLIENT OA-LOGIN-001")
              .also(400, 401, 403, 500),
          new Row("9.2 refused", "C1 M", 401, JSON, error("OA-LOGIN-002"), "CLIENT OA-LOGIN-002")
              .also(400, 403, 404, 500),
          new Row("9.3 closed", "C1 M", 503, JSON, error("OA-LOGIN-U-591"), "Later OA-LOGIN-U-591")
              .also(200, 400, 401, 403, 500),
          new Row("12.5 bad request", "M", 400, JSON, error("OA-LOGIN-400"), "Later OA-LOGIN-400")
              .also(404, 422),
          new Row("12.4 other code", "M", 401, JSON, error("OA-LOGIN-999"), "CLIENT OA-LOGIN-999"),
          new Row("12.4, not 401", "I", 403, JSON, error("OA-LOGIN-999"), "Later OA-LOGIN-999")
              .also(400, 404, 422, 429),
          new Row("12.4, not 401", "I", 500, JSON, error("OA-LOGIN-999"), "Unclear OA-LOGIN-999")
              .also(200, 408, 503),
          new Row("9 gateway", "I", 401, JSON, gateway("invalid_client"), "CLIENT invalid_client")
              .also(400, 403),
          new Row("9 gateway", "I", 401, JSON, gateway("invalid_token"), "CLIENT invalid_token"),
          new Row(
                  "9 gateway, not 401",
                  "I",
                  403,
                  JSON,
                  gateway("invalid_token"),
                  "Later invalid_token")
              .also(400),
          new Row("9 gateway", "I", 429, JSON, LIMIT, "Later http 429"),
          new Row("9 gateway, not 429", "I", 503, JSON, LIMIT, "Unclear http 503"),
          new Row("9.7 limit", "C1", 429, HTML, "", "Later http 429"),
          new Row("9.7 load", "C1", 503, HTML, PAGE, "Unclear http 503").also(504, 509),
          new Row("9.8 firewall", "C2", 403, HTML, PAGE, "Later web firewall"),
          new Row("9.8 firewall, not as 403", "I", 401, HTML, PAGE, "Later http 401"),
          new Row("9.9 outage", "S", 500, HTML, "", "Unclear http 500").also(502, 504),
          new Row("12.20 no JSON", "M", 200, HTML, PAGE, "Unclear http 200").also(201, 204),
          new Row("12.20 no tokens", "M", 200, JSON, "{}", "Unclear http 200"));

  private static final List<Row> REFRESHES =
      List.of(
          new Row("9.6 dead", "C2 M", 401, JSON, error("OA-REFRESH-401"), "USER OA-REFRESH-401")
              .also(400, 403, 404, 422),
          new Row("9.6 dead, no body", "C2", 401, JSON, "", "USER http 401").also(400),
          new Row("9.1 no such app", "C1 M", 404, JSON, error("OA-LOGIN-001"), "USER OA-LOGIN-001")
              .also(400, 401),
          new Row("9.3 closed", "C1 M", 503, JSON, error("OA-LOGIN-U-591"), "Later OA-LOGIN-U-591")
              .also(400, 401, 403, 500),
          new Row("9 gateway", "I", 401, JSON, gateway("invalid_token"), "USER invalid_token")
              .also(400, 403),
          new Row("9 gateway", "I", 429, JSON, LIMIT, "Later http 429"),
          new Row("9 gateway, not 429", "I", 503, JSON, LIMIT, "Unclear http 503"),
          new Row("9.7 load", "C1", 503, HTML, PAGE, "Unclear http 503").also(504, 509),
          new Row("9.8 firewall", "C2", 403, HTML, PAGE, "Later web firewall"),
          new Row("9.9 outage", "S", 500, HTML, "", "Unclear http 500").also(502, 504),
          new Row("12.20 no JSON", "M", 200, HTML, PAGE, "Unclear http 200"));

  private static final List<Row> PROBES =
      List.of(
          new Row("6 alive", "C2", 200, JSON, "{\"cashBalance\":1.0}", "Alive"),
          new Row("9.4 no right", "C1 M", 403, JSON, error("GWD-07"), "Alive").also(400, 404),
          new Row("6 not allowed", "S", 403, JSON, error("OTHER"), "Alive"),
          new Row("9.5 dead", "C5 M", 401, JSON, error("API-401"), "Dead API-401"),
          new Row("9.5, not 401", "I", 500, JSON, error("API-401"), "Unknown API-401").also(429),
          new Row("9 gateway", "I", 401, JSON, gateway("invalid_token"), "Dead invalid_token"),
          new Row(
              "9 gateway, not 401",
              "I",
              500,
              JSON,
              gateway("invalid_token"),
              "Unknown invalid_token"),
          new Row("9.7 limit", "I", 429, JSON, LIMIT, "Unknown http 429").also(503),
          new Row("9.8 firewall", "C2", 403, HTML, PAGE, "Unknown web firewall"),
          new Row("9.9 outage", "S", 500, HTML, "", "Unknown http 500").also(502, 503, 504),
          new Row("12.20 no JSON", "M", 200, HTML, PAGE, "Unknown http 200"));

  /** An answer and what it means, at every status at which it means that. */
  private static final class Row {

    final String row;
    final String mark;
    final List<Integer> statuses;
    final String type;
    final String body;
    final String meaning;

    Row(String row, String mark, int status, String type, String body, String meaning) {
      this(row, mark, List.of(status), type, body, meaning);
    }

    private Row(
        String row, String mark, List<Integer> statuses, String type, String body, String meaning) {
      this.row = row;
      this.mark = mark;
      this.statuses = statuses;
      this.type = type;
      this.body = body;
      this.meaning = meaning;
    }

    Row also(int... others) {
      List<Integer> all =
          IntStream.concat(statuses.stream().mapToInt(Integer::intValue), IntStream.of(others))
              .boxed()
              .toList();
      return new Row(row, mark, all, type, body, meaning);
    }

    void means(Function<Answer, Object> reader) {
      for (int status : statuses) {
        Answer answer =
            Answer.of(status, Map.of("Content-Type", type), body.getBytes(StandardCharsets.UTF_8));
        String expected = meaning.replaceFirst("http [0-9]+", "http " + status);
        assertEquals(expected, described(reader.apply(answer)), this + " with " + status);
      }
    }

    @Override
    public String toString() {
      return row + " [" + mark + "] " + body;
    }
  }

  private static String described(Object meaning) {
    if (meaning instanceof ExchangeAnswer.Refused refused) {
      return refused.party() + " " + refused.code();
    }
    if (meaning instanceof ExchangeAnswer.Later later) {
      return "Later " + later.code();
    }
    if (meaning instanceof ExchangeAnswer.Unclear unclear) {
      return "Unclear " + unclear.code();
    }
    if (meaning instanceof ProbeAnswer.Dead dead) {
      return "Dead " + dead.code();
    }
    if (meaning instanceof ProbeAnswer.Unknown unknown) {
      return "Unknown " + unknown.code();
    }
    return meaning.getClass().getSimpleName();
  }

  private static String error(String code) {
    return "{\"code\":\"" + code + "\",\"message\":\"no\"}";
  }

  private static String gateway(String error) {
    return "{\"error\":\"" + error + "\",\"error_description\":\"no\"}";
  }

  @ParameterizedTest
  @FieldSource("LOGINS")
  void g28_login_everyRow(Row row) {
    row.means(LOGIN::read);
  }

  @ParameterizedTest
  @FieldSource("REFRESHES")
  void g28_refresh_everyRow(Row row) {
    row.means(REFRESH::read);
  }

  @ParameterizedTest
  @FieldSource("PROBES")
  void g28_probe_everyRow(Row row) {
    row.means(Settrade.equityAccount("1")::read);
    row.means(Settrade.live().probe()::read);
  }

  /** Row 9.5 [C5]: expired, replaced by another login, or reset: all want another token. */
  @ParameterizedTest
  @MethodSource("rejections")
  void g28_apiRefusesToken_renews(String body) {
    Answer answer =
        Answer.of(401, Map.of("Content-Type", JSON), body.getBytes(StandardCharsets.UTF_8));

    assertEquals(Rejection.RENEW, Settrade.live().rejection(answer));
  }

  static Stream<String> rejections() {
    return Stream.of(error("API-401"), gateway("invalid_token"), "");
  }

  /** No refusal of a refresh is the user's: the login that follows needs no human. */
  @Test
  void refreshRefused_logsInInstead_loginRefused_nothingLeft() {
    Grant refresh = new Grant.Refresh(RefreshToken.of("canary-refresh"), null);

    Grant instead = Settrade.live().renewalAfterRefusal(refresh);

    assertTrue(instead instanceof Grant.SignedLogin);
    assertEquals(null, Settrade.live().renewalAfterRefusal(instead));
  }

  @Test
  void refusal_keepsTheServersWords_cleaned() {
    Answer answer =
        Answer.of(
            401,
            Map.of(),
            "{\"code\":\"OA-LOGIN-002\",\"message\":\"not\\u001b[31m yet\"}"
                .getBytes(StandardCharsets.UTF_8));

    ExchangeAnswer.Refused refused = (ExchangeAnswer.Refused) LOGIN.read(answer);

    assertEquals("not?[31m yet", refused.description());
    assertFalse(refused.toString().contains("\u001b"));
  }
}
