package io.tradeauth;

/**
 * Something that is done with an access token.
 *
 * @param <T> what it brings
 * @param <X> what it may throw
 */
@FunctionalInterface
public interface TokenRequest<T, X extends Exception> {

  /** Does it. */
  T run(AccessToken token) throws X;
}
