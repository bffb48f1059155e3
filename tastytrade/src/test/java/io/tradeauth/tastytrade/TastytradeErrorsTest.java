package io.tradeauth.tastytrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.tradeauth.Answer;
import io.tradeauth.Broker;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Rejection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * G28: every row of the fact sheet's error tables, with its section and its confidence mark. The
 * sheet's "L" is an answer that somebody published and "D" is documented; "I" is inferred, never
 * recorded, and also runs with other statuses.
 */
class TastytradeErrorsTest {

  private static final String HTML =
      "<html><head><title>401 Authorization Required</title></head><body>nginx</body></html>";

  private static final Broker BROKER = Tastytrade.live();

  /** What the owner of the application or its user is told. */
  enum Meaning {
    /** A human must sign in again. */
    USER,
    /** The application's settings are wrong. */
    CLIENT,
    /** Nothing happened; try later. */
    LATER,
    /** Nobody knows. */
    IN_DOUBT
  }

  /** One row of section 6. */
  record TokenRow(String row, String mark, int status, String type, String body, Meaning meaning) {

    @Override
    public String toString() {
      return row + " [" + mark + "] " + status + " " + meaning;
    }
  }

  private static TokenRow json(String row, String mark, int status, String body, Meaning meaning) {
    return new TokenRow(row, mark, status, "application/json", body, meaning);
  }

  private static TokenRow html(String row, String mark, int status, Meaning meaning) {
    return new TokenRow(row, mark, status, "text/html", HTML, meaning);
  }

  private static String error(String code, String description) {
    return "{\"error_code\":\"" + code + "\",\"error_description\":\"" + description + "\"}";
  }

  static Stream<TokenRow> tokenRows() {
    List<TokenRow> rows = new ArrayList<>();
    rows.add(json("6.1", "L", 400, error("invalid_grant", "Grant revoked"), Meaning.USER));
    rows.add(
        json("6.2", "L", 400, error("invalid_grant", "Client secret mismatch"), Meaning.CLIENT));
    rows.add(json("6.3", "L", 400, error("invalid_grant", "Invalid JWT"), Meaning.USER));
    rows.add(
        json(
            "6.4",
            "L",
            400,
            error("invalid_request", "User is not a TastyTrade customer"),
            Meaning.LATER));
    rows.add(
        json(
            "6.5",
            "L",
            400,
            error("internal_server_error", "Failed request to get http://backend.invalid"),
            Meaning.LATER));
    for (int status : new int[] {400, 401, 403}) {
      rows.add(
          json("6.6", "I", status, error("invalid_client", "Client not found"), Meaning.CLIENT));
      rows.add(json("6.6", "I", status, error("invalid_request", "Missing code"), Meaning.CLIENT));
      rows.add(
          json(
              "6, RFC 6749's own name",
              "I",
              status,
              "{\"error\":\"invalid_grant\",\"error_description\":\"Grant revoked\"}",
              Meaning.USER));
      rows.add(json("13.5", "I", status, error("invalid_grant", "Invalid code"), Meaning.USER));
      rows.add(json("6, unknown text", "I", status, error("invalid_grant", "Other"), Meaning.USER));
    }
    rows.add(html("6.7", "D, L", 401, Meaning.CLIENT));
    rows.add(
        json(
            "13.13",
            "I",
            401,
            "{\"error\":{\"code\":\"token_invalid\",\"message\":\"This token is invalid\"}}",
            Meaning.CLIENT));
    rows.add(
        json(
            "13.13, not 401",
            "I",
            500,
            "{\"error\":{\"code\":\"token_invalid\",\"message\":\"This token is invalid\"}}",
            Meaning.IN_DOUBT));
    rows.add(json("6.8", "D", 429, "", Meaning.LATER));
    rows.add(
        json(
            "13.15",
            "I",
            429,
            "{\"error\":{\"code\":\"too_many_requests\",\"message\":\"Too many requests\"}}",
            Meaning.LATER));
    rows.add(
        json(
            "13.15, not 429",
            "I",
            503,
            "{\"error\":{\"code\":\"too_many_requests\",\"message\":\"Too many requests\"}}",
            Meaning.IN_DOUBT));
    for (int status : new int[] {500, 502, 503, 504}) {
      rows.add(html("6.9", "D, L", status, Meaning.IN_DOUBT));
      rows.add(
          json(
              "7.500",
              "D",
              status,
              "{\"error\":{\"code\":\"internal_server_error\",\"message\":\"Error\"}}",
              Meaning.IN_DOUBT));
      rows.add(
          json(
              "6.5, as a server error",
              "I",
              status,
              error("internal_server_error", "Failed request"),
              Meaning.IN_DOUBT));
    }
    rows.add(json("2, a redirect", "C1", 302, "", Meaning.LATER));
    rows.add(html("a page sent as success", "I", 200, Meaning.IN_DOUBT));
    rows.add(
        json(
            "an error sent as success",
            "I",
            200,
            error("invalid_grant", "Grant revoked"),
            Meaning.USER));
    return rows.stream();
  }

