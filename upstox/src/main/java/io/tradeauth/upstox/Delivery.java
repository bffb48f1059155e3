package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Json;
import io.tradeauth.Secret;
import io.tradeauth.TokenResponse;
import io.tradeauth.UserProfile;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A token that was posted to an app's notifier, by Upstox or by anybody: the post is not signed.
 *
 * @see <a
 *     href="https://upstox.com/developer/api-documentation/appendix/notifier-webhook-endpoint">notifier
 *     webhook</a>
 */
final class Delivery {

  /** Their clock may be ahead of ours. */
  private static final Duration CLOCK_DIFFERENCE = Duration.ofMinutes(1);

  private Delivery() {}

  /** Reads a post; the token in it is still unproven. */
  static TokenResponse read(String body, String clientId, Instant now) {
    Json json = Json.read(body);
    if (json == null) {
      throw new IllegalArgumentException("body: not a JSON object");
    }
    check("message_type", "access_token".equals(json.text("message_type")));
    check("client_id", clientId.equals(json.text("client_id")));
    check("token_type", "Bearer".equalsIgnoreCase(json.text("token_type")));
    Instant issuedAt = instant(json, "issued_at");
    Instant expiresAt = instant(json, "expires_at");
    check("issued_at", !issuedAt.isAfter(now.plus(CLOCK_DIFFERENCE)));
    check("expires_at", expiresAt.isAfter(now) && !expiresAt.isAfter(Upstox.latestEnd(issuedAt)));
    String userId = json.text("user_id");
    check("user_id", userId != null && !userId.isBlank());
    TokenResponse response =
        TokenResponse.builder()
            .accessToken(json.text("access_token"))
            .expiresAt(expiresAt)
            .profile(UserProfile.of(String.valueOf(userId)))
            .build();
    check("access_token", response.accessToken() != null);
    return response;
  }

  private static Instant instant(Json json, String member) {
    Long millis = json.integer(member);
    check(member, millis != null);
    return Instant.ofEpochMilli(millis == null ? 0 : millis);
  }

  private static void check(String member, boolean good) {
    if (!good) {
      throw new IllegalArgumentException(member + ": not what Upstox posts for this app now");
    }
  }

  /** Asks Upstox whose token it is, with that token. */
  static final class Proof implements BrokerCall<ExchangeAnswer> {

    private final TokenResponse pushed;
    private final Secret token;

    Proof(TokenResponse pushed) {
      this.pushed = pushed;
      this.token = required(pushed.accessToken());
    }

    private static Secret required(@Nullable Secret token) {
      if (token == null) {
        throw new IllegalArgumentException("grant: a delivered token is needed");
      }
      return token;
    }

    @Override
    public BrokerRequest request(CallContext context) {
      return BrokerRequest.get(context.apiUri(UpstoxAnswers.PROFILE_PATH))
          .header("Authorization", "Bearer " + token.value());
    }

    @Override
    public ExchangeAnswer read(Answer answer) {
      Json data = UpstoxAnswers.data(answer);
      if (data == null) {
        return UpstoxAnswers.refusal(answer);
      }
      UserProfile owner = UpstoxAnswers.profile(data);
      return owner.subject() == null
          ? new ExchangeAnswer.Unclear("profile without user_id")
          : provenFor(owner);
    }

    private ExchangeAnswer provenFor(UserProfile owner) {
      UserProfile named = pushed.profile();
      if (named != null && !Objects.equals(named.subject(), owner.subject())) {
        return new ExchangeAnswer.Refused(
            ExchangeAnswer.Party.USER, "different_user", "the token belongs to somebody else");
      }
      TokenResponse.Builder proven =
          TokenResponse.builder().accessToken(token.value()).profile(owner);
      Instant end = pushed.expiresAt();
      return new ExchangeAnswer.Granted((end == null ? proven : proven.expiresAt(end)).build());
    }
  }
}
