package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * What stands in the way of a login's next exchange. Immutable; gone with the first success.
 *
 * @param version the version of the record whose tokens could not be renewed
 * @param failures how many exchanges have failed in a row
 * @param last the last failure
 * @param notBeforeNanos when the next one may begin, by the monotonic clock
 * @param doubt the id of the intent whose answer was lost, if the session may depend on it
 * @param probes how many times the answer was asked for since
 */
record Trouble(
    TokenStore.@Nullable Version version,
    int failures,
    BrokerUnavailableException last,
    long notBeforeNanos,
    @Nullable String doubt,
    int probes) {

  /** Returns whether what is stored now came after it. */
  boolean isOver(TokenStore.Version stored) {
    return version != null && !version.equals(stored);
  }

  boolean isCooling(TimeSource time) {
    return notBeforeNanos - time.monotonicNanos() > 0;
  }
}
