package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.ExchangeAnswer.Party;
import io.tradeauth.Json;
import io.tradeauth.Rejection;
import io.tradeauth.TokenErrors;
import io.tradeauth.UserProfile;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What Upstox's answers mean. The code decides; the HTTP status, which the documentation leaves
 * open for most codes, only if there is no code that is known here.
 *
 * @see <a href="https://upstox.com/developer/api-documentation/error-codes">error codes</a>
 */
final class UpstoxAnswers {

  static final String PROFILE_PATH = "/v2/user/profile";

  /** Dead, whatever the reason: expired, revoked, never issued. */
  private static final String INVALID_TOKEN = "UDAPI100050";

  private enum Meaning {
    /** A new sign-in is needed. */
    USER,
    /** The application, its settings or its address is wrong. */
    CLIENT,
    /** Nothing is wrong with what was sent. */
    LATER
  }

  private static final Map<String, Meaning> MEANINGS =
      Map.ofEntries(
          Map.entry(INVALID_TOKEN, Meaning.USER),
          Map.entry("UDAPI100057", Meaning.USER), // code invalid or used
          Map.entry("UDAPI100058", Meaning.USER), // no active segment: reactivate, then log in
          Map.entry("UDAPI100069", Meaning.CLIENT), // id or secret
          Map.entry("UDAPI100070", Meaning.CLIENT), // redirect URI at the exchange
          Map.entry("UDAPI100068", Meaning.CLIENT), // id or redirect URI at the dialog
          Map.entry("UDAPI100016", Meaning.CLIENT), // some credential
          Map.entry("UDAPI100073", Meaning.CLIENT), // inactive app
          Map.entry("UDAPI100067", Meaning.CLIENT), // an extended token where it can't be used
          Map.entry("UDAPI1017", Meaning.CLIENT), // key missing
          Map.entry("UDAPI1018", Meaning.CLIENT), // redirect URI missing
          Map.entry("UDAPI1022", Meaning.CLIENT), // code missing
          Map.entry("UDAPI1023", Meaning.CLIENT), // grant type missing
          Map.entry("UDAPI1024", Meaning.CLIENT), // secret missing
          Map.entry("UDAPI1123", Meaning.CLIENT), // no notifier
          Map.entry("UDAPI1124", Meaning.CLIENT), // not an individual's account
          Map.entry("UDAPI1155", Meaning.CLIENT), // app under review or rejected
          Map.entry("UDAPI1157", Meaning.CLIENT), // app expired
          Map.entry("UDAPI1154", Meaning.CLIENT), // not the registered address
          Map.entry("UDAPI10000", Meaning.CLIENT), // unknown request
          Map.entry("UDAPI100060", Meaning.CLIENT), // unrouted path
          Map.entry("UDAPI100015", Meaning.CLIENT), // unknown API version
          Map.entry("UDAPI10005", Meaning.LATER), // rate limit
          Map.entry("UDAPI100099", Meaning.LATER), // rate limit of the token endpoint
          Map.entry("UDAPI100072", Meaning.LATER), // funds closed at night
          Map.entry("UDAPI100074", Meaning.LATER), // orders closed at night
          Map.entry("UDAPI100500", Meaning.LATER)); // server fault

  private UpstoxAnswers() {}

  /** Returns what an answer to an exchange means that brought no tokens. */
  static ExchangeAnswer refusal(Answer answer) {
    Json error = error(answer);
    String code = error == null ? null : codeOf(error);
    Meaning meaning = code == null ? null : MEANINGS.get(code);
    if (error == null || code == null || meaning == null) {
      return TokenErrors.meaning(answer);
    }
    if (meaning == Meaning.LATER) {
      return new ExchangeAnswer.Later(code);
    }
    String message = error.text("message");
    return new ExchangeAnswer.Refused(
        meaning == Meaning.USER ? Party.USER : Party.CLIENT, code, message == null ? "" : message);
  }

  /** Returns the server's error code, or the status in words if it sent none. */
  static String code(Answer answer) {
    Json error = error(answer);
    String code = error == null ? null : codeOf(error);
    return code == null ? "http " + answer.status() : code;
  }

  /** Of several errors the first that is known here counts. */
  private static @Nullable Json error(Answer answer) {
    Json json = answer.json();
    List<Json> errors = json == null ? List.of() : json.objects("errors");
    return errors.stream()
        .filter(error -> MEANINGS.containsKey(String.valueOf(codeOf(error))))
        .findFirst()
        .orElse(errors.isEmpty() ? null : errors.get(0));
  }

  /** Both spellings are sent; the second is deprecated. */
  private static @Nullable String codeOf(Json error) {
    String code = error.text("error_code");
    return code != null ? code : error.text("errorCode");
  }

  /** Returns the object inside the envelope of a successful answer, or null if there is none. */
  static @Nullable Json data(Answer answer) {
    Json json = answer.isSuccess() ? answer.json() : null;
    return json == null ? null : json.object("data");
  }

  static boolean isInvalidToken(Answer answer) {
    return code(answer).equals(INVALID_TOKEN);
  }

  /**
   * Young tokens have been answered {@code UDAPI100050} on order calls while reads passed (<a
   * href="https://community.upstox.com">September 2026</a>), so one 401 proves nothing.
   */
  static Rejection rejection(Answer answer) {
    String code = code(answer);
    boolean known = MEANINGS.containsKey(code);
    return known && !code.equals(INVALID_TOKEN) ? Rejection.NOT_THE_TOKEN : Rejection.PROBE_FIRST;
  }

  /** Reads the members that the exchange and the profile have in common. */
  static UserProfile profile(Json json) {
    String customerCode = json.text("user_id");
    return new UserProfile(
        customerCode,
        json.text("user_name"),
        json.text("email"),
        customerCode == null
            ? List.of()
            : List.of(new UserProfile.Account(customerCode, json.text("user_type"), null)),
        Set.copyOf(json.texts("exchanges")),
        Set.copyOf(json.texts("products")),
        Set.copyOf(json.texts("order_types")));
  }
}
