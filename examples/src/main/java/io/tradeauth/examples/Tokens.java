package io.tradeauth.examples;

import io.tradeauth.BrokerCall;
import io.tradeauth.Grant;
import okhttp3.Interceptor;

/**
 * What the application wants of whoever looks after its tokens: tradeauth, or what most
 * applications have.
 */
interface Tokens extends AutoCloseable {

  /** Signs a user in with what came from the broker. */
  void signIn(Market market, String user, Grant grant);

  /** Returns whether a token is in hand that has not ended. */
  boolean isReady(Market market, String user);

  /** Makes sure that there is a token that works. */
  void get(Market market, String user);

  /** Returns what puts the token of a request's user into the request. */
  Interceptor interceptor(Market market);

  /** Runs a call of the broker's own, for a user who may not have signed in yet. */
  <T> T call(Market market, String user, BrokerCall<T> call);

  /** Returns whether a failure says that only a human can go on. */
  boolean isSignInRequired(Throwable failure);

  @Override
  void close();
}
