package io.tradeauth;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import okhttp3.Interceptor;
import org.jspecify.annotations.Nullable;

/**
 * The calls of one user with whatever HTTP client: what is repeated after a refusal, and what is
 * not. For any number of threads.
 */
abstract class AbstractUserTokens implements UserTokens, TokenSource {

  @Override
  public final Interceptor interceptor(Repeat repeat) {
    return new BearerTokenInterceptor(userId -> this, this, repeat);
  }

  @Override
  public final <T, X extends Exception> T call(
      TokenRequest<T, X> request, RejectedTest<T, X> rejected) throws X {
    AccessToken token = get();
    T first = request.run(token);
    AccessToken other;
    try {
      other = rejected.isRejected(first) ? other(token) : null;
    } catch (Throwable e) {
      close(first); // nobody will get it
      throw e;
    }
    if (other == null) {
      return first;
    }
    close(first);
    return request.run(other);
  }

  @Override
  public final <T, X extends Exception> T callOnce(
      TokenRequest<T, X> request, RejectedTest<T, X> rejected) throws X {
    AccessToken token = get();
    T result = request.run(token);
    if (isRejected(rejected, result)) {
      replaceForNextTime(token);
    }
    return result;
  }

  private static <T, X extends Exception> boolean isRejected(RejectedTest<T, X> rejected, T result)
      throws X {
    try {
      return rejected.isRejected(result);
    } catch (Throwable e) {
      close(result); // nobody will get it
      throw e;
    }
  }

  private @Nullable AccessToken other(AccessToken rejected) {
    AccessToken other = replace(rejected, null);
    return other == null || other.equals(rejected) ? null : other;
  }

  private void replaceForNextTime(AccessToken rejected) {
    try {
      replace(rejected, null);
    } catch (RuntimeException e) {
      // The result in hand, perhaps an order's, matters more: the next get tells the same.
    }
  }

  @Override
  public final <T> CompletableFuture<T> callAsync(
      TokenRequest<? extends CompletableFuture<T>, ?> request, RejectedTest<T, ?> rejected) {
    return callAsync(request, rejected, (call, token, first) -> again(call, request, token, first));
  }

  @Override
  public final <T> CompletableFuture<T> callOnceAsync(
      TokenRequest<? extends CompletableFuture<T>, ?> request, RejectedTest<T, ?> rejected) {
    // Whether it can be replaced or not, the result is the caller's.
    return callAsync(
        request,
        rejected,
        (call, token, result) -> replaceAsync(token).handle((other, failure) -> result));
  }

  /** Goes on after a result was rejected. */
  @FunctionalInterface
  private interface Sequel<T> {

    CompletableFuture<T> of(CompletableFuture<T> call, AccessToken token, T rejected);
  }

  private <T> CompletableFuture<T> callAsync(
      TokenRequest<? extends CompletableFuture<T>, ?> request,
      RejectedTest<T, ?> rejected,
      Sequel<T> sequel) {
    CompletableFuture<T> call = new CompletableFuture<>();
    getAsync()
        .thenCompose(
            token ->
                run(call, request, token)
                    .thenCompose(
                        first ->
                            test(rejected, first)
                                ? sequel.of(call, token, first)
                                : CompletableFuture.completedFuture(first)))
        .whenComplete((result, failure) -> answer(call, result, failure));
    return call;
  }

  private <T> CompletableFuture<T> again(
      CompletableFuture<T> call,
      TokenRequest<? extends CompletableFuture<T>, ?> request,
      AccessToken token,
      T first) {
    return replaceAsync(token)
        .whenComplete(
            (other, failure) -> {
              if (failure != null) {
                close(first); // nobody will get it
              }
            })
        .thenCompose(
            other -> {
              if (other == null || other.equals(token)) {
                return CompletableFuture.completedFuture(first);
              }
              close(first);
              return run(call, request, other);
            });
  }

  /** Runs a request, unless its caller has gone. */
  private static <T> CompletableFuture<T> run(
      CompletableFuture<T> call,
      TokenRequest<? extends CompletableFuture<T>, ?> request,
      AccessToken token) {
    if (call.isDone()) {
      throw new CancellationException();
    }
    try {
      return request.run(token);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  private static <T> void answer(CompletableFuture<T> call, T result, @Nullable Throwable failure) {
    if (failure != null) {
      call.completeExceptionally(failure);
    } else if (!call.complete(result)) {
      close(result); // its caller has gone
    }
  }

  private static <T> boolean test(RejectedTest<T, ?> rejected, T result) {
    try {
      return isRejected(rejected, result);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  private static void close(@Nullable Object rejected) {
    if (rejected instanceof AutoCloseable) {
      try {
        ((AutoCloseable) rejected).close();
      } catch (Exception e) {
        // It was thrown away; that it can't be closed as well changes nothing.
      }
    }
  }

  @Override
  public final <T> HttpResponse<T> send(
      HttpClient client, HttpRequest request, HttpResponse.BodyHandler<T> handler)
      throws IOException, InterruptedException {
    if (client.followRedirects() != HttpClient.Redirect.NEVER) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          "client: must be built with followRedirects(NEVER), or a redirect carries the token away");
    }
    if (!hosts().contains(request.uri())) {
      throw BrokerConfigurationException.foreignHost(
          hosts(), request.uri().getScheme(), request.uri().getHost());
    }
    AccessToken token = get();
    HttpResponse<T> first = client.send(signed(request, token), handler);
    if (first.statusCode() != 401) {
      return first;
    }
    AccessToken other = otherAfter(first, token);
    if (other == null || !isRead(request.method())) {
      return first;
    }
    close(first.body());
    return client.send(signed(request, other), handler);
  }

  private @Nullable AccessToken otherAfter(HttpResponse<?> refused, AccessToken token) {
    try {
      AccessToken other = replace(token, answer(refused));
      return other == null || other.equals(token) ? null : other;
    } catch (RuntimeException e) {
      // The 401 in hand is the caller's; the next get tells why there is no other token.
      return null;
    }
  }

  private static Answer answer(HttpResponse<?> response) {
    Map<String, String> headers = new LinkedHashMap<>();
    response.headers().map().forEach((name, values) -> headers.put(name, values.get(0)));
    String body =
        response.body() instanceof byte[]
            ? new String((byte[]) response.body(), StandardCharsets.UTF_8)
            : response.body() instanceof String ? (String) response.body() : "";
    return Answer.of(response.statusCode(), headers, body);
  }

  private HttpRequest signed(HttpRequest request, AccessToken token) {
    HttpRequest.Builder signed = HttpRequest.newBuilder(request, (name, value) -> true);
    signed.setHeader("Authorization", token.authorizationFor(request.uri()));
    headers()
        .forEach(
            (name, value) -> {
              if (request.headers().firstValue(name).isEmpty()) {
                signed.setHeader(name, value);
              }
            });
    return signed.build();
  }

  private static boolean isRead(String method) {
    return method.equals("GET") || method.equals("HEAD");
  }
}
