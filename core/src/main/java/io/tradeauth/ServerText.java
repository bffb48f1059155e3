package io.tradeauth;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Makes text of a server fit for a log: it may hold anything, even what we sent. */
final class ServerText {

  private static final int LONGEST = 200;
  private static final Pattern UNPRINTABLE = Pattern.compile("[^ -~]");

  /** What is shorter is found in any text. */
  private static final int SHORTEST_SECRET = 4;

  private ServerText() {}

  /**
   * Returns at most 200 printable ASCII characters of {@code text}; others become a question mark.
   */
  static String clean(@Nullable String text) {
    if (text == null) {
      return "";
    }
    String start = text.length() > LONGEST ? text.substring(0, LONGEST) : text;
    return printable(start);
  }

  /**
   * As {@link #clean}, with every occurrence of the given secrets taken out first: as they are,
   * URL-encoded, made printable, or cut off at the end.
   */
  static String clean(@Nullable String text, Iterable<String> secrets) {
    if (text == null || text.isEmpty()) {
      return "";
    }
    String safe = text;
    for (String secret : secrets) {
      for (String form :
          new LinkedHashSet<>(List.of(secret, printable(secret), FormText.encode(secret)))) {
        safe = without(safe, form);
      }
    }
    return clean(safe);
  }

  private static String without(String text, String secret) {
    if (secret.length() < SHORTEST_SECRET) {
      return text;
    }
    String safe = text.replace(secret, "[secret]");
    for (int cut = secret.length() - 1; cut >= SHORTEST_SECRET; cut--) {
      if (safe.endsWith(secret.substring(0, cut))) {
        return safe.substring(0, safe.length() - cut) + "[secret]";
      }
    }
    return safe;
  }

  /** Returns whether all of it is visible ASCII or blanks. */
  static boolean isPrintable(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) < ' ' || text.charAt(i) > '~') {
        return false;
      }
    }
    return true;
  }

  /** Returns {@code text} with a question mark for whatever is not printable ASCII. */
  static String printable(String text) {
    return isPrintable(text) ? text : UNPRINTABLE.matcher(text).replaceAll("?");
  }
}
