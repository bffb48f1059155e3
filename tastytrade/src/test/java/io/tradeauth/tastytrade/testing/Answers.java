package io.tradeauth.tastytrade.testing;

import io.tradeauth.testing.Wire;
import mockwebserver3.MockResponse;

/** The shapes that tastytrade's answers have; sections 6 and 7 of its fact sheet. */
final class Answers {

  static final String TOKEN_INVALID = "This token is invalid or has expired";

  private Answers() {}

  /** Makes an answer of the API: what was asked for, and where it is. */
  static MockResponse data(int status, String path, String data) {
    return json(status, "{\"data\":" + data + ",\"context\":" + Wire.quote(path) + "}");
  }

  /** Makes an error of the API. */
  static MockResponse apiError(int status, String code, String message) {
    return json(
        status,
        "{\"error\":{\"code\":" + Wire.quote(code) + ",\"message\":" + Wire.quote(message) + "}}");
  }

  static MockResponse tokenInvalid() {
    return apiError(401, "token_invalid", TOKEN_INVALID);
  }

  static MockResponse notPermitted() {
    return apiError(403, "not_permitted", "User not permitted access");
  }

  /** Makes an error of the token endpoint, which is not the one of RFC 6749. */
  static MockResponse tokenError(String code, String description) {
    return json(
        400,
        "{\"error_code\":"
            + Wire.quote(code)
            + ",\"error_description\":"
            + Wire.quote(description)
            + "}");
  }

  static MockResponse json(int status, String body) {
    return nginx(status)
        .setHeader("Content-Type", "application/json; charset=utf-8")
        .body(body)
        .build();
  }

  /** Makes a page, as the proxy and the authorize page do. */
  static MockResponse page(int status, String title) {
    return nginx(status)
        .setHeader("Content-Type", "text/html")
        .body(
            "<html><head><title>"
                + title
                + "</title></head><body><center><h1>"
                + title
                + "</h1></center><hr><center>nginx</center></body></html>")
        .build();
  }

  static MockResponse.Builder nginx(int status) {
    return new MockResponse.Builder().code(status).setHeader("Server", "nginx");
  }
}
