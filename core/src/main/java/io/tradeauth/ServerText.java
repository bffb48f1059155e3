package io.tradeauth;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Makes text of a server fit for a log: it may hold anything, even what we sent. */
final class ServerText {

  private static final int LONGEST = 200;
  private static final Pattern UNPRINTABLE = Pattern.compile("[^ -~]");

  private ServerText() {}

  /**
   * Returns at most 200 printable ASCII characters of {@code text}; others become a question mark.
   */
  static String clean(@Nullable String text) {
    if (text == null) {
      return "";
    }
    String start = text.length() > LONGEST ? text.substring(0, LONGEST) : text;
    return UNPRINTABLE.matcher(start).replaceAll("?");
  }

  /** As {@link #clean}, with every occurrence of the given secrets taken out first. */
  static String clean(@Nullable String text, Iterable<String> secrets) {
    String safe = text == null ? "" : text;
    for (String secret : secrets) {
      safe = safe.replace(secret, "[secret]");
    }
    return clean(safe);
  }
}
