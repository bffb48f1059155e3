package io.tradeauth;

import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The fixed values of one broker and environment. Immutable; made by {@link #builder}.
 *
 * <p>The name says which tokens an application asks for, such as {@code tastytrade} and {@code
 * tastytrade-sandbox}; the realm says where they are issued: environments with one login have one
 * realm.
 */
public final class BrokerProfile {

  private final String name;
  private final String realm;
  private final ApiHosts hosts;
  private final Map<String, String> headers;
  private final RotationProfile rotation;
  private final Expiry expiry;
  private final Duration skew;
  private final Duration renewAhead;
  private final @Nullable Duration refreshIdleLimit;
  private final @Nullable Duration refreshLifeLimit;

  private BrokerProfile(Builder builder) {
    this.name = builder.name;
    this.realm = builder.realm;
    this.hosts = builder.hosts;
    this.headers = folded(builder.headers);
    this.rotation = builder.rotation;
    this.expiry = builder.expiry;
    this.skew = builder.skew;
    this.renewAhead = builder.renewAhead;
    this.refreshIdleLimit = builder.refreshIdleLimit;
    this.refreshLifeLimit = builder.refreshLifeLimit;
  }

  /** Copies the headers so that their names are found in any case. */
  private static Map<String, String> folded(Map<String, String> headers) {
    Map<String, String> copy = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    copy.putAll(headers);
    return Collections.unmodifiableMap(copy);
  }

  /**
   * Starts a profile.
   *
   * @param name lower-case letters, digits and dashes
   * @param hosts where the API is; the only hosts that ever see a token
   */
  public static Builder builder(String name, ApiHosts hosts) {
    return new Builder(name, hosts);
  }

  /** Returns the name of the broker and environment. */
  public String name() {
    return name;
  }

  /** Returns where the tokens are issued; equal to the name unless environments share a login. */
  public String realm() {
    return realm;
  }

  /** Returns the hosts that may see a token. */
  public ApiHosts hosts() {
    return hosts;
  }

  /** Returns the headers that every request needs, tokens or not; a request's own value wins. */
  public Map<String, String> headers() {
    return headers;
  }

  /** Returns what a second use of a refresh token costs. */
  public RotationProfile rotation() {
    return rotation;
  }

  /** Returns how the end of an access token is known. */
  public Expiry expiry() {
    return expiry;
  }

  /** Returns how long before its end a token counts as expired. */
  public Duration skew() {
    return skew;
  }

  /** Returns how long before its end a token is renewed in the background. */
  public Duration renewAhead() {
    return renewAhead;
  }

  /**
   * Returns how long a refresh token lives unused; null if it does not matter. Where it is set,
   * tokens are renewed in the background even if nobody asks for them.
   */
  public @Nullable Duration refreshIdleLimit() {
    return refreshIdleLimit;
  }

  /**
   * Returns how long after its sign-in a login can be renewed at all; null if it does not end by
   * itself.
   */
  public @Nullable Duration refreshLifeLimit() {
    return refreshLifeLimit;
  }

  @Override
  public String toString() {
    return "BrokerProfile[" + name + "]";
  }

  /** Builds a profile. Not for several threads. */
  public static final class Builder {

    private final String name;
    private String realm;
    private final ApiHosts hosts;
    private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    private RotationProfile rotation = RotationProfile.STRICT;
    private Expiry expiry = Expiry.asTold();
    private Duration skew = Duration.ofSeconds(60);
    private Duration renewAhead = Duration.ZERO;
    private @Nullable Duration refreshIdleLimit;
    private @Nullable Duration refreshLifeLimit;

    private Builder(String name, ApiHosts hosts) {
      this.name = checkName("name", name);
      this.realm = name;
      this.hosts = hosts;
    }

    private static String checkName(String what, String name) {
      if (!name.matches("[a-z0-9][a-z0-9-]{0,59}")) {
        throw new IllegalArgumentException(
            what + ": 1 to 60 of a-z, 0-9 and -, not \"" + name + "\"");
      }
      return name;
    }

    /** Sets where the tokens are issued, if another environment shares the login. */
    public Builder realm(String issuer) {
      this.realm = checkName("realm", issuer);
      return this;
    }

    /** Adds a header that every request needs. */
    public Builder header(String header, String value) {
      headers.put(header, value);
      return this;
    }

    /**
     * Sets what a second use of a refresh token costs; {@link RotationProfile#STRICT} if not set.
     */
    public Builder rotation(RotationProfile profile) {
      this.rotation = profile;
      return this;
    }

    /** Sets how the end of an access token is known; {@link Expiry#asTold} if not set. */
    public Builder expiry(Expiry rules) {
      this.expiry = rules;
      return this;
    }

    /** Sets how long before its end a token counts as expired; 60 s if not set. */
    public Builder skew(Duration beforeEnd) {
      this.skew = Durations.notNegative("skew", beforeEnd);
      return this;
    }

    /**
     * Sets how long before its end a token is renewed in the background; a fifth of its life if
     * less.
     */
    public Builder renewAhead(Duration beforeEnd) {
      this.renewAhead = Durations.notNegative("renewAhead", beforeEnd);
      return this;
    }

    /** Sets how long a refresh token lives unused, so that idle users are kept signed in. */
    public Builder refreshIdleLimit(Duration limit) {
      this.refreshIdleLimit = Durations.positive("refreshIdleLimit", limit);
      return this;
    }

    /** Sets how long after its sign-in a login can be renewed at all. */
    public Builder refreshLifeLimit(Duration limit) {
      this.refreshLifeLimit = Durations.positive("refreshLifeLimit", limit);
      return this;
    }

    /** Makes the profile. */
    public BrokerProfile build() {
      return new BrokerProfile(this);
    }
  }
}
