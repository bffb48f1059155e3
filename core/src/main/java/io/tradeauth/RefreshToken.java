package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * A refresh token (RFC 6749 section 1.5): what is exchanged for new access tokens. Immutable; never
 * printed.
 */
public final class RefreshToken {

  private final String value;

  private RefreshToken(String value) {
    this.value = value;
  }

  /**
   * Wraps a refresh token.
   *
   * @throws IllegalArgumentException if it is blank, longer than 16,384 characters, or has a
   *     character that is not printable ASCII
   */
  public static RefreshToken of(String value) {
    TokenSyntax.check("refresh token", value);
    return new RefreshToken(value);
  }

  /** Returns the token itself. */
  public String value() {
    return value;
  }

  /** Compares in a time that does not depend on where two tokens differ. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof RefreshToken && Fingerprint.same(value, ((RefreshToken) other).value);
  }

  @Override
  public int hashCode() {
    return value.hashCode();
  }

  /** Returns a fingerprint that means something in this process only. */
  @Override
  public String toString() {
    return "RefreshToken[#" + Fingerprint.of(value) + "]";
  }
}
