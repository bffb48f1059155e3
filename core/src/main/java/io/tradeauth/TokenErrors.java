package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * What an answer without tokens means: RFC 6749 section 5.2 and the statuses of RFC 9110, as a base
 * for a broker's own table.
 */
public final class TokenErrors {

  private TokenErrors() {}

  /** A broker's own rows, asked before the standard ones. */
  @FunctionalInterface
  public interface Table {

    /** Returns what the error means at this broker, or null if the standard says it. */
    @Nullable ExchangeAnswer meaning(int status, String error, String description);
  }

  /** Returns what an answer means that brought no tokens, by the standard alone. */
  public static ExchangeAnswer meaning(Answer answer) {
    return meaning(answer, (status, error, description) -> null);
  }

  /**
   * Returns what an answer means that brought no tokens, by the broker's table and the standard.
   */
  public static ExchangeAnswer meaning(Answer answer, Table table) {
    Json json = answer.json();
    String error = json == null ? null : errorCode(json);
    if (error == null) {
      return byStatus(answer);
    }
    String description = description(json);
    ExchangeAnswer own = table.meaning(answer.status(), error, description);
    return own != null ? own : byCode(answer, error, description);
  }

  /** Brokers write {@code error}, {@code error_code} or both. */
  private static @Nullable String errorCode(Json json) {
    String error = json.text("error");
    return error != null ? error : json.text("error_code");
  }

  private static String description(@Nullable Json json) {
    String description = json == null ? null : json.text("error_description");
    return description == null ? "" : description;
  }

  private static ExchangeAnswer byCode(Answer answer, String error, String description) {
    switch (error) {
      case "invalid_grant":
        return new ExchangeAnswer.Refused(ExchangeAnswer.Party.USER, error, description);
      case "invalid_client":
      case "unauthorized_client":
      case "unsupported_grant_type":
      case "invalid_request":
      case "invalid_scope":
        return new ExchangeAnswer.Refused(ExchangeAnswer.Party.CLIENT, error, description);
      case "temporarily_unavailable":
      case "slow_down":
        return new ExchangeAnswer.Later(error);
      default:
        return byStatus(answer);
    }
  }

  private static ExchangeAnswer byStatus(Answer answer) {
    String code = "http " + answer.status();
    // A gateway that gives up may have passed the request on; so may one that sends a page as
    // success.
    boolean unclear = answer.isSuccess() || answer.status() >= 500 || answer.status() == 408;
    return unclear ? new ExchangeAnswer.Unclear(code) : new ExchangeAnswer.Later(code);
  }
}
