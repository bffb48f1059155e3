package io.tradeauth;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import okhttp3.Interceptor;

/**
 * One user's access tokens at one broker: {@link TokenProvider} without the look-up.
 *
 * <p>For any number of threads; may be kept for as long as the manager lives, through sign-outs and
 * sign-ins.
 */
public interface UserTokens {

  /** See {@link TokenProvider#get(String)}. */
  AccessToken get();

  /** See {@link TokenProvider#get(String, TokenName)}. */
  AccessToken get(TokenName name);

  /** See {@link TokenProvider#getLasting}. */
  AccessToken getLasting(Duration life);

  /** See {@link TokenProvider#getScoped}. */
  AccessToken getScoped(String... required);

  /** See {@link TokenProvider#getAsync(String)}. */
  CompletableFuture<AccessToken> getAsync();

  /** See {@link TokenProvider#getAsync(String, Executor)}. */
  CompletableFuture<AccessToken> getAsync(Executor executor);

  /** See {@link TokenProvider#getInsteadOf}. */
  AccessToken getInsteadOf(AccessToken rejected);

  /** See {@link TokenProvider#renew}. */
  AccessToken renew();

  /** See {@link TokenProvider#peek}. */
  Optional<AccessToken> peek();

  /**
   * Returns an interceptor for a client of this user's; see {@link TokenProvider#interceptor()}.
   */
  default Interceptor interceptor() {
    return interceptor(Repeat.READS);
  }

  /** As {@link #interceptor()}, with another choice of what may be repeated. */
  Interceptor interceptor(Repeat repeat);

  /** See {@link TokenProvider#call(String, BrokerCall)}. */
  <T> T call(BrokerCall<T> call);

  /** See {@link TokenProvider#call(String, TokenRequest, RejectedTest)}. */
  <T, X extends Exception> T call(TokenRequest<T, X> request, RejectedTest<T, X> rejected) throws X;

  /** See {@link TokenProvider#callOnce}. */
  <T, X extends Exception> T callOnce(TokenRequest<T, X> request, RejectedTest<T, X> rejected)
      throws X;

  /** See {@link TokenProvider#callAsync}. */
  <T> CompletableFuture<T> callAsync(
      TokenRequest<? extends CompletableFuture<T>, ?> request, RejectedTest<T, ?> rejected);

  /** See {@link TokenProvider#callOnceAsync}. */
  <T> CompletableFuture<T> callOnceAsync(
      TokenRequest<? extends CompletableFuture<T>, ?> request, RejectedTest<T, ?> rejected);

  /** See {@link TokenProvider#send}. */
  <T> HttpResponse<T> send(
      HttpClient client, HttpRequest request, HttpResponse.BodyHandler<T> handler)
      throws IOException, InterruptedException;
}
