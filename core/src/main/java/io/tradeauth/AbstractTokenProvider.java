package io.tradeauth;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import okhttp3.Interceptor;

/**
 * A provider whose calls, but for the hottest, go through a user's handle. For any number of
 * threads.
 */
abstract class AbstractTokenProvider implements TokenProvider {

  private final ApiHosts hosts;

  AbstractTokenProvider(ApiHosts hosts) {
    this.hosts = hosts;
  }

  /** Returns a handle for one user. */
  abstract AbstractUserTokens user(String userId);

  @Override
  public final UserTokens forUser(String userId) {
    return user(userId);
  }

  @Override
  public final AccessToken get(String userId, TokenName name) {
    return user(userId).get(name);
  }

  @Override
  public final AccessToken getLasting(String userId, Duration life) {
    return user(userId).getLasting(life);
  }

  @Override
  public final AccessToken getScoped(String userId, String... required) {
    return user(userId).getScoped(required);
  }

  @Override
  public final CompletableFuture<AccessToken> getAsync(String userId) {
    return user(userId).getAsync();
  }

  @Override
  public final CompletableFuture<AccessToken> getAsync(String userId, Executor executor) {
    return user(userId).getAsync(executor);
  }

  @Override
  public final AccessToken getInsteadOf(String userId, AccessToken rejected) {
    return user(userId).getInsteadOf(rejected);
  }

  @Override
  public final AccessToken renew(String userId) {
    return user(userId).renew();
  }

  @Override
  public final Optional<AccessToken> peek(String userId) {
    return user(userId).peek();
  }

  @Override
  public final Interceptor interceptor(Repeat repeat) {
    return new BearerTokenInterceptor(this::user, null, repeat);
  }

  @Override
  public final <T> T call(String userId, BrokerCall<T> call) {
    return user(userId).call(call);
  }

  @Override
  public final <T, X extends Exception> T call(
      String userId, TokenRequest<T, X> request, RejectedTest<T, X> rejected) throws X {
    return user(userId).call(request, rejected);
  }

  @Override
  public final <T, X extends Exception> T callOnce(
      String userId, TokenRequest<T, X> request, RejectedTest<T, X> rejected) throws X {
    return user(userId).callOnce(request, rejected);
  }

  @Override
  public final <T> CompletableFuture<T> callAsync(
      String userId,
      TokenRequest<? extends CompletableFuture<T>, ?> request,
      RejectedTest<T, ?> rejected) {
    return user(userId).callAsync(request, rejected);
  }

  @Override
  public final <T> CompletableFuture<T> callOnceAsync(
      String userId,
      TokenRequest<? extends CompletableFuture<T>, ?> request,
      RejectedTest<T, ?> rejected) {
    return user(userId).callOnceAsync(request, rejected);
  }

  @Override
  public final <T> HttpResponse<T> send(
      String userId, HttpClient client, HttpRequest request, HttpResponse.BodyHandler<T> handler)
      throws IOException, InterruptedException {
    return user(userId).send(client, request, handler);
  }

  @Override
  public final URI apiUri(String path) {
    return hosts.uri(path);
  }
}
