package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerProfile;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Rejection;
import io.tradeauth.TokenSet;
import org.jspecify.annotations.Nullable;

/**
 * An environment without a login: its tokens are made by hand in Upstox's console and imported. For
 * any number of threads.
 */
final class ConsoleTokens implements Broker {

  private final BrokerProfile profile;
  private final @Nullable BrokerCall<ProbeAnswer> probe;

  ConsoleTokens(BrokerProfile profile, @Nullable BrokerCall<ProbeAnswer> probe) {
    this.profile = profile;
    this.probe = probe;
  }

  @Override
  public BrokerProfile profile() {
    return profile;
  }

  @Override
  public @Nullable Grant renewal(@Nullable TokenSet tokens) {
    return null;
  }

  @Override
  public BrokerCall<ExchangeAnswer> exchange(Grant grant) {
    throw new IllegalArgumentException(
        "grant: "
            + profile.name()
            + " has no sign-in; import the token that Upstox's console made");
  }

  @Override
  public @Nullable BrokerCall<ProbeAnswer> probe() {
    return probe;
  }

  @Override
  public Rejection rejection(Answer answer) {
    return UpstoxAnswers.rejection(answer);
  }

  @Override
  public String toString() {
    return "ConsoleTokens[" + profile.name() + "]";
  }
}
