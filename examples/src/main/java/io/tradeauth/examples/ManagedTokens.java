package io.tradeauth.examples;

import io.tradeauth.BrokerCall;
import io.tradeauth.Grant;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.TokenStore;
import java.util.List;
import okhttp3.Interceptor;

/** tradeauth looks after the tokens: one manager for all brokers. */
final class ManagedTokens implements Tokens {

  private final TokenManager manager;

  ManagedTokens(List<Market> markets, DayClock clock, TokenStore store) {
    TokenManager.Builder builder =
        TokenManager.builder().time(clock.time()).executor(clock.executor()).store(store);
    for (Market market : markets) {
      builder.broker(market.broker(), market::configure);
    }
    manager = builder.build();
  }

  private TokenProvider provider(Market market) {
    return manager.provider(market.provider());
  }

  @Override
  public void signIn(Market market, String user, Grant grant) {
    manager.signIn(market.provider(), user, grant);
  }

  @Override
  public boolean isReady(Market market, String user) {
    return provider(market).peek(user).isPresent();
  }

  @Override
  public void get(Market market, String user) {
    provider(market).get(user);
  }

  @Override
  public Interceptor interceptor(Market market) {
    return provider(market).interceptor();
  }

  @Override
  public <T> T call(Market market, String user, BrokerCall<T> call) {
    return provider(market).call(user, call);
  }

  @Override
  public boolean isSignInRequired(Throwable failure) {
    return failure instanceof SignInRequiredException;
  }

  @Override
  public void close() {
    manager.close();
  }
}
