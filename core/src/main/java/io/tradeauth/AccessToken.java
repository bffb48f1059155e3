package io.tradeauth;

import java.net.URI;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An access token (RFC 6749 section 1.4) that is bound to the hosts of its broker and environment.
 *
 * <p>Immutable, for any number of threads. Never printed: {@link #toString} shows a fingerprint and
 * the expiry.
 */
public final class AccessToken {

  private final String value;
  private final String type;
  private final long expiresAtMillis;
  private final ApiHosts hosts;

  private AccessToken(String value, String type, long expiresAtMillis, ApiHosts hosts) {
    this.value = value;
    this.type = type;
    this.expiresAtMillis = expiresAtMillis;
    this.hosts = hosts;
  }

  /**
   * Makes a bearer token, as tests of an application need it; see {@link TokenProvider#fixed}.
   *
   * @throws IllegalArgumentException if {@code value} could not be sent in a header
   */
  public static AccessToken of(String value, Instant expiresAt, ApiHosts hosts) {
    return of(value, "Bearer", expiresAt, hosts);
  }

  static AccessToken of(String value, String type, Instant expiresAt, ApiHosts hosts) {
    TokenSyntax.check("access token", value);
    return new AccessToken(value, type, millis(expiresAt), hosts);
  }

  private static long millis(Instant instant) {
    return instant.equals(Instant.MAX) ? Long.MAX_VALUE : instant.toEpochMilli();
  }

  /** Returns the token itself, for clients that {@link #authorizationFor} does not serve. */
  public String value() {
    return value;
  }

  /** Returns the token type as the server spelled it, such as {@code Bearer}. */
  public String type() {
    return type;
  }

  /**
   * Returns when the server stops taking it, by the server's clock; {@link Instant#MAX} if never. A
   * provider stops handing it out earlier.
   */
  public Instant expiresAt() {
    return expiresAtMillis == Long.MAX_VALUE ? Instant.MAX : Instant.ofEpochMilli(expiresAtMillis);
  }

  /**
   * Returns the value of the {@code Authorization} header for a request to {@code uri} (RFC 6750
   * section 2.1).
   *
   * @throws BrokerConfigurationException if {@code uri} is not one of the broker's hosts in this
   *     environment, with {@code https} or {@code wss}: the token would be given away
   */
  public String authorizationFor(URI uri) {
    if (!hosts.contains(uri)) {
      throw BrokerConfigurationException.foreignHost(hosts, uri.getScheme(), uri.getHost());
    }
    return header();
  }

  String header() {
    return type + " " + value;
  }

  ApiHosts hosts() {
    return hosts;
  }

  /** Compares the tokens alone, in a time that does not depend on where they differ. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof AccessToken && Fingerprint.same(value, ((AccessToken) other).value);
  }

  @Override
  public int hashCode() {
    return value.hashCode();
  }

  @Override
  public String toString() {
    return "AccessToken[#" + Fingerprint.of(value) + ", expiresAt=" + expiresAt() + "]";
  }
}
