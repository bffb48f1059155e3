package io.tradeauth.upstox.testing;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import mockwebserver3.MockResponse;

/**
 * Upstox's error answers (fact sheet, section 10): a code, a status, and both spellings of every
 * member.
 *
 * <p>Most statuses are not published, so each can be changed. Guarded by the simulator's lock.
 */
final class UpstoxErrors {

  static final String SERVER_FAULT = "UDAPI100500";
  static final String RATE_LIMIT = "UDAPI10005";
  static final String TOKEN_RATE_LIMIT = "UDAPI100099";
  static final String INVALID_TOKEN = "UDAPI100050";
  static final String NOT_WITH_EXTENDED_TOKEN = "UDAPI100067";
  static final String INVALID_CODE = "UDAPI100057";
  static final String INVALID_CLIENT = "UDAPI100069";
  static final String INVALID_REDIRECT = "UDAPI100070";
  static final String INVALID_DIALOG = "UDAPI100068";
  static final String INACTIVE_CLIENT = "UDAPI100073";
  static final String NO_SEGMENT = "UDAPI100058";
  static final String MISSING_CLIENT_ID = "UDAPI1017";
  static final String MISSING_REDIRECT = "UDAPI1018";
  static final String MISSING_CODE = "UDAPI1022";
  static final String MISSING_GRANT_TYPE = "UDAPI1023";
  static final String MISSING_SECRET = "UDAPI1024";
  static final String NO_NOTIFIER = "UDAPI1123";
  static final String NOT_AN_INDIVIDUAL = "UDAPI1124";
  static final String UNDER_REVIEW = "UDAPI1155";
  static final String APP_EXPIRED = "UDAPI1157";
  static final String FUNDS_CLOSED = "UDAPI100072";
  static final String ORDERS_CLOSED = "UDAPI100074";
  static final String FOREIGN_IP = "UDAPI1154";
  static final String UNKNOWN_REQUEST = "UDAPI10000";
  static final String NO_SUCH_PATH = "UDAPI100060";

  private record Kind(int status, String message) {}

  private static final Map<String, Kind> KINDS =
      Map.ofEntries(
          Map.entry(SERVER_FAULT, new Kind(500, "Something went wrong")),
          Map.entry(RATE_LIMIT, new Kind(429, "Too Many Request Sent")),
          Map.entry(TOKEN_RATE_LIMIT, new Kind(429, "Too many token requests")),
          Map.entry(INVALID_TOKEN, new Kind(401, "Invalid token used to access API")),
          Map.entry(
              NOT_WITH_EXTENDED_TOKEN,
              new Kind(403, "This API is not permitted with an extended token")),
          Map.entry(INVALID_CODE, new Kind(401, "Invalid Auth code")),
          Map.entry(INVALID_CLIENT, new Kind(401, "The client_id or client_secret is incorrect")),
          Map.entry(INVALID_REDIRECT, new Kind(401, "The redirect_uri is invalid")),
          Map.entry(
              INVALID_DIALOG, new Kind(400, "Check your client_id and redirect_uri; one is wrong")),
          Map.entry(INACTIVE_CLIENT, new Kind(401, "The client_id is inactive")),
          Map.entry(NO_SEGMENT, new Kind(403, "No segments for these users are active")),
          Map.entry(MISSING_CLIENT_ID, new Kind(400, "The api_key is required")),
          Map.entry(MISSING_REDIRECT, new Kind(400, "The redirect_uri is required")),
          Map.entry(MISSING_CODE, new Kind(400, "The code is required")),
          Map.entry(MISSING_GRANT_TYPE, new Kind(400, "The grant_type is required")),
          Map.entry(MISSING_SECRET, new Kind(400, "The api_secret is required")),
          Map.entry(NO_NOTIFIER, new Kind(400, "No notifier URL is set for this app")),
          Map.entry(NOT_AN_INDIVIDUAL, new Kind(400, "Only individual accounts may ask")),
          Map.entry(UNDER_REVIEW, new Kind(400, "The app is under review or rejected")),
          Map.entry(APP_EXPIRED, new Kind(400, "The app has expired")),
          Map.entry(FUNDS_CLOSED, new Kind(423, "Funds are closed from 00:00 to 05:30 IST")),
          Map.entry(ORDERS_CLOSED, new Kind(423, "Orders are closed from 00:00 to 05:30 IST")),
          Map.entry(FOREIGN_IP, new Kind(403, "Not the registered static IP")),
          Map.entry(UNKNOWN_REQUEST, new Kind(400, "The request is not supported")),
          Map.entry(NO_SUCH_PATH, new Kind(404, "Resource not Found")));

  private final Map<String, Integer> changed = new HashMap<>();

  void status(String code, int status) {
    if (!KINDS.containsKey(code)) {
      throw new IllegalArgumentException("code: the simulator never answers " + code);
    }
    changed.put(code, status);
  }

  /** Answers with the status of the first code and an entry for each. */
  MockResponse answer(String... codes) {
    return answer(changed.getOrDefault(codes[0], kind(codes[0]).status()), codes);
  }

  static MockResponse answer(int status, String... codes) {
    return UpstoxSimulator.body(
        status,
        "{\"status\":\"error\",\"errors\":["
            + Arrays.stream(codes).map(UpstoxErrors::entry).collect(Collectors.joining(","))
            + "]}");
  }

  static int usualStatus(String code) {
    return kind(code).status();
  }

  private static String entry(String code) {
    return """
        {"errorCode":"%1$s","message":"%2$s","propertyPath":null,"invalidValue":null,\
        "error_code":"%1$s","property_path":null,"invalid_value":null}"""
        .formatted(code, kind(code).message());
  }

  private static Kind kind(String code) {
    return KINDS.getOrDefault(code, new Kind(400, "unknown"));
  }
}
