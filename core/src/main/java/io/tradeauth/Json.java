package io.tradeauth;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.util.JsonRecyclerPools;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A JSON object that a server sent, read leniently: unknown members are ignored, a member of an
 * unexpected type counts as absent. Immutable.
 *
 * <p>Numbers are kept as they were written, so that {@code 1e18} is nobody's {@code int}.
 */
public final class Json {

  /** What lies deeper counts as absent. */
  private static final int DEEPEST = 16;

  /** No number, name or depth of a document of 64 KiB is a reason not to read the rest of it. */
  private static final StreamReadConstraints CONSTRAINTS =
      StreamReadConstraints.builder()
          .maxNestingDepth(1_000)
          .maxNumberLength(Integer.MAX_VALUE)
          .maxNameLength(Integer.MAX_VALUE)
          .build();

  /**
   * As lenient as can be about what stands beside a token; names are not kept, because a server may
   * send anything as a name.
   */
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          // Buffers that are kept by thread are of no use to threads that live for one task.
          .recyclerPool(JsonRecyclerPools.newConcurrentDequePool())
          .streamReadConstraints(CONSTRAINTS)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .enable(JsonReadFeature.ALLOW_UNESCAPED_CONTROL_CHARS)
          .enable(JsonReadFeature.ALLOW_BACKSLASH_ESCAPING_ANY_CHARACTER)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(JsonReadFeature.ALLOW_LEADING_ZEROS_FOR_NUMBERS)
          .enable(JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS)
          .enable(JsonReadFeature.ALLOW_LEADING_DECIMAL_POINT_FOR_NUMBERS)
          .enable(JsonReadFeature.ALLOW_TRAILING_DECIMAL_POINT_FOR_NUMBERS)
          .enable(JsonReadFeature.ALLOW_TRAILING_COMMA)
          .build();

  /** For what was written here: names are few, and kept; text is as it should be. */
  private static final JsonFactory OWN =
      JsonFactory.builder()
          .recyclerPool(JsonRecyclerPools.newConcurrentDequePool())
          .streamReadConstraints(CONSTRAINTS)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .build();

  private static final Pattern INTEGRAL = Pattern.compile("(-?[0-9]{1,100})(?:\\.0{1,9})?");

  private final Map<String, Object> members;
  private final Map<String, List<Object>> contradictions;

  private Json(Map<String, Object> members, Map<String, List<Object>> contradictions) {
    this.members = members;
    this.contradictions = contradictions;
  }

  /** A number as it was written. */
  private record Numeral(String digits) {}

  /**
   * Reads a whole document in UTF-8; what is none in it becomes U+FFFD, which no token has.
   *
   * @return the object, or null if it is anything else than one JSON object
   */
  public static @Nullable Json read(byte[] document) {
    return read(new String(document, StandardCharsets.UTF_8));
  }

