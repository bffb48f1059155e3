package io.tradeauth;

/**
 * Which requests an interceptor repeats after it has replaced a refused token. Given for a client,
 * or for one request by a tag: {@code request.tag(Repeat.class, Repeat.ALL)}.
 *
 * <p>A request with a one-shot body is never repeated.
 */
public enum Repeat {
  /** GET and HEAD (RFC 9110 section 9.2.1): they change nothing. */
  READS,
  /** All: for requests that may safely arrive twice, such as those with an idempotency key. */
  ALL,
  /** None. */
  NOTHING
}
