package io.tradeauth;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is stored of one login. Immutable.
 *
 * @param userId who signed in; of several users who share it, the first
 * @param state what state it is in
 * @param since since when
 * @param reason why a sign-in is required, if it is
 * @param tokens what it has; null if nothing is left
 * @param ownClient the client credentials that came with the sign-in; null if the settings have
 *     them
 * @param clientId the id of the client that the tokens were issued to; null if it has none
 * @param owner whose it is
 * @param hasRotated whether the server has once changed the refresh token
 * @param origin stands for the refresh token that was signed in with; null if it was another grant
 */
record Login(
    String userId,
    TokenStore.State state,
    Instant since,
    SignInRequiredException.@Nullable Reason reason,
    @Nullable TokenSet tokens,
    @Nullable ClientCredentials ownClient,
    @Nullable String clientId,
    Owner owner,
    boolean hasRotated,
    @Nullable String origin) {

  static Login active(
      String userId,
      Instant since,
      TokenSet tokens,
      @Nullable ClientCredentials ownClient,
      @Nullable String clientId) {
    return active(userId, since, tokens, ownClient, clientId, Owner.UNKNOWN);
  }

  static Login active(
      String userId,
      Instant since,
      TokenSet tokens,
      @Nullable ClientCredentials ownClient,
      @Nullable String clientId,
      Owner owner) {
    return new Login(
        userId,
        TokenStore.State.ACTIVE,
        since,
        null,
        tokens,
        ownClient,
        clientId,
        owner,
        false,
        null);
  }

  /** Returns what is left after a sign-out: no secrets, and whose it was. */
  Login signedOut(Instant at) {
    return signedOut(userId, at, owner.withoutTokens());
  }

  /** Returns what is written of a sign-out of whom nothing is known. */
  static Login signedOut(String userId, Instant at) {
    return signedOut(userId, at, Owner.UNKNOWN);
  }

  private static Login signedOut(String userId, Instant at, Owner owner) {
    return new Login(
        userId, TokenStore.State.SIGNED_OUT, at, null, null, null, null, owner, false, null);
  }

  /** Returns the same as what a sign-in with this refresh token has brought. */
  Login broughtBy(RefreshToken first) {
    RefreshToken now = tokens == null ? null : tokens.refreshToken();
    return new Login(
        userId,
        state,
        since,
        reason,
        tokens,
        ownClient,
        clientId,
        owner,
        hasRotated || (now != null && !now.equals(first)),
        originOf(first));
  }

  /** Returns whether this is what a sign-in with this refresh token has brought, renewed or not. */
  boolean isBroughtBy(RefreshToken first) {
    return originOf(first).equals(origin);
  }

  private String originOf(RefreshToken first) {
    return Fingerprint.of(first.value(), userId);
  }

  Login with(TokenSet renewed) {
    return with(renewed, owner);
  }

  Login with(TokenSet renewed, Owner told) {
    return new Login(
        userId,
        state,
        since,
        reason,
        renewed,
        ownClient,
        clientId,
        told,
        hasRotated || isRotation(renewed),
        origin);
  }

  private boolean isRotation(TokenSet renewed) {
    return tokens != null
        && tokens.refreshToken() != null
        && !tokens.refreshToken().equals(renewed.refreshToken());
  }

  /**
   * Returns the login after its grant has died: who it was and tokens with an end of their own
   * stay.
   */
  Login signInRequired(SignInRequiredException.Reason why, Instant at) {
    TokenSet rest = tokens == null ? null : tokens.withoutGrant();
    return new Login(
        userId,
        TokenStore.State.SIGN_IN_REQUIRED,
        at,
        why,
        rest,
        ownClient,
        clientId,
        owner,
        hasRotated,
        origin);
  }

  @Nullable UserProfile profile() {
    return tokens == null ? null : tokens.profile();
  }

  /** Returns the profile with the accounts that one environment has told of. */
  @Nullable UserProfile profileAt(String provider) {
    UserProfile profile = profile();
    return profile == null
        ? null
        : profile.withAccounts(owner.accounts().getOrDefault(provider, List.of()));
  }
}
