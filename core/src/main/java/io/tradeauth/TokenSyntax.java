package io.tradeauth;

/**
 * What a token may look like: RFC 6749 appendix A allows printable ASCII; a header and a form carry
 * nothing else safely.
 */
final class TokenSyntax {

  static final int LONGEST = 16 * 1024;

  private TokenSyntax() {}

  /** Returns whether {@code value} is a token that can be stored and sent. */
  static boolean isToken(String value) {
    for (int i = 0; i < value.length(); i++) {
      char character = value.charAt(i);
      if (character <= ' ' || character >= 127) {
        return false;
      }
    }
    return !value.isEmpty() && value.length() <= LONGEST;
  }

  /** Refuses what is no token, without showing a character of it. */
  static void check(String what, String value) {
    if (!isToken(value)) {
      throw new IllegalArgumentException(
          "a "
              + what
              + " must have 1 to "
              + LONGEST
              + " printable ASCII characters and no blanks; this one has "
              + value.length()
              + " characters");
    }
  }
}
