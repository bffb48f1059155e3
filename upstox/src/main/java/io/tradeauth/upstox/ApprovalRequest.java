package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallAnswer;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Json;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A request for a token that the owner of the app has been asked to approve. If it is approved, the
 * token comes to the notifier; if not, nothing comes. Immutable; does not print the notifier, whose
 * path should be hard to guess.
 *
 * @see <a href="https://upstox.com/developer/api-documentation/access-token-request">access token
 *     request</a>
 */
public final class ApprovalRequest {

  private final @Nullable Instant expiresAt;
  private final String notifierUrl;

  private ApprovalRequest(@Nullable Instant expiresAt, String notifierUrl) {
    this.expiresAt = expiresAt;
    this.notifierUrl = notifierUrl;
  }

  /** Returns until when it can be approved; null if Upstox did not tell. */
  public @Nullable Instant expiresAt() {
    return expiresAt;
  }

  /** Returns where the token will be posted, as registered with the app. */
  public String notifierUrl() {
    return notifierUrl;
  }

  @Override
  public String toString() {
    return "ApprovalRequest[expiresAt=" + expiresAt + "]";
  }

  /** Sends the request. The client proves itself; no user takes part. */
  static final class Call implements BrokerCall<CallAnswer<ApprovalRequest>> {

    @Override
    public BrokerRequest request(CallContext context) {
      ClientCredentials client = context.client();
      String id = URLEncoder.encode(client.id(), StandardCharsets.UTF_8).replace("+", "%20");
      return BrokerRequest.post(context.apiUri("/v3/login/auth/token/request/" + id))
          .json(Map.of("client_secret", client.requireSecret().value()));
    }

    @Override
    public CallAnswer<ApprovalRequest> read(Answer answer) {
      Json data = UpstoxAnswers.data(answer);
      return data == null
          ? new CallAnswer.Refused<>(answer.status(), UpstoxAnswers.code(answer))
          : new CallAnswer.Given<>(asked(data));
    }

    /** Milliseconds since 1970 in a string, and not the seconds that some clients take them for. */
    private static ApprovalRequest asked(Json data) {
      Long millis = data.integer("authorization_expiry");
      String notifier = data.text("notifier_url");
      return new ApprovalRequest(
          millis == null ? null : Instant.ofEpochMilli(millis), notifier == null ? "" : notifier);
    }
  }
}
