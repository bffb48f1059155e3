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
 * Hands out one broker's access tokens, with a refresh lock for each user and expiry with a skew.
 *
 * <p>Any number of threads may ask, all day. A token that is still good is returned at once,
 * without a lock; past the renew-ahead threshold it is returned and renewed in the background; past
 * the skew the callers of that user wait together for one exchange. An exchange never runs on a
 * caller's thread and goes on whatever becomes of the caller.
 *
 * <p>Every method that returns a token throws {@link SignInRequiredException} if only the user can
 * help, {@link BrokerConfigurationException} if the settings must be corrected, {@link
 * BrokerUnavailableException} if it makes sense to ask again later, {@link TokenStoreException} if
 * the store must be mended, and {@link TokenWaitInterruptedException} if the calling thread was
 * interrupted while it waited. It never waits for a human, and never longer than {@link
 * BrokerSettings#maxWait}.
 */
public interface TokenProvider {

  /** Returns an access token that works. */
  AccessToken get(String userId);

  /**
   * Returns a token that the broker issues beside the access token.
   *
   * @throws SignInRequiredException if the user has none, or it has ended
   */
  AccessToken get(String userId, TokenName name);

  /**
   * Returns an access token that still lasts for {@code life}, if that can be had: it is renewed
   * first if less than {@code life}, or less than half of what it had at first, is left. A wish: if
   * renewal is impossible or fails, the token in hand is returned while it can be used.
   */
  AccessToken getLasting(String userId, Duration life);

  /**
   * As {@link #get(String)}, for a call that needs {@code required} of the granted scope. Nothing
   * is exchanged because some of it is missing: only the user can grant more. If the server never
   * told what it granted, the token is returned, and the API decides.
   *
   * @throws SignInRequiredException also, with {@link
   *     SignInRequiredException.Reason#SCOPE_DOWNGRADED}, if the server has told that one of them
   *     is not granted
   */
  AccessToken getScoped(String userId, String... required);

  /**
   * As {@link #get}, without waiting. Cancelling the future harms no one. What depends on it runs
   * on the manager's callback executor.
   */
  CompletableFuture<AccessToken> getAsync(String userId);

  /** As {@link #getAsync(String)}; what depends on the future runs on {@code executor}. */
  CompletableFuture<AccessToken> getAsync(String userId, Executor executor);

  /**
   * Returns another token than {@code rejected}, which an API has refused with a 401. If it was
   * replaced in the meantime, the new one is returned and nothing is sent; else it is renewed, at
   * most once in 30 seconds.
   *
   * @throws BrokerUnavailableException also if the token in hand was renewed so shortly before that
   *     renewing again would not help
   */
  AccessToken getInsteadOf(String userId, AccessToken rejected);

  /** Exchanges now, whatever is left of the token in hand; at most once in 5 seconds. */
  AccessToken renew(String userId);

  /** Returns the token in hand if it is good, with no I/O and no renewal. */
  Optional<AccessToken> peek(String userId);

  /** Returns a handle for one user: the same calls without the look-up. It may be kept for ever. */
  UserTokens forUser(String userId);

  /**
   * Returns an interceptor for a client that serves many users: each request names its user by a
   * tag, {@code request.tag(RequestUser.class, new RequestUser("alice"))}. Reads are repeated once
   * after a 401; see {@link Repeat}.
   */
  default Interceptor interceptor() {
    return interceptor(Repeat.READS);
  }

  /** As {@link #interceptor()}, with another choice of what may be repeated. */
  Interceptor interceptor(Repeat repeat);

  /**
   * Runs a call of the broker with the user's token; a refused token is replaced and it runs again.
   */
  <T> T call(String userId, BrokerCall<T> call);

  /**
   * Runs {@code request} with a token; if its result is rejected, closes that result if it can be
   * closed, and runs it once more with another token.
   */
  <T, X extends Exception> T call(
      String userId, TokenRequest<T, X> request, RejectedTest<T, X> rejected) throws X;

  /**
   * Runs {@code request} once, as an order must be. If its result is rejected, the token is
   * replaced for the next time, and the result is handed back.
   */
  <T, X extends Exception> T callOnce(
      String userId, TokenRequest<T, X> request, RejectedTest<T, X> rejected) throws X;

  /**
   * As {@link #call(String, TokenRequest, RejectedTest)}, for a client that answers by a future. If
   * the future that is returned is cancelled, or completed otherwise, nothing more is run, and a
   * result that comes later is closed if it can be; what runs already is not cancelled.
   */
  <T> CompletableFuture<T> callAsync(
      String userId,
      TokenRequest<? extends CompletableFuture<T>, ?> request,
      RejectedTest<T, ?> rejected);

  /**
   * As {@link #callOnce}, for a client that answers by a future. If the future that is returned is
   * cancelled, or completed otherwise, nothing more is run, and a result that comes later is closed
   * if it can be; what runs already is not cancelled.
   */
  <T> CompletableFuture<T> callOnceAsync(
      String userId,
      TokenRequest<? extends CompletableFuture<T>, ?> request,
      RejectedTest<T, ?> rejected);

  /**
   * Sends a request of {@code java.net.http} by the rules of the interceptor: only to the broker's
   * hosts; a GET or HEAD is repeated once after a 401.
   *
   * @throws BrokerConfigurationException if the client follows redirects, which would carry the
   *     token away, or the request goes to another host
   */
  <T> HttpResponse<T> send(
      String userId, HttpClient client, HttpRequest request, HttpResponse.BodyHandler<T> handler)
      throws IOException, InterruptedException;

  /**
   * Returns the address of {@code path}, such as {@code /accounts}, on the environment's main host.
   */
  URI apiUri(String path);

  /** Returns a provider for unit tests of an application: everybody has this token, always. */
  static TokenProvider fixed(AccessToken token) {
    return new FixedTokenProvider(token);
  }
}
