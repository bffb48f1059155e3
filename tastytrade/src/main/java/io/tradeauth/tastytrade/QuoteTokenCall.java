package io.tradeauth.tastytrade;

import io.tradeauth.Answer;
import io.tradeauth.ApiHosts;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallAnswer;
import io.tradeauth.CallContext;
import io.tradeauth.Json;
import io.tradeauth.Secret;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import org.jspecify.annotations.Nullable;

/** See {@link Tastytrade#QUOTE_TOKEN}. */
final class QuoteTokenCall implements BrokerCall<CallAnswer<QuoteToken>> {

  @Override
  public BrokerRequest request(CallContext context) {
    return BrokerRequest.get(context.apiUri("/api-quote-tokens"))
        .header("Accept", "application/json")
        .authorized();
  }

  @Override
  public CallAnswer<QuoteToken> read(Answer answer) {
    Json json = answer.json();
    Json data = json == null ? null : json.object("data");
    QuoteToken token = answer.isSuccess() && data != null ? quoteToken(data) : null;
    return token == null
        ? new CallAnswer.Refused<>(answer.status(), TastytradeErrors.code(answer))
        : new CallAnswer.Given<>(token);
  }

  private static @Nullable QuoteToken quoteToken(Json data) {
    String token = data.text("token");
    URI url = socketUri(data.text("dxlink-url"));
    if (token == null || token.isBlank() || url == null) {
      return null;
    }
    String level = data.text("level");
    return new QuoteToken(
        Secret.of(token), url, level == null ? "" : level, instant(data.text("expires-at")));
  }

  private static @Nullable URI socketUri(@Nullable String text) {
    try {
      URI uri = text == null ? null : new URI(text);
      return uri != null && ApiHosts.isSecureSocket(uri) ? uri : null;
    } catch (URISyntaxException e) {
      return null; // the caller is told that the answer had no token that can be used
    }
  }

  private static @Nullable Instant instant(@Nullable String text) {
    try {
      return text == null ? null : OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeException e) {
      return null; // optional, and a day is what it would say
    }
  }
}
