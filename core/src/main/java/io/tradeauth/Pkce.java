package io.tradeauth;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;

/**
 * A proof key for one authorization (RFC 7636), always with S256.
 *
 * @param verifier what is sent with the code; keep it beside the {@code state}
 * @param challenge what is sent with the authorization request
 */
public record Pkce(Secret verifier, String challenge) {

  /** Makes a fresh one: 256 random bits, 43 characters. */
  public static Pkce create() {
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    return of(Base64.getUrlEncoder().withoutPadding().encodeToString(random));
  }

  /**
   * Makes the proof key of a given verifier.
   *
   * @throws IllegalArgumentException unless it has 43 to 128 unreserved characters (RFC 7636
   *     section 4.1)
   */
  public static Pkce of(String verifier) {
    if (!verifier.matches("[A-Za-z0-9._~-]{43,128}")) {
      throw new IllegalArgumentException(
          "verifier: 43 to 128 of A-Z a-z 0-9 - . _ ~ (RFC 7636 section 4.1)");
    }
    return new Pkce(Secret.of(verifier), sha256(verifier));
  }

  private static String sha256(String verifier) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(verifier.getBytes(StandardCharsets.US_ASCII));
      return Base64.getUrlEncoder().withoutPadding().encodeToString(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
