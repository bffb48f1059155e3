package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * What stands in the way of a login's next exchange. Immutable; gone with the first success.
 *
 * @param failures how many exchanges have failed in a row
 * @param last the last failure
 * @param notBeforeNanos when the next one may begin, by the monotonic clock
 * @param doubt the id of the intent whose answer was lost, if the session may depend on it
 * @param probes how many times the answer was asked for since
 */
record Trouble(
    int failures,
    BrokerUnavailableException last,
    long notBeforeNanos,
    @Nullable String doubt,
    int probes) {

  boolean isCooling(TimeSource time) {
    return notBeforeNanos - time.monotonicNanos() > 0;
  }
}
