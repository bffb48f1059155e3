package io.tradeauth;

import java.time.Instant;
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
 * @param validatedAt when the broker last confirmed the token; null if never
 * @param hasRotated whether the server has once changed the refresh token
 */
record Login(
    String userId,
    TokenStore.State state,
    Instant since,
    SignInRequiredException.@Nullable Reason reason,
    @Nullable TokenSet tokens,
    @Nullable ClientCredentials ownClient,
    @Nullable String clientId,
    @Nullable Instant validatedAt,
    boolean hasRotated) {

  static Login active(
      String userId,
      Instant since,
      TokenSet tokens,
      @Nullable ClientCredentials ownClient,
      @Nullable String clientId) {
    return new Login(
        userId, TokenStore.State.ACTIVE, since, null, tokens, ownClient, clientId, null, false);
  }

  static Login signedOut(String userId, Instant since) {
    return new Login(
        userId, TokenStore.State.SIGNED_OUT, since, null, null, null, null, null, false);
  }

  Login with(TokenSet renewed) {
    return new Login(
        userId,
        state,
        since,
        reason,
        renewed,
        ownClient,
        clientId,
        validatedAt,
        hasRotated || isRotation(renewed));
  }

  private boolean isRotation(TokenSet renewed) {
    return tokens != null
        && tokens.refreshToken() != null
        && !tokens.refreshToken().equals(renewed.refreshToken());
  }

  Login validated(TokenSet confirmed, Instant at) {
    return new Login(userId, state, since, reason, confirmed, ownClient, clientId, at, hasRotated);
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
        validatedAt,
        hasRotated);
  }

  @Nullable UserProfile profile() {
    return tokens == null ? null : tokens.profile();
  }
}
