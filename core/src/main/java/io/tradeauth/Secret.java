package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * A string that must not be shown: a client secret, an authorization code, a code verifier.
 *
 * <p>{@link #value} is the one way to read it; nothing prints it, and it is not {@code
 * Serializable}. Immutable.
 */
public final class Secret {

  private final String value;

  private Secret(String value) {
    this.value = value;
  }

  /**
   * Wraps a secret.
   *
   * @throws IllegalArgumentException if it is blank
   */
  public static Secret of(String value) {
    if (value.isBlank()) {
      throw new IllegalArgumentException("a secret must not be blank");
    }
    return new Secret(value);
  }

  /** Returns the secret itself. */
  public String value() {
    return value;
  }

  /** Compares in a time that does not depend on where two secrets differ. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Secret && Fingerprint.same(value, ((Secret) other).value);
  }

  @Override
  public int hashCode() {
    return value.hashCode();
  }

  /** Returns a fingerprint that means something in this process only. */
  @Override
  public String toString() {
    return "Secret[#" + Fingerprint.of(value) + "]";
  }
}
