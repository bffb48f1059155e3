package io.tradeauth;

/**
 * Which requests an interceptor repeats after it has replaced a refused token. Given for a client,
 * or for one request by a tag: {@code request.tag(Repeat.class, Repeat.ALL)}.
 *
 * <p>A request with a one-shot body is never repeated. What may not be repeated is not resent by
 * OkHttp by itself either: a 307, 308, 408 or 503 comes back as it is, and so does the failure of a
 * connection.
 */
public enum Repeat {
  /** GET and HEAD (RFC 9110 section 9.2.1): they change nothing. */
  READS,
  /** All: for requests that may safely arrive twice, such as those with an idempotency key. */
  ALL,
  /**
   * None. A GET or HEAD is still sent again by OkHttp where a redirect or a 503 with {@code
   * Retry-After: 0} asks for it.
   */
  NOTHING
}
