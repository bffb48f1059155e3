package io.tradeauth;

/**
 * Tells whether a result means that the token was refused, such as a response with status 401.
 *
 * @param <T> the result
 * @param <X> what it may throw
 */
@FunctionalInterface
public interface RejectedTest<T, X extends Exception> {

  /** Returns whether the token was refused. */
  boolean isRejected(T result) throws X;
}