  @ParameterizedTest
  @MethodSource("tokenRows")
  void tokenEndpoint_row_meansWhatTheSheetSays(TokenRow row) {
    Answer answer = answer(row.status, row.type, row.body);
    for (Grant grant :
        List.of(
            Tastytrade.grant(ClientCredentials.of("id", "canary"), "canary"),
            Tastytrade.code("canary", URI.create("https://app.example.com/cb")))) {
      assertEquals(row.meaning, meaning(BROKER.exchange(grant).read(answer)), row.toString());
    }
  }

  private static Meaning meaning(ExchangeAnswer answer) {
    assertFalse(answer instanceof ExchangeAnswer.Granted, answer.toString());
    if (answer instanceof ExchangeAnswer.Refused) {
      return ((ExchangeAnswer.Refused) answer).party() == ExchangeAnswer.Party.USER
          ? Meaning.USER
          : Meaning.CLIENT;
    }
    return answer instanceof ExchangeAnswer.Later ? Meaning.LATER : Meaning.IN_DOUBT;
  }

  /** One row of section 7. */
  record ApiRow(
      String row,
      String mark,
      int status,
      String type,
      String body,
      Rejection rejection,
      Class<? extends ProbeAnswer> probe) {

    @Override
    public String toString() {
      return row + " [" + mark + "] " + status + " " + probe.getSimpleName();
    }
  }

  private static String apiError(String code) {
    return "{\"error\":{\"code\":" + code + ",\"message\":\"said\"}}";
  }

  static Stream<ApiRow> apiRows() {
    List<ApiRow> rows = new ArrayList<>();
    Map<String, String> tokenCodes =
        Map.of(
            "\"token_invalid\"", "L (2023)",
            "\"unauthorized\"", "D, C1",
            "\"invalid_session\"", "C1",
            "\"invalid_credentials\"", "D, C2",
            "\"never_heard_of\"", "I");
    tokenCodes.forEach(
        (code, mark) ->
            rows.add(apiRow("7.401", mark, 401, apiError(code), ProbeAnswer.Dead.class)));
    rows.add(apiRow("7.401, no body", "I", 401, "", ProbeAnswer.Dead.class));
    rows.add(apiRow("7.401, no object", "I", 401, "[]", ProbeAnswer.Dead.class));
    for (String code : List.of("\"not_permitted\"", "\"unconfirmed_user\"")) {
      rows.add(apiRow("7.403", "D", 403, apiError(code), ProbeAnswer.Unknown.class));
    }
    rows.add(
        apiRow("7.404", "D", 404, apiError("\"record_not_found\""), ProbeAnswer.Unknown.class));
    rows.add(apiRow("7.406", "L", 406, apiError("406"), ProbeAnswer.Unknown.class));
    rows.add(
        apiRow("7.422", "D, C2", 422, apiError("\"validation_error\""), ProbeAnswer.Unknown.class));
    rows.add(apiRow("7.429", "D", 429, "", ProbeAnswer.Unknown.class));
    rows.add(
        apiRow(
            "7.500", "D", 500, apiError("\"internal_server_error\""), ProbeAnswer.Unknown.class));
    rows.add(
        new ApiRow(
            "7.401, page",
            "D",
            401,
            "text/html",
            HTML,
            Rejection.NOT_THE_TOKEN,
            ProbeAnswer.Unknown.class));
    rows.add(
        new ApiRow(
            "7.502, page",
            "L",
            502,
            "text/html",
            HTML,
            Rejection.NOT_THE_TOKEN,
            ProbeAnswer.Unknown.class));
    rows.add(
        new ApiRow(
            "7.401, JSON called a page",
            "I",
            401,
            "text/html; charset=utf-8",
            apiError("\"token_invalid\""),
            Rejection.RENEW,
            ProbeAnswer.Dead.class));
    return rows.stream();
  }

  private static ApiRow apiRow(
      String row, String mark, int status, String body, Class<? extends ProbeAnswer> probe) {
    return new ApiRow(row, mark, status, "application/json", body, Rejection.RENEW, probe);
  }

  @ParameterizedTest
  @MethodSource("apiRows")
  void api_row_meansWhatTheSheetSays(ApiRow row) {
    Answer answer = answer(row.status, row.type, row.body);
    assertEquals(row.rejection, BROKER.rejection(answer), row.toString());
    assertEquals(
        row.probe, Objects.requireNonNull(BROKER.probe()).read(answer).getClass(), row.toString());
  }

  private static Answer answer(int status, String type, String body) {
    return Answer.of(status, Map.of("Content-Type", type), body.getBytes(StandardCharsets.UTF_8));
  }
}
