package io.tradeauth.settrade.testing;

import io.tradeauth.testing.Wire;

/**
 * Why a call is refused. Most real statuses are unpublished, so {@link SettradeSimulator#refuse}
 * can set other ones; codes that the sheet calls invented are invented here too.
 */
public enum Refusal {
  /** The broker id or the app code is unknown. */
  NO_SUCH_APP(404, "OA-LOGIN-001", "broker app not found"),
  /** The key is unknown, or the signature or its time is not accepted. */
  LOGIN_REFUSED(401, "OA-LOGIN-002", "login refused"),
  /** A field of the body is missing, or it is no JSON. */
  BAD_REQUEST(400, "OA-LOGIN-400", "bad request"),
  /** The login service is closed. */
  CLOSED(503, "OA-LOGIN-U-591", "System Unavailable"),
  /** The refresh token is spent, unknown or dead. */
  REFRESH_REFUSED(401, "OA-REFRESH-401", "refresh refused"),
  /** The access or dispatcher token is missing or dead. */
  UNAUTHORIZED(401, "API-401", "unauthorized"),
  /** The token is fine, but this broker or account has no right to that. */
  NOT_PERMITTED(403, "GWD-07", "permission denied"),
  /** Too many calls in this second or minute. */
  RATE_LIMIT(429, "{\"message\":\"API rate limit exceeded\"}");

  private final int status;
  private final String body;

  Refusal(int status, String code, String message) {
    this(status, "{\"code\":" + Wire.quote(code) + ",\"message\":" + Wire.quote(message) + "}");
  }

  Refusal(int status, String body) {
    this.status = status;
    this.body = body;
  }

  int status() {
    return status;
  }

  String body() {
    return body;
  }
}