  /**
   * Reads a whole document.
   *
   * @return the object, or null if it is anything else than one JSON object
   */
  public static @Nullable Json read(String document) {
    try (JsonParser parser = FACTORY.createParser(withoutMark(document))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return null;
      }
      Json object = object(parser, 1);
      return parser.nextToken() == null ? object : null;
    } catch (IOException e) {
      // Not JSON, and its text may hold secrets: the caller says that the answer was unreadable.
      return null;
    }
  }

  /** Takes apart what {@link #write(Members)} wrote. */
  static JsonParser parser(byte[] own) throws IOException {
    return OWN.createParser(own);
  }

  /** Reads the value that a parser stands at; null if it is no object. */
  static @Nullable Json read(JsonParser parser) throws IOException {
    Object value = value(parser, 1);
    return value instanceof Json ? (Json) value : null;
  }

  /** Reads the objects of the array that a parser stands at; empty if it is none. */
  static List<Json> readObjects(JsonParser parser) throws IOException {
    return elements(value(parser, 1), Json.class);
  }

  /**
   * Reads the claims of a JWT (RFC 7519) without verifying it: a hint for labels and expiry, never
   * a proof (RFC 8725).
   *
   * @return the claims, or null if {@code token} is no JWT
   */
  public static @Nullable Json readJwtClaims(String token) {
    String[] parts = token.split("\\.", -1);
    if (parts.length != 3) {
      return null;
    }
    try {
      return read(Base64.getUrlDecoder().decode(parts[1]));
    } catch (IllegalArgumentException e) {
      // Not base64url, so no JWT: there is no hint.
      return null;
    }
  }

  private static String withoutMark(String document) {
    return document.startsWith("\uFEFF") ? document.substring(1) : document;
  }

  private static Json object(JsonParser parser, int depth) throws IOException {
    Map<String, Object> members = new HashMap<>();
    Map<String, List<Object>> contradictions = Map.of();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      parser.nextToken();
      Object value = value(parser, depth);
      Object earlier = value == null ? null : members.putIfAbsent(name, value);
      if (value != null && earlier != null && !earlier.equals(value)) {
        contradictions = contradictions.isEmpty() ? new HashMap<>() : contradictions;
        contradictions.computeIfAbsent(name, key -> new ArrayList<>()).add(value);
      }
    }
    return new Json(members, contradictions);
  }

  private static @Nullable Object value(JsonParser parser, int depth) throws IOException {
    if (depth == DEEPEST && parser.currentToken().isStructStart()) {
      parser.skipChildren();
      return null;
    }
    switch (parser.currentToken()) {
      case START_OBJECT:
        return object(parser, depth + 1);
      case START_ARRAY:
        return array(parser, depth + 1);
      case VALUE_STRING:
        return parser.getText();
      case VALUE_NUMBER_INT:
      case VALUE_NUMBER_FLOAT:
        return new Numeral(parser.getText());
      case VALUE_TRUE:
      case VALUE_FALSE:
        return parser.getBooleanValue();
      default:
        return null;
    }
  }

  private static List<Object> array(JsonParser parser, int depth) throws IOException {
    List<Object> values = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      Object value = value(parser, depth);
      if (value != null) {
        values.add(value);
      }
    }
    return values;
  }

  /** Returns whether the member is there and not {@code null}, whatever its type. */
  public boolean has(String name) {
    return members.containsKey(name);
  }

  /** Returns whether the member is there more than once with different values. */
  public boolean isContradicted(String name) {
    return contradictions.containsKey(name);
  }

  /**
   * Returns all different strings of a member that is there more than once; usually one or none.
   */
  Set<String> everyText(String name) {
    Set<String> texts = new LinkedHashSet<>();
    List<Object> values = new ArrayList<>(contradictions.getOrDefault(name, List.of()));
    if (members.containsKey(name)) {
      values.add(0, members.get(name));
    }
    for (Object value : values) {
      if (value instanceof String) {
        texts.add((String) value);
      }
    }
    return texts;
  }

  /** Returns a member that is a string, else null. */
  public @Nullable String text(String name) {
    return members.get(name) instanceof String ? (String) members.get(name) : null;
  }

  /** Returns a member that is a string or a number as text, else null. */
  public @Nullable String textOrNumber(String name) {
    Object value = members.get(name);
    return value instanceof Numeral ? ((Numeral) value).digits() : text(name);
  }

  /**
   * Returns a member that is an integral number, or a string that holds one, else null. A number
   * too large for a {@code long} is clamped to its range.
   */
  public @Nullable Long integer(String name) {
    String number = textOrNumber(name);
    if (number != null && isShort(number)) {
      return Long.valueOf(number);
    }
    Matcher integral = INTEGRAL.matcher(number == null ? "" : number);
    if (!integral.matches()) {
      return null;
    }
    return new BigInteger(integral.group(1))
        .max(BigInteger.valueOf(Long.MIN_VALUE))
        .min(BigInteger.valueOf(Long.MAX_VALUE))
        .longValue();
  }

  /** Returns whether it is a whole number that is not negative and surely fits, as most are. */
  private static boolean isShort(String number) {
    for (int i = 0; i < number.length(); i++) {
      if (number.charAt(i) < '0' || number.charAt(i) > '9') {
        return false;
      }
    }
    return !number.isEmpty() && number.length() < 19;
  }

  /** Returns a member that is an object, else null. */
  public @Nullable Json object(String name) {
    return members.get(name) instanceof Json ? (Json) members.get(name) : null;
  }

  /** Returns the objects of a member that is an array; empty if it is none. */
  public List<Json> objects(String name) {
    return elements(name, Json.class);
  }

  /** Returns the strings of a member that is an array; empty if it is none. */
  public List<String> texts(String name) {
    return elements(name, String.class);
  }

  private <T> List<T> elements(String name, Class<T> type) {
    return elements(members.get(name), type);
  }

  private static <T> List<T> elements(@Nullable Object array, Class<T> type) {
    if (!(array instanceof List) || ((List<?>) array).isEmpty()) {
      return List.of();
    }
    List<T> elements = new ArrayList<>(((List<?>) array).size());
    for (Object element : (List<?>) array) {
      if (type.isInstance(element)) {
        elements.add(type.cast(element));
      }
    }
    return elements;
  }

  /** Writes the members of an object. */
  @FunctionalInterface
  interface Members {

    void writeTo(JsonGenerator json) throws IOException;
  }

  /** Writes an object, member by member. */
  static byte[] write(Members members) {
    Bytes bytes = new Bytes();
    try (JsonGenerator json = OWN.createGenerator(bytes)) {
      json.writeStartObject();
      members.writeTo(json);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException("memory does not fail", e);
    }
    return bytes.toByteArray();
  }

  /** Bytes that usually come in one piece: then they are not copied. */
  private static final class Bytes extends ByteArrayOutputStream {

    Bytes() {
      super(0);
    }

    @Override
    public byte[] toByteArray() {
      return count == buf.length ? buf : super.toByteArray();
    }
  }

  /** Writes a flat or nested map of strings, numbers, booleans, maps and lists as JSON. */
  static String write(Map<String, ?> members) {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = FACTORY.createGenerator(text)) {
      writeValue(generator, members);
    } catch (IOException e) {
      throw new UncheckedIOException("a StringWriter does not fail", e);
    }
    return text.toString();
  }

  private static void writeValue(JsonGenerator generator, @Nullable Object value)
      throws IOException {
    if (value == null) {
      generator.writeNull();
    } else if (value instanceof Map) {
      generator.writeStartObject();
      for (Map.Entry<?, ?> member : ((Map<?, ?>) value).entrySet()) {
        generator.writeFieldName((String) member.getKey());
        writeValue(generator, member.getValue());
      }
      generator.writeEndObject();
    } else if (value instanceof Iterable) {
      generator.writeStartArray();
      for (Object element : (Iterable<?>) value) {
        writeValue(generator, element);
      }
      generator.writeEndArray();
    } else if (value instanceof Long || value instanceof Integer) {
      generator.writeNumber(((Number) value).longValue());
    } else if (value instanceof Boolean) {
      generator.writeBoolean((Boolean) value);
    } else {
      generator.writeString(value.toString());
    }
  }

  /** Returns the names of the members: values may be secret. */
  @Override
  public String toString() {
    return "Json" + new TreeSet<>(members.keySet());
  }
}
