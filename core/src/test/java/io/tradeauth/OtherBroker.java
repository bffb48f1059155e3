package io.tradeauth;

import org.jspecify.annotations.Nullable;

/** As another broker, but for what a subclass does otherwise. */
abstract class OtherBroker implements Broker {

  private final Broker usual;

  OtherBroker(Broker usual) {
    this.usual = usual;
  }

  /** Returns what is sent in place of the usual request. */
  BrokerRequest request(BrokerRequest request) {
    return request;
  }

  /** Returns what an answer means in place of what it usually means. */
  ExchangeAnswer read(Grant grant, Answer answer, ExchangeAnswer meaning) {
    return meaning;
  }

  @Override
  public BrokerProfile profile() {
    return usual.profile();
  }

  @Override
  public @Nullable Grant renewal(@Nullable TokenSet tokens) {
    return usual.renewal(tokens);
  }

  @Override
  public BrokerCall<ExchangeAnswer> exchange(Grant grant) {
    BrokerCall<ExchangeAnswer> call = usual.exchange(grant);
    return new BrokerCall<>() {
      @Override
      public BrokerRequest request(CallContext context) {
        return OtherBroker.this.request(call.request(context));
      }

      @Override
      public ExchangeAnswer read(Answer answer) {
        return OtherBroker.this.read(grant, answer, call.read(answer));
      }
    };
  }

  @Override
  public @Nullable BrokerCall<ProbeAnswer> probe() {
    return usual.probe();
  }
}
