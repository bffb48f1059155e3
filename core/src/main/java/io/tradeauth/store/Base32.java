package io.tradeauth.store;

import org.jspecify.annotations.Nullable;

/** RFC 4648 §6 in lower case and without padding: names that no file system takes for another. */
final class Base32 {

  private static final String ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
  private static final int BITS = 5;
  private static final int MASK = (1 << BITS) - 1;

  private Base32() {}

  static String encode(byte[] bytes) {
    StringBuilder text = new StringBuilder((bytes.length * Byte.SIZE + BITS - 1) / BITS);
    int window = 0;
    int held = 0;
    for (byte next : bytes) {
      window = window << Byte.SIZE | Byte.toUnsignedInt(next);
      held += Byte.SIZE;
      while (held >= BITS) {
        held -= BITS;
        text.append(ALPHABET.charAt(window >> held & MASK));
      }
    }
    if (held > 0) {
      text.append(ALPHABET.charAt(window << BITS - held & MASK));
    }
    return text.toString();
  }

  /** Returns what {@link #encode} was given, or null if it never returned this. */
  static byte @Nullable [] decode(String text) {
    byte[] bytes = new byte[text.length() * BITS / Byte.SIZE];
    int window = 0;
    int held = 0;
    int length = 0;
    for (int i = 0; i < text.length(); i++) {
      int value = ALPHABET.indexOf(text.charAt(i));
      if (value < 0) {
        return null;
      }
      window = window << BITS | value;
      held += BITS;
      if (held >= Byte.SIZE) {
        held -= Byte.SIZE;
        bytes[length++] = (byte) (window >> held);
      }
    }
    return encode(bytes).equals(text) ? bytes : null;
  }
}
