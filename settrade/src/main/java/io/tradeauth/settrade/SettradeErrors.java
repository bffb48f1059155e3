package io.tradeauth.settrade;

import io.tradeauth.Answer;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.ExchangeAnswer.Later;
import io.tradeauth.ExchangeAnswer.Party;
import io.tradeauth.ExchangeAnswer.Refused;
import io.tradeauth.ExchangeAnswer.Unclear;
import io.tradeauth.Json;
import org.jspecify.annotations.Nullable;

/**
 * What Settrade's errors mean. Fact sheet, section 9.
 *
 * <p>The statuses of the login service are unpublished, so a code counts whatever status it came
 * with, and a status only where no code is known.
 */
final class SettradeErrors {

  private SettradeErrors() {}

  /**
   * Returns what an answer to a login means that brought no tokens. A refusal is the credential's
   * fault: signing in again with the same one would change nothing, but a broker that approves the
   * key, or a clock that is set right, does.
   */
  static ExchangeAnswer ofLogin(Answer answer) {
    String code = code(answer);
    switch (code) {
      case "OA-LOGIN-001":
      case "OA-LOGIN-002":
      case "invalid_client":
        return new Refused(Party.CLIENT, code, message(answer));
      case "OA-LOGIN-U-591":
        return new Later(code);
      default:
        return answer.status() == 401 && !answer.isHtml()
            ? new Refused(Party.CLIENT, code, message(answer))
            : byStatus(answer, code);
    }
  }

  /**
   * Returns what an answer to a refresh means that brought no tokens. Any refusal ends the refresh
   * token and no more: the login that follows tells what is wrong with the credential, if anything
   * is.
   */
  static ExchangeAnswer ofRefresh(Answer answer) {
    String code = code(answer);
    if (code.equals("OA-LOGIN-U-591")) {
      return new Later(code);
    }
    boolean refused = answer.status() / 100 == 4 && !answer.isHtml() && !isBusy(answer.status());
    return refused ? new Refused(Party.USER, code, message(answer)) : byStatus(answer, code);
  }

  private static boolean isBusy(int status) {
    return status == 408 || status == 429;
  }

  private static ExchangeAnswer byStatus(Answer answer, String code) {
    // A gateway that gives up may have passed the request on; so may one that sends a page as
    // success.
    boolean unclear = answer.isSuccess() || answer.status() >= 500 || answer.status() == 408;
    return unclear ? new Unclear(code) : new Later(code);
  }

  /**
   * Returns the error code of the service or of the gateway before it, or a word for what came
   * instead. The web firewall sends a page.
   */
  static String code(Answer answer) {
    Json json = answer.json();
    String code = json == null ? null : first(json.textOrNumber("code"), json.text("error"));
    if (code != null) {
      return code;
    }
    return answer.status() == 403 && answer.isHtml() ? "web firewall" : "http " + answer.status();
  }

  private static String message(Answer answer) {
    Json json = answer.json();
    String message =
        json == null ? null : first(json.text("message"), json.text("error_description"));
    return message == null ? "" : message;
  }

  private static @Nullable String first(@Nullable String one, @Nullable String other) {
    return one != null && !one.isBlank() ? one : other;
  }
}
