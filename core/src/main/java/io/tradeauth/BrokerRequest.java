package io.tradeauth;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP request as a value. The engine sends it, once. Immutable; prints method and host only.
 */
public final class BrokerRequest {

  private static final Set<String> PUBLIC_FIELDS =
      Set.of("grant_type", "client_id", "redirect_uri", "scope");

  private final String method;
  private final URI uri;
  private final Map<String, String> headers;
  private final @Nullable String contentType;
  private final @Nullable String body;
  private final Map<String, ?> fields;
  private final boolean authorized;

  private BrokerRequest(
      String method,
      URI uri,
      Map<String, String> headers,
      @Nullable String contentType,
      @Nullable String body,
      Map<String, ?> fields,
      boolean authorized) {
    this.method = method;
    this.uri = ApiHosts.checkBase(uri);
    this.headers = headers;
    this.contentType = contentType;
    this.body = body;
    this.fields = fields;
    this.authorized = authorized;
  }

  /** A GET. */
  public static BrokerRequest get(URI uri) {
    return new BrokerRequest("GET", uri, Map.of(), null, null, Map.of(), false);
  }

  /** A DELETE. */
  public static BrokerRequest delete(URI uri) {
    return new BrokerRequest("DELETE", uri, Map.of(), null, null, Map.of(), false);
  }

  /** A POST, to which {@link #form} or {@link #json} adds the body. */
  public static BrokerRequest post(URI uri) {
    return new BrokerRequest("POST", uri, Map.of(), null, "", Map.of(), false);
  }

  /** Returns the same with a header more. */
  public BrokerRequest header(String name, String value) {
    Map<String, String> more = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    more.putAll(headers);
    more.put(name, value);
    return new BrokerRequest(method, uri, more, contentType, body, fields, authorized);
  }

  /**
   * Returns the same with the user's access token in the {@code Authorization} header. The engine
   * adds it, for the broker's own hosts only.
   */
  public BrokerRequest authorized() {
    return new BrokerRequest(method, uri, headers, contentType, body, fields, true);
  }

  /** Returns the same with a body of form fields (RFC 6749 appendix B). */
  public BrokerRequest form(Map<String, String> fields) {
    return new BrokerRequest(
        method,
        uri,
        headers,
        "application/x-www-form-urlencoded",
        FormText.join(fields),
        fields,
        authorized);
  }

  /** Returns the same with a JSON body of strings, numbers, booleans, maps and lists. */
  public BrokerRequest json(Map<String, ?> members) {
    return new BrokerRequest(
        method, uri, headers, "application/json", Json.write(members), members, authorized);
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

  /** Returns what must not be told to others of what is sent, should the server repeat it. */
  List<String> secrets() {
    List<String> secrets = new ArrayList<>();
    String credentials = headers.get("Authorization");
    if (credentials != null) {
      secrets.add(credentials.substring(credentials.lastIndexOf(' ') + 1)); // behind the scheme
    }
    fields.forEach(
        (name, value) -> {
          if (value instanceof String && !PUBLIC_FIELDS.contains(name)) {
            secrets.add((String) value);
          }
        });
    return secrets;
  }

  @Override
  public String toString() {
    return "BrokerRequest[" + method + " " + uri.getHost() + "]";
  }
}
