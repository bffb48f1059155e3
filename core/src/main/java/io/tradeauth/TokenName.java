package io.tradeauth;

/**
 * Names a token that a broker issues beside the access token, such as Upstox's extended token.
 *
 * @param value lower-case letters, digits and underscores, such as {@code extended}
 */
public record TokenName(String value) {

  /** Checks the name. */
  public TokenName {
    if (!value.matches("[a-z0-9_]{1,40}")) {
      throw new IllegalArgumentException("value: 1 to 40 of a-z, 0-9 and _, not \"" + value + "\"");
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
