package io.tradeauth;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Where the calls of one user get their tokens from. For any number of threads. */
interface TokenSource {

  AccessToken get();

  CompletableFuture<AccessToken> getAsync();

  /**
   * Returns another token than the one that was refused, or null if the token is not to blame.
   *
   * @param answer what the API said; null if only the fact is known
   * @throws TokenException if there is none to be had
   */
  @Nullable AccessToken replace(AccessToken rejected, @Nullable Answer answer);

  /** As {@link #replace}, on a thread that may wait. */
  CompletableFuture<@Nullable AccessToken> replaceAsync(AccessToken rejected);

  ApiHosts hosts();

  /** Returns the headers that the broker wants on every request. */
  Map<String, String> headers();
}
