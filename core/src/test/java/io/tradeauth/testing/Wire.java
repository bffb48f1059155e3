package io.tradeauth.testing;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import mockwebserver3.MockResponse;
import mockwebserver3.MockResponseBody;
import mockwebserver3.RecordedRequest;
import okio.Buffer;
import okio.ByteString;
import org.jspecify.annotations.Nullable;

/** Reads what simulators are sent and writes what they answer. */
public final class Wire {

  private static final JsonFactory JSON = new JsonFactory();

  private Wire() {}

  /**
   * Returns the fields of a form body, decoded; none if the content type is another one.
   *
   * <p>Of a field that is sent twice the last value counts.
   */
  public static Map<String, String> form(RecordedRequest request) {
    Map<String, String> fields = new LinkedHashMap<>();
    if (hasType(request, "application/x-www-form-urlencoded")) {
      for (String pair : body(request).split("&")) {
        int equals = pair.indexOf('=');
        if (equals >= 0) {
          fields.put(decode(pair.substring(0, equals)), decode(pair.substring(equals + 1)));
        }
      }
    }
    return fields;
  }

  /**
   * Returns the members of the outer object of a JSON body that have a simple value, as text; none
   * if the body is no such object or the content type is another one.
   */
  public static Map<String, String> json(RecordedRequest request) {
    return hasType(request, "application/json") ? json(body(request)) : Map.of();
  }

  /** Returns the members of the outer object of {@code text} that have a simple value, as text. */
  public static Map<String, String> json(String text) {
    Map<String, String> members = new LinkedHashMap<>();
    try (JsonParser parser = JSON.createParser(text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return Map.of();
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        if (value.isScalarValue() && value != JsonToken.VALUE_NULL) {
          members.put(name, parser.getText());
        }
        parser.skipChildren();
      }
      return members;
    } catch (IOException e) {
      return Map.of(); // a broken body has no members; what that means is for the simulator to say
    }
  }

  /** Returns {@code text} as a JSON string with its quotes, or {@code null}. */
  public static String quote(@Nullable String text) {
    return text == null
        ? "null"
        : '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + '"';
  }

  /** Returns the token of an {@code Authorization: Bearer} header, or null if there is none. */
  public static @Nullable String bearer(RecordedRequest request) {
    String header = request.getHeaders().get("Authorization");
    return header != null && header.regionMatches(true, 0, "Bearer ", 0, 7)
        ? header.substring(7).trim()
        : null;
  }

  /** Returns the body as text; empty if there is none. */
  public static String body(RecordedRequest request) {
    ByteString body = request.getBody();
    return body == null ? "" : body.utf8();
  }

  /** Returns the body of an answer as text; empty if there is none. */
  public static String body(MockResponse answer) {
    MockResponseBody body = answer.getBody();
    Buffer text = new Buffer();
    if (body != null) {
      try {
        body.writeTo(text);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return text.readUtf8();
  }

  private static boolean hasType(RecordedRequest request, String type) {
    String header = request.getHeaders().get("Content-Type");
    return header != null && header.toLowerCase(Locale.ROOT).startsWith(type);
  }

  private static String decode(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }
}
