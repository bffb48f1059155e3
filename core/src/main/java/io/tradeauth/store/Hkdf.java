package io.tradeauth.store;

import java.security.GeneralSecurityException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** HKDF with SHA-256 (RFC 5869) for keys of 32 bytes. */
final class Hkdf {

  private static final String ALGORITHM = "HmacSHA256";
  private static final byte[] FIRST_BLOCK = {1};

  private Hkdf() {}

  /** Derives a key of 32 bytes; the salt must not be empty. */
  static byte[] derive(byte[] key, byte[] salt, byte[] info) {
    byte[] extracted = mac(salt, key);
    return mac(extracted, info, FIRST_BLOCK);
  }

  /** Returns the HMAC-SHA-256 of the parts, one after the other. */
  static byte[] mac(byte[] key, byte[]... parts) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(new SecretKeySpec(key, ALGORITHM));
      for (byte[] part : parts) {
        mac.update(part);
      }
      return mac.doFinal();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java runtime has " + ALGORITHM, e);
    }
  }
}
