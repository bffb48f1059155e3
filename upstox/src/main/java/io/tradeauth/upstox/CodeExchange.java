package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Json;
import io.tradeauth.NamedToken;
import io.tradeauth.Secret;
import io.tradeauth.TokenResponse;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/**
 * The exchange of a code. Asked as RFC 6749 has it; answered flat, without the envelope that all
 * other answers have, with a profile and perhaps an extended token.
 */
final class CodeExchange implements BrokerCall<ExchangeAnswer> {

  private static final Duration EXTENDED_LIFE = Duration.ofDays(365);

  private static final long YEAR_9999 = 253_402_300_799L;

  private final BrokerCall<ExchangeAnswer> standard;

  CodeExchange(BrokerCall<ExchangeAnswer> standard) {
    this.standard = standard;
  }

  @Override
  public BrokerRequest request(CallContext context) {
    // Without its secret the server refuses the request, and the code is spent all the same.
    context.client().requireSecret();
    return standard.request(context);
  }

  @Override
  public ExchangeAnswer read(Answer answer) {
    Json json = answer.isSuccess() ? answer.json() : null;
    if (json == null || !json.has("access_token")) {
      return spent(answer, UpstoxAnswers.refusal(answer));
    }
    TokenResponse.Builder response = TokenResponse.read(json).profile(UpstoxAnswers.profile(json));
    String extended = json.text("extended_token");
    if (extended != null && !extended.isBlank()) {
      response.namedToken(
          Upstox.EXTENDED, new NamedToken(Secret.of(extended), extendedEnd(extended, answer)));
    }
    return granted(response.build());
  }

  /**
   * Whatever Upstox itself answers, the code is spent: to try later with it is of no use. A page of
   * the edge in front of it spends nothing.
   */
  private static ExchangeAnswer spent(Answer answer, ExchangeAnswer refusal) {
    return refusal instanceof ExchangeAnswer.Later && answer.json() != null
        ? new ExchangeAnswer.Unclear(((ExchangeAnswer.Later) refusal).code())
        : refusal;
  }

  /** Nothing else in the answer is of use without an access token: none renews it. */
  private static ExchangeAnswer granted(TokenResponse response) {
    return response.accessToken() == null
        ? new ExchangeAnswer.Unclear(String.join(", ", response.problems()))
        : new ExchangeAnswer.Granted(response);
  }

  /** A year from its creation, which may lie long back: the token itself tells more. */
  private static Instant extendedEnd(String token, Answer answer) {
    Instant latest = latestEnd(answer.header("Date"));
    Json claims = Json.readJwtClaims(token);
    Long hint = claims == null ? null : claims.integer("exp");
    return hint == null || hint < 0 || hint > Math.min(latest.getEpochSecond(), YEAR_9999)
        ? latest
        : Instant.ofEpochSecond(hint);
  }

  private static Instant latestEnd(@Nullable String date) {
    try {
      return date == null
          ? Instant.MAX
          : Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(date)).plus(EXTENDED_LIFE);
    } catch (DateTimeException e) {
      // A server that can't write a date has told none.
      return Instant.MAX;
    }
  }
}
