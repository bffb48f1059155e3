package io.tradeauth;

/**
 * One HTTP call of a broker as a value: what is sent, and what the answer means. It does no I/O and
 * keeps no state; the engine sends it, once, from a thread of its own.
 *
 * @param <T> what the answer is read as
 */
public interface BrokerCall<T> {

  /**
   * Builds the request.
   *
   * @throws BrokerConfigurationException if the context lacks what the call needs, such as a client
   *     secret; nothing is sent then
   */
  BrokerRequest request(CallContext context);

  /** Tells what {@code answer} means. Never throws for what a server sent. */
  T read(Answer answer);
}
