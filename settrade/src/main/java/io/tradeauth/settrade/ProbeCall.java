package io.tradeauth.settrade;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.ProbeAnswer;

/** A read that any live token is good for. It tells nothing of whose token it is. */
final class ProbeCall implements BrokerCall<ProbeAnswer> {

  private final String service;
  private final String path;

  ProbeCall(String service, String path) {
    this.service = service;
    this.path = path;
  }

  @Override
  public BrokerRequest request(CallContext context) {
    String brokerId = context.client().attribute(Settrade.BROKER_ID);
    return BrokerRequest.get(context.apiUri(service + brokerId + path))
        .header("Accept", "application/json")
        .authorized();
  }

  /** Fact sheet, section 6: 200 alive, 401 dead, a missing right alive all the same. */
  @Override
  public ProbeAnswer read(Answer answer) {
    String code = SettradeErrors.code(answer);
    if (answer.isHtml()) {
      return new ProbeAnswer.Unknown(code);
    }
    if (answer.status() == 401) {
      return new ProbeAnswer.Dead(code);
    }
    boolean alive = answer.isSuccess() || answer.status() == 403 || code.startsWith("GWD-");
    return alive && answer.json() != null
        ? new ProbeAnswer.Alive(null)
        : new ProbeAnswer.Unknown(code);
  }
}
