package io.tradeauth;

import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What one grant has bought so far.
 *
 * @param accessToken the access token; null if the last answer had none that can be used
 * @param tokenType the token type as the server spelled it
 * @param receivedAt when it was last received, by the server's clock
 * @param heldSince when it was first received; earlier than {@code receivedAt} if the server gave
 *     the same access token again
 * @param expiresAt when the access token ends, by the server's clock; {@link Instant#MAX} if never
 * @param refreshToken the current refresh token; null if there is none
 * @param scope the granted scope; null if the server never told
 * @param requestedScope the scope that the sign-in asked for; empty if unknown
 * @param namedTokens tokens that came beside the access token
 * @param profile whose tokens these are; null if nobody told
 */
public record TokenSet(
    @Nullable Secret accessToken,
    String tokenType,
    Instant receivedAt,
    Instant heldSince,
    Instant expiresAt,
    @Nullable RefreshToken refreshToken,
    @Nullable Set<String> scope,
    Set<String> requestedScope,
    Map<TokenName, NamedToken> namedTokens,
    @Nullable UserProfile profile) {

  /** Copies the collections. */
  public TokenSet {
    scope = scope == null ? null : Set.copyOf(scope);
    requestedScope = Set.copyOf(requestedScope);
    namedTokens = Map.copyOf(namedTokens);
  }

  /** Makes the first set of a login. */
  static TokenSet first(
      TokenResponse response, Expiry expiry, Instant receivedAt, Set<String> requestedScope) {
    return new TokenSet(
        response.accessToken(),
        typeOf(response, "Bearer"),
        receivedAt,
        receivedAt,
        expiry.endOf(response, receivedAt),
        response.refreshToken(),
        response.scope(),
        requestedScope,
        response.namedTokens(),
        response.profile());
  }

  /**
   * Returns the set after a renewal: what the response tells replaces what was known, and what it
   * leaves out stays, the refresh token above all (RFC 6749 section 6).
   */
  TokenSet renewedBy(TokenResponse response, Expiry expiry, Instant receivedAt) {
    if (response.accessToken() == null) {
      return withGrantOf(response);
    }
    Instant end = expiry.endOf(response, receivedAt);
    boolean again = response.accessToken().equals(accessToken);
    return new TokenSet(
        response.accessToken(),
        typeOf(response, tokenType),
        receivedAt,
        again ? heldSince : receivedAt,
        again && expiresAt.isBefore(end) ? expiresAt : end,
        currentRefreshToken(response),
        response.scope() != null ? response.scope() : scope,
        requestedScope,
        mergedNames(response),
        mergedProfile(response.profile()));
  }

  /** Returns the set after an answer without a usable access token: the one in hand stays. */
  private TokenSet withGrantOf(TokenResponse response) {
    return new TokenSet(
        accessToken,
        tokenType,
        receivedAt,
        heldSince,
        expiresAt,
        currentRefreshToken(response),
        scope,
        requestedScope,
        mergedNames(response),
        profile);
  }

  private static String typeOf(TokenResponse response, String ifUntold) {
    String told = response.tokenType();
    return told == null ? ifUntold : told;
  }

  private @Nullable RefreshToken currentRefreshToken(TokenResponse response) {
    return response.refreshToken() != null ? response.refreshToken() : refreshToken;
  }

  private Map<TokenName, NamedToken> mergedNames(TokenResponse response) {
    if (response.namedTokens().isEmpty()) {
      return namedTokens;
    }
    Map<TokenName, NamedToken> named = new HashMap<>(namedTokens);
    named.putAll(response.namedTokens());
    return named;
  }

  private @Nullable UserProfile mergedProfile(@Nullable UserProfile newer) {
    if (newer == null) {
      return profile;
    }
    return profile == null ? newer : profile.updatedBy(newer);
  }

  /** Returns the same with the refresh token that bought it, which stays valid. */
  TokenSet withRefreshToken(RefreshToken sent) {
    return new TokenSet(
        accessToken,
        tokenType,
        receivedAt,
        heldSince,
        expiresAt,
        sent,
        scope,
        requestedScope,
        namedTokens,
        profile);
  }

  /** Returns the same with a profile that was fetched later. */
  TokenSet withProfile(UserProfile newer) {
    return new TokenSet(
        accessToken,
        tokenType,
        receivedAt,
        heldSince,
        expiresAt,
        refreshToken,
        scope,
        requestedScope,
        namedTokens,
        mergedProfile(newer));
  }

  /**
   * Returns what is left when the grant has died: tokens with an end of their own, and whose it
   * was.
   */
  TokenSet withoutGrant() {
    return new TokenSet(
        null,
        tokenType,
        receivedAt,
        heldSince,
        receivedAt,
        null,
        scope,
        requestedScope,
        namedTokens,
        profile);
  }

  /** Returns what was asked for and not granted; empty if the server told no scope. */
  public Set<String> missingScope() {
    if (scope == null) {
      return Set.of();
    }
    Set<String> missing = new LinkedHashSet<>(requestedScope);
    missing.removeAll(scope);
    return missing;
  }
}
