package io.tradeauth.tradestation.testing;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An application's API key as TradeStation keeps it, with the settings that its owner asks for by
 * mail.
 *
 * <p>For any number of threads.
 */
public final class ApiKey {

  /** What is registered if nobody asks for more. */
  private static final List<String> LOCALHOST =
      List.of(
          "http://localhost",
          "http://localhost:80",
          "http://localhost:3000",
          "http://localhost:3001",
          "http://localhost:8080",
          "http://localhost:31022");

  private final String clientId;
  private final boolean rotating;
  private volatile @Nullable String clientSecret;
  private volatile Set<String> callbacks = new LinkedHashSet<>(LOCALHOST);
  private volatile Set<String> scopes =
      Set.of(
          "openid",
          "offline_access",
          "profile",
          "email",
          "MarketData",
          "ReadAccount",
          "Trade",
          "OptionSpreads",
          "Matrix");
  private volatile boolean enabled = true;

  private ApiKey(String clientId, @Nullable String clientSecret, boolean rotating) {
    this.clientId = clientId;
    this.clientSecret = clientSecret;
    this.rotating = rotating;
  }

  /** The default key: with a secret; its refresh tokens neither end nor change. */
  public static ApiKey confidential(String clientId, String clientSecret) {
    return new ApiKey(clientId, clientSecret, false);
  }

  /** A key with a secret whose refresh tokens are good for one use, 30 minutes and 24 hours. */
  public static ApiKey rotating(String clientId, String clientSecret) {
    return new ApiKey(clientId, clientSecret, true);
  }

  /** A key of a native application: PKCE and no secret. */
  public static ApiKey publicKey(String clientId) {
    return new ApiKey(clientId, null, false);
  }

  /** A key of a native application whose refresh tokens rotate. */
  public static ApiKey rotatingPublicKey(String clientId) {
    return new ApiKey(clientId, null, true);
  }

  /** Registers one more callback; only the very same text matches. */
  public ApiKey callback(String uri) {
    Set<String> more = new LinkedHashSet<>(callbacks);
    more.add(uri);
    callbacks = more;
    return this;
  }

  /** Sets the scopes that the key may have; others are silently left out of what is granted. */
  public ApiKey scopes(String... scopes) {
    this.scopes = Set.of(scopes);
    return this;
  }

  /** Disables the key or enables it again: its tokens are refused meanwhile and then revive. */
  public void enabled(boolean enabled) {
    this.enabled = enabled;
  }

  /** Replaces the secret. Tokens stay valid. */
  public void replaceSecret(String clientSecret) {
    this.clientSecret = clientSecret;
  }

  /** Returns the id that requests name. */
  public String clientId() {
    return clientId;
  }

  /** Returns the secret, or null if the key is public. */
  public @Nullable String clientSecret() {
    return clientSecret;
  }

  /** Returns whether each refresh brings a new refresh token. */
  public boolean rotating() {
    return rotating;
  }

  Set<String> scopes() {
    return scopes;
  }

  boolean isEnabled() {
    return enabled;
  }

  boolean isCallback(String uri) {
    return callbacks.contains(uri);
  }

  boolean isLogoutTarget(String uri) {
    return uri.equals("https://tradestation.com")
        || (uri.endsWith("/logout")
            && isCallback(uri.substring(0, uri.length() - "/logout".length())));
  }

  String anyCallback() {
    return callbacks.iterator().next();
  }

  @Override
  public String toString() {
    return "ApiKey[" + clientId + "]";
  }
}
