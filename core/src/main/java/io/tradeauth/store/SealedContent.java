package io.tradeauth.store;

import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.store.Fields.MalformedException;
import java.time.Instant;

/**
 * The content of a record as a store keeps it: what decides about it in the clear, the rest sealed.
 * All of it is bound together and to the record's id; nothing can be changed or moved unseen.
 *
 * @param version which content it is
 * @param state its state
 * @param since since when; whole milliseconds
 * @param label the envelope of the key and the label
 * @param secrets the envelope of the secrets
 */
record SealedContent(Version version, State state, Instant since, byte[] label, byte[] secrets) {

  /**
   * Returns the id of the key that both parts are sealed with.
   *
   * @throws MalformedException if it can't be read
   */
  String keyId() throws MalformedException {
    return Envelope.of(label).keyId();
  }

  @Override
  public String toString() {
    return "SealedContent[" + state + "]";
  }
}
