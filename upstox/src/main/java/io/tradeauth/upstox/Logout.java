package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.Json;

/** Ends the session at once. A 401, whose body is a Java exception here, says that it had ended. */
final class Logout implements BrokerCall<Boolean> {

  @Override
  public BrokerRequest request(CallContext context) {
    return BrokerRequest.delete(context.apiUri("/v2/logout")).authorized();
  }

  @Override
  public Boolean read(Answer answer) {
    Json json = answer.isSuccess() ? answer.json() : null;
    return answer.status() == 401 || (json != null && "success".equals(json.text("status")));
  }
}
