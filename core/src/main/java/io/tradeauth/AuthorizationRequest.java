package io.tradeauth;

import java.net.URI;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a user is sent to the authorization server with (RFC 6749 section 4.1.1). Immutable.
 *
 * @see TokenManager#authorizationUri
 */
public final class AuthorizationRequest {

  private final URI redirectUri;
  private final String state;
  private final Set<String> scope;
  private final @Nullable Pkce pkce;
  private final boolean freshLogin;

  private AuthorizationRequest(
      URI redirectUri, String state, Set<String> scope, @Nullable Pkce pkce, boolean freshLogin) {
    this.redirectUri = redirectUri;
    this.state = state;
    this.scope = scope;
    this.pkce = pkce;
    this.freshLogin = freshLogin;
  }

  /**
   * A request that comes back to {@code redirectUri}.
   *
   * @param redirectUri exactly as it is registered with the broker
   * @param state a fresh random value, bound to the user's browser session and used once (RFC 6749
   *     section 10.12)
   * @throws IllegalArgumentException if the state has fewer than 16 characters, which could be
   *     guessed
   */
  public static AuthorizationRequest of(URI redirectUri, String state) {
    if (state.length() < 16) {
      throw new IllegalArgumentException("state: at least 16 random characters, once per request");
    }
    return new AuthorizationRequest(redirectUri, state, Set.of(), null, false);
  }

  /** Returns the same for this scope; without it the broker's usual one is asked for. */
  public AuthorizationRequest scope(Collection<String> wanted) {
    return new AuthorizationRequest(
        redirectUri, state, new LinkedHashSet<>(wanted), pkce, freshLogin);
  }

  /** Returns the same for this scope. */
  public AuthorizationRequest scope(String... wanted) {
    return scope(List.of(wanted));
  }

  /** Returns the same with a proof key (RFC 7636). */
  public AuthorizationRequest pkce(Pkce proofKey) {
    return new AuthorizationRequest(redirectUri, state, scope, proofKey, freshLogin);
  }

  /** Returns the same, but the person must log in even if the browser still has a session. */
  public AuthorizationRequest freshLogin() {
    return new AuthorizationRequest(redirectUri, state, scope, pkce, true);
  }

  /** Returns where the authorization server sends the user back to. */
  public URI redirectUri() {
    return redirectUri;
  }

  /** Returns the value that comes back unchanged. */
  public String state() {
    return state;
  }

  /** Returns the scope asked for; empty for the broker's usual one. */
  public Set<String> scope() {
    return scope;
  }

  /** Returns the proof key, if one is used. */
  public Optional<Pkce> pkce() {
    return Optional.ofNullable(pkce);
  }

  /** Returns whether the person must log in anew. */
  public boolean isFreshLogin() {
    return freshLogin;
  }

  /** Returns the address it comes back to; the state is not shown. */
  @Override
  public String toString() {
    return "AuthorizationRequest[redirectUri=" + redirectUri + ", scope=" + scope + "]";
  }
}
