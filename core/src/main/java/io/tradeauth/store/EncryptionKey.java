package io.tradeauth.store;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A key of 256 bits that records are sealed with, and the id by which they name it.
 *
 * <p>Nothing prints the key, and it is not {@code Serializable}. Immutable.
 */
public final class EncryptionKey {

  static final int BYTES = 32;
  private static final Pattern ID = Pattern.compile("[A-Za-z0-9._:/-]{1,255}");

  private final String id;
  private final byte[] material;

  private EncryptionKey(String id, byte[] material) {
    this.id = id;
    this.material = material;
  }

  /**
   * Returns a key with a name of its own, such as its version in a key management service.
   *
   * @param id 1 to 255 letters, digits and {@code . _ : / -}; it is written in the clear beside
   *     what it seals, and must never mean another key
   * @param material 32 random bytes; copied
   * @throws IllegalArgumentException if one of them is not like that
   */
  public static EncryptionKey of(String id, byte[] material) {
    if (!ID.matcher(id).matches()) {
      throw new IllegalArgumentException("id: 1 to 255 letters, digits and . _ : / - are allowed");
    }
    if (material.length != BYTES) {
      throw new IllegalArgumentException(
          "material: must be " + BYTES + " bytes, not " + material.length);
    }
    return new EncryptionKey(id, material.clone());
  }

  /**
   * Returns a key that is named by its fingerprint.
   *
   * @param material 32 random bytes; copied
   * @throws IllegalArgumentException if it has another length
   */
  public static EncryptionKey of(byte[] material) {
    EncryptionKey key = of("unnamed", material);
    byte[] fingerprint = Hkdf.mac(key.material, "tkm/1 id".getBytes(StandardCharsets.US_ASCII));
    return new EncryptionKey(HexFormat.of().formatHex(fingerprint, 0, 8), key.material);
  }

  /** Returns a new random key. */
  public static EncryptionKey generate() {
    byte[] material = new byte[BYTES];
    new SecureRandom().nextBytes(material);
    return of(material);
  }

  /** Returns the key that a text has in Base64, or null if it has none. */
  static @Nullable EncryptionKey parse(String text) {
    try {
      byte[] material = Base64.getDecoder().decode(text);
      return material.length == BYTES ? of(material) : null;
    } catch (IllegalArgumentException e) {
      // Its message would quote the key.
      return null;
    }
  }

  /** Returns the key in Base64, as a key file has it. */
  String text() {
    return Base64.getEncoder().encodeToString(material);
  }

  /** Returns the name that records know the key by. */
  public String id() {
    return id;
  }

  /** Returns the key itself, for this package to derive from. */
  byte[] material() {
    return material;
  }

  /** Compares in a time that does not depend on where two keys differ. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof EncryptionKey
        && id.equals(((EncryptionKey) other).id)
        && MessageDigest.isEqual(material, ((EncryptionKey) other).material);
  }

  @Override
  public int hashCode() {
    return id.hashCode();
  }

  /** Returns the id, and nothing of the key. */
  @Override
  public String toString() {
    return "EncryptionKey[" + id + "]";
  }
}
