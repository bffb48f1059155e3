package io.tradeauth;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import okhttp3.Headers;
import org.jspecify.annotations.Nullable;

/**
 * A whole answer of a server: status, headers and at most 64 KiB of body. Immutable; prints its
 * status only.
 */
public final class Answer {

  private final int status;
  private final Function<String, @Nullable String> headers;
  private final String body;
  private final @Nullable URI uri;

  private Answer(
      int status, Function<String, @Nullable String> headers, String body, @Nullable URI uri) {
    this.status = status;
    this.headers = headers;
    this.body = body;
    this.uri = uri;
  }

  /** Makes an answer with a body in UTF-8; of headers with the same name the last counts. */
  public static Answer of(int status, Map<String, String> headers, byte[] body) {
    return of(status, headers, new String(body, StandardCharsets.UTF_8));
  }

  static Answer of(int status, Map<String, String> headers, String body) {
    Map<String, String> folded = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    folded.putAll(headers);
    return new Answer(status, folded::get, body, null);
  }

  /** Makes the answer to a request that went to {@code asked}. */
  static Answer of(int status, Headers headers, String body, @Nullable URI asked) {
    return new Answer(status, headers::get, body, asked);
  }

  /** Returns the same as the answer to a request that went to {@code asked}. */
  public Answer from(URI asked) {
    return new Answer(status, headers, body, asked);
  }

  /**
   * Returns where the request went, which is never another place than it was sent to; null if this
   * answer was made up.
   */
  public @Nullable URI uri() {
    return uri;
  }

  /** Returns the HTTP status. */
  public int status() {
    return status;
  }

  /** Returns whether the status is 200 to 299. */
  public boolean isSuccess() {
    return status / 100 == 2;
  }

  /** Returns a header by its name in any case, or null. */
  public @Nullable String header(String name) {
    return headers.apply(name);
  }

  /**
   * Returns the body as a JSON object, or null if it is anything else. Decided by reading it:
   * servers send JSON as {@code text/plain} and HTML as JSON.
   */
  public @Nullable Json json() {
    return Json.read(body);
  }

  /** Returns whether the server says that the body is a page for humans. */
  public boolean isHtml() {
    String type = header("Content-Type");
    return type != null && type.toLowerCase(Locale.ROOT).startsWith("text/html");
  }

  @Override
  public String toString() {
    return "Answer[status=" + status + "]";
  }
}
