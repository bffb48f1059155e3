package io.tradeauth;

import java.net.URI;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The hosts that may see a bearer token of one broker and environment. Immutable.
 *
 * <p>A token is sent over TLS only (RFC 6750 section 5.3); the one exception is a loopback address
 * that was named on purpose, for tests.
 */
public final class ApiHosts {

  private final List<URI> bases;
  private final List<Origin> origins;

  private ApiHosts(List<URI> bases) {
    this.bases = bases;
    this.origins = bases.stream().map(Origin::of).distinct().collect(Collectors.toList());
  }

  /** Where a token may go, in lower case. */
  private record Origin(String scheme, String host, int port) {

    static Origin of(URI base) {
      String scheme = base.getScheme().toLowerCase(Locale.ROOT);
      String host = unbracketed(base.getHost().toLowerCase(Locale.ROOT));
      return new Origin(scheme, host, actual(base.getPort(), scheme));
    }

    private static String unbracketed(String host) {
      return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }

    private static int actual(int port, String scheme) {
      return port != -1 ? port : scheme.equals("https") ? 443 : 80;
    }

    /** Asked twice for each request of an application: what is in lower case is not copied. */
    boolean is(String otherScheme, String otherHost, int otherPort) {
      return port == actual(otherPort, scheme)
          && isScheme(otherScheme.toLowerCase(Locale.ROOT))
          && host.equals(unbracketed(otherHost.toLowerCase(Locale.ROOT)));
    }

    /** A web socket counts as the HTTP it starts with. */
    private boolean isScheme(String other) {
      return other.equals(scheme) || other.equals(scheme.equals("https") ? "wss" : "ws");
    }
  }

  /**
   * Lists the bases of an environment, the main one first, such as {@code https://api.example.com}.
   */
  public static ApiHosts of(String... bases) {
    return of(List.of(bases).stream().map(URI::create).collect(Collectors.toList()));
  }

  /**
   * Lists the bases of an environment, the main one first.
   *
   * @throws IllegalArgumentException if there is none, or one is neither {@code https} nor {@code
   *     http} to a loopback address
   */
  public static ApiHosts of(Collection<URI> bases) {
    if (bases.isEmpty()) {
      throw new IllegalArgumentException("bases: at least one API host is needed");
    }
    bases.forEach(ApiHosts::checkBase);
    return new ApiHosts(List.copyOf(bases));
  }

  /**
   * Refuses a base to which no secret may be sent.
   *
   * @throws IllegalArgumentException unless it is {@code https}, or {@code http} to a loopback
   *     address
   */
  public static URI checkBase(URI base) {
    if (base.getHost() == null || base.getUserInfo() != null || !isSafe(base)) {
      throw new IllegalArgumentException(
          "host " + base.getHost() + ": must be https, or http to 127.0.0.1, [::1] or localhost");
    }
    return base;
  }

  private static boolean isSafe(URI base) {
    return "https".equalsIgnoreCase(base.getScheme())
        || ("http".equalsIgnoreCase(base.getScheme()) && isLoopback(base.getHost()));
  }

  /**
   * Returns whether nobody on the way can read what is sent to a web socket: it is {@code wss}, or
   * {@code ws} to 127.0.0.1, [::1] or localhost.
   */
  public static boolean isSecureSocket(URI uri) {
    String host = uri.getHost();
    return host != null
        && ("wss".equalsIgnoreCase(uri.getScheme())
            || ("ws".equalsIgnoreCase(uri.getScheme()) && isLoopback(host)));
  }

  private static boolean isLoopback(String host) {
    return host.equals("127.0.0.1") || host.equals("[::1]") || host.equals("localhost");
  }

  /** Returns the main base, to which {@link TokenProvider#apiUri} adds a path. */
  public URI main() {
    return bases.get(0);
  }

  /**
   * Returns the address of a path on the main base.
   *
   * @param path such as {@code /accounts?open=true}, encoded
   * @throws IllegalArgumentException unless it starts with a slash, which keeps it on the host
   */
  public URI uri(String path) {
    if (!path.startsWith("/")) {
      throw new IllegalArgumentException("path: must start with a slash");
    }
    String base = main().toString();
    return URI.create(base.endsWith("/") ? base + path.substring(1) : base + path);
  }

  /**
   * Returns whether a token may be sent there: scheme, host and port are listed. A web socket
   * counts as the HTTP it starts with.
   */
  public boolean contains(URI uri) {
    return uri.getScheme() != null
        && uri.getHost() != null
        && uri.getRawUserInfo() == null
        && contains(uri.getScheme(), uri.getHost(), uri.getPort());
  }

  /** As {@link #contains(URI)}, for a URL that is already taken apart. */
  boolean contains(String scheme, String host, int port) {
    for (Origin origin : origins) {
      if (origin.is(scheme, host, port)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ApiHosts && bases.equals(((ApiHosts) other).bases);
  }

  @Override
  public int hashCode() {
    return bases.hashCode();
  }

  @Override
  public String toString() {
    return bases.toString();
  }
}
