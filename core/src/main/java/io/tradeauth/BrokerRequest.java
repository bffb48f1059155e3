package io.tradeauth;

import java.net.URI;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP request as a value. The engine sends it, once. Immutable; prints method and host only.
 */
public final class BrokerRequest {

  private final String method;
  private final URI uri;
  private final Map<String, String> headers;
  private final @Nullable String contentType;
  private final @Nullable String body;
  private final boolean authorized;

  private BrokerRequest(
      String method,
      URI uri,
      Map<String, String> headers,
      @Nullable String contentType,
      @Nullable String body,
      boolean authorized) {
    this.method = method;
    this.uri = ApiHosts.checkBase(uri);
    this.headers = headers;
    this.contentType = contentType;
    this.body = body;
    this.authorized = authorized;
  }

  /** A GET. */
  public static BrokerRequest get(URI uri) {
    return new BrokerRequest("GET", uri, Map.of(), null, null, false);
  }

  /** A DELETE. */
  public static BrokerRequest delete(URI uri) {
    return new BrokerRequest("DELETE", uri, Map.of(), null, null, false);
  }

  /** A POST, to which {@link #form} or {@link #json} adds the body. */
  public static BrokerRequest post(URI uri) {
    return new BrokerRequest("POST", uri, Map.of(), null, "", false);
  }

  /** Returns the same with a header more. */
  public BrokerRequest header(String name, String value) {
    Map<String, String> more = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    more.putAll(headers);
    more.put(name, value);
    return new BrokerRequest(method, uri, more, contentType, body, authorized);
  }

  /**
   * Returns the same with the user's access token in the {@code Authorization} header. The engine
   * adds it, for the broker's own hosts only.
   */
  public BrokerRequest authorized() {
    return new BrokerRequest(method, uri, headers, contentType, body, true);
  }

  /** Returns the same with a body of form fields (RFC 6749 appendix B). */
  public BrokerRequest form(Map<String, String> fields) {
    return new BrokerRequest(
        method,
        uri,
        headers,
        "application/x-www-form-urlencoded",
        FormText.join(fields),
        authorized);
  }

  /** Returns the same with a JSON body of strings, numbers, booleans, maps and lists. */
  public BrokerRequest json(Map<String, ?> members) {
    return new BrokerRequest(
        method, uri, headers, "application/json", Json.write(members), authorized);
  }

  /** Returns the method. */
  public String method() {
    return method;
  }

  /** Returns where it goes. */
  public URI uri() {
    return uri;
  }

  /** Returns the headers, without {@code Authorization} and {@code Content-Type}. */
  public Map<String, String> headers() {
    return headers;
  }

  /** Returns the media type of the body, or null if there is none. */
  public @Nullable String contentType() {
    return contentType;
  }

  /** Returns the body, or null for a request without one. */
  public @Nullable String body() {
    return body;
  }

  /** Returns whether the engine adds the user's access token. */
  public boolean isAuthorized() {
    return authorized;
  }

  @Override
  public String toString() {
    return "BrokerRequest[" + method + " " + uri.getHost() + "]";
  }
}
