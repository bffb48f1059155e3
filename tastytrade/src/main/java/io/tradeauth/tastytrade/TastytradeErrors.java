package io.tradeauth.tastytrade;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.ExchangeAnswer.Later;
import io.tradeauth.ExchangeAnswer.Party;
import io.tradeauth.ExchangeAnswer.Refused;
import io.tradeauth.Json;
import io.tradeauth.Rejection;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What tastytrade's errors mean where the standards do not say it. */
final class TastytradeErrors {

  /** Who is still no customer then is none. */
  private static final Duration NOT_A_CUSTOMER = Duration.ofHours(2);

  private TastytradeErrors() {}

  /** The rows of the token endpoint that differ from RFC 6749. */
  static @Nullable ExchangeAnswer meaning(int status, String error, String description) {
    return switch (error) {
      // The grant is good; the secret that came with it, or with the settings, is not.
      case "invalid_grant" ->
          description.equals("Client secret mismatch")
              ? new Refused(Party.CLIENT, error, description)
              : null;
      // Said of customers too, around the opening of the market, and gone within 70 minutes.
      case "invalid_request" ->
          description.equals("User is not a TastyTrade customer")
              ? new Later(error, NOT_A_CUSTOMER)
              : null;
      // With status 400; as a 5xx nobody knows what was done.
      case "internal_server_error" -> status < 500 ? new Later(error) : null;
      default -> null;
    };
  }

  /**
   * Reads the answer of the token endpoint. A 401 without an error code comes from the proxy in
   * front of it: the {@code User-Agent}, or an {@code Authorization} header that somebody added.
   * That is nobody's dead token.
   */
  static ExchangeAnswer read(Answer answer, BrokerCall<ExchangeAnswer> standard) {
    return answer.status() == 401 && !hasTokenErrorCode(answer.json())
        ? new Refused(Party.CLIENT, "http 401", "User-Agent or Authorization header refused")
        : standard.read(answer);
  }

  private static boolean hasTokenErrorCode(@Nullable Json json) {
    return json != null && (json.text("error") != null || json.text("error_code") != null);
  }

  /** Every 401 in JSON is about the token, whatever its code; a page is about the request. */
  static Rejection rejection(Answer answer) {
    return answer.isHtml() && answer.json() == null ? Rejection.NOT_THE_TOKEN : Rejection.RENEW;
  }

  /** Returns the code of an API error, which may be a string or a number. */
  static String code(Answer answer) {
    Json json = answer.json();
    Json error = json == null ? null : json.object("error");
    String code = error == null ? null : error.textOrNumber("code");
    return code == null ? "http " + answer.status() : code;
  }
}
