package io.tradeauth;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Names a secret in logs without telling anything of it: an HMAC under a key that only this process
 * has. Equal secrets have equal fingerprints in one process and others in the next.
 */
final class Fingerprint {

  private static final SecretKeySpec KEY = newKey();

  private Fingerprint() {}

  private static SecretKeySpec newKey() {
    byte[] key = new byte[32];
    new SecureRandom().nextBytes(key);
    return new SecretKeySpec(key, "HmacSHA256");
  }

  /** Returns eight hexadecimal digits that stand for {@code secret}. */
  static String of(String secret) {
    return HexFormat.of().formatHex(mac(secret), 0, 4);
  }

  /**
   * Returns sixteen hexadecimal digits by which another process can tell whether it has the same
   * secret; under another salt they are others.
   */
  static String of(String secret, String salt) {
    try {
      MessageDigest hash = MessageDigest.getInstance("SHA-256");
      hash.update(salt.getBytes(StandardCharsets.UTF_8));
      byte[] salted = hash.digest(secret.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(salted, 0, 8);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  private static byte[] mac(String secret) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(KEY);
      return mac.doFinal(secret.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java runtime has HmacSHA256", e);
    }
  }

  /** Compares two secrets in a time that does not depend on where they differ. */
  static boolean same(String one, String other) {
    if (one.length() != other.length()) {
      return false;
    }
    int difference = 0;
    for (int i = 0; i < one.length(); i++) {
      difference |= one.charAt(i) ^ other.charAt(i);
    }
    return difference == 0;
  }
}
