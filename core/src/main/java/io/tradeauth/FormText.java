package io.tradeauth;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Writes {@code application/x-www-form-urlencoded} (RFC 6749 appendix B). */
final class FormText {

  private FormText() {}

  /** Joins fields, in the order of the map. */
  static String join(Map<String, String> fields) {
    int length = 0;
    for (Map.Entry<String, String> field : fields.entrySet()) {
      length += field.getKey().length() + field.getValue().length() + 2;
    }
    StringBuilder text = new StringBuilder(length); // long tokens would make it grow many times
    fields.forEach(
        (name, value) -> {
          if (text.length() > 0) {
            text.append('&');
          }
          text.append(encode(name)).append('=').append(encode(value));
        });
    return text.toString();
  }

  /** Encodes one name or value. */
  static String encode(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (!isUnreserved(text.charAt(i))) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
      }
    }
    return text; // as most are; the encoder would copy it several times
  }

  private static boolean isUnreserved(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '-'
        || c == '_'
        || c == '.'
        || c == '*';
  }
}
