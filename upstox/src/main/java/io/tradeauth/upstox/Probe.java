package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.Json;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.UserProfile;

/**
 * A read that shows whether a token lives. Never the funds: those are closed at night, whatever the
 * token.
 */
final class Probe implements BrokerCall<ProbeAnswer> {

  private final String path;

  Probe(String path) {
    this.path = path;
  }

  @Override
  public BrokerRequest request(CallContext context) {
    return BrokerRequest.get(context.apiUri(path)).authorized();
  }

  @Override
  public ProbeAnswer read(Answer answer) {
    Json data = UpstoxAnswers.data(answer);
    if (data != null) {
      UserProfile owner = UpstoxAnswers.profile(data);
      return new ProbeAnswer.Alive(owner.subject() == null ? null : owner);
    }
    String code = UpstoxAnswers.code(answer);
    return UpstoxAnswers.isInvalidToken(answer)
        ? new ProbeAnswer.Dead(code)
        : new ProbeAnswer.Unknown(code);
  }
}
