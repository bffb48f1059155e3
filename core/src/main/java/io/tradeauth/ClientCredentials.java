package io.tradeauth;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What proves to the authorization server which application asks (RFC 6749 section 2.3).
 *
 * <p>Immutable. Printed with the id, which is public, and without the secret.
 */
public final class ClientCredentials {

  private final String id;
  private final @Nullable Secret secret;
  private final Map<String, String> attributes;
  private @Nullable String fingerprint; // whoever reads none makes it: it comes out the same

  private ClientCredentials(String id, @Nullable Secret secret, Map<String, String> attributes) {
    if (id.isBlank()) {
      throw new IllegalArgumentException("id: a client id must not be blank");
    }
    this.id = id;
    this.secret = secret;
    this.attributes = attributes;
  }

  /** A confidential client. */
  public static ClientCredentials of(String id, String secret) {
    return new ClientCredentials(id, Secret.of(secret), Map.of());
  }

  /** A public client, which has no secret (RFC 6749 section 2.1) and uses PKCE. */
  public static ClientCredentials publicClient(String id) {
    return new ClientCredentials(id, null, Map.of());
  }

  /** Returns the same with one more attribute that the broker asks for, such as a broker id. */
  public ClientCredentials with(String name, String value) {
    Map<String, String> more = new TreeMap<>(attributes);
    more.put(name, value);
    return new ClientCredentials(id, secret, Map.copyOf(more));
  }

  /** Returns the client id. */
  public String id() {
    return id;
  }

  /** Returns the secret; empty for a public client. */
  public Optional<Secret> secret() {
    return Optional.ofNullable(secret);
  }

  /**
   * Returns the secret.
   *
   * @throws BrokerConfigurationException if this is a public client
   */
  public Secret requireSecret() {
    if (secret == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.CLIENT_MISSING,
          "the client credentials of " + id + " have no secret");
    }
    return secret;
  }

  /** Returns what else the broker asks for; none of it is secret. */
  public Map<String, String> attributes() {
    return attributes;
  }

  /**
   * Returns an attribute.
   *
   * @throws BrokerConfigurationException if it was not given
   */
  public String attribute(String name) {
    String value = attributes.get(name);
    if (value == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.CLIENT_MISSING,
          "the client credentials of " + id + " have no \"" + name + "\"");
    }
    return value;
  }

  /** Returns whether both are the same client; the secret may have been replaced. */
  boolean isSameClientAs(ClientCredentials other) {
    return id.equals(other.id) && attributes.equals(other.attributes);
  }

  /**
   * Returns what tells other processes of the secret without telling it; empty if there is none.
   */
  String fingerprint() {
    String known = fingerprint;
    if (known == null) {
      known = secret == null ? "" : Fingerprint.of(secret.value(), id);
      fingerprint = known;
    }
    return known;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ClientCredentials
        && isSameClientAs((ClientCredentials) other)
        && java.util.Objects.equals(secret, ((ClientCredentials) other).secret);
  }

  @Override
  public int hashCode() {
    return id.hashCode();
  }

  @Override
  public String toString() {
    return "ClientCredentials[id=" + id + "]";
  }
}
