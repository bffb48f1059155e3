package io.tradeauth.store;

import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.spec.SecretKeySpec;

/**
 * The key of one write, derived from a master key and a random salt, so that the random nonces of
 * all writes under one master key never come near the limit of NIST SP 800-38D. Immutable.
 */
final class DataKey {

  static final int SALT_BYTES = 16;
  private static final byte[] INFO = {'t', 'k', 'm', '/', '1'};
  private static final SecureRandom RANDOM = new SecureRandom();

  private final String masterId;
  private final byte[] salt;
  private final SecretKeySpec key;

  private DataKey(String masterId, byte[] master, byte[] salt) {
    this.masterId = masterId;
    this.salt = salt;
    this.key = new SecretKeySpec(Hkdf.derive(master, salt, INFO), "AES");
  }

  /** Derives a key that never was. */
  static DataKey fresh(String masterId, byte[] master) {
    return new DataKey(masterId, master, random(SALT_BYTES));
  }

  /** Derives the key that an envelope was sealed with. */
  static DataKey of(Envelope envelope, byte[] master) {
    return new DataKey(envelope.keyId(), master, envelope.salt());
  }

  static byte[] random(int length) {
    byte[] bytes = new byte[length];
    RANDOM.nextBytes(bytes);
    return bytes;
  }

  boolean opens(Envelope envelope) {
    return masterId.equals(envelope.keyId()) && Arrays.equals(salt, envelope.salt());
  }

  String masterId() {
    return masterId;
  }

  byte[] salt() {
    return salt;
  }

  SecretKeySpec key() {
    return key;
  }
}
