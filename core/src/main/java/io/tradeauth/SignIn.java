package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Exchanges what a user's sign-in brought, and puts it in the place of whatever was there.
 *
 * <p>The tokens are first written beside the login, then it is found out whose they are, and only
 * then do they supersede what was stored: a sign-in that fails, or that belongs to another person,
 * costs nothing. Each user's sign-ins may race; the last to supersede wins.
 */
final class SignIn extends Exchange {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth.exchange");

  private final Grant grant;
  private final boolean allowDifferentAccount;
  private final CompletableFuture<Login> result = new CompletableFuture<>();
  private @Nullable ClientCredentials client;
  private @Nullable Login before;
  private Grant sent;

  SignIn(
      Realm realm,
      ManagedTokenProvider provider,
      String userId,
      String subject,
      Grant grant,
      boolean allowDifferentAccount) {
    super(
        realm,
        provider,
        userId,
        subject,
        new TokenStore.Key(TokenStore.Kind.SIGN_IN, realm.name(), subject));
    this.grant = grant;
    this.sent = grant;
    this.allowDifferentAccount = allowDifferentAccount;
  }

  /** Starts on a thread of the manager. */
  CompletableFuture<Login> start() {
    realm.run(subject, () -> guarded(this::look));
    return result;
  }

  private void look() {
    client = grant.client() != null ? grant.client() : provider.clientInSettings(userId);
    TokenStore.StoredRecord stored = realm.store().load(realm.key(subject));
    before = stored == null || isEmpty(stored) ? null : LoginCodec.read(stored.content());
    if (grant instanceof Grant.SignedLogin && before != null && isSharedAndAlive(before)) {
      // A second login would end the session of those who use it now.
      link();
      done(before);
    } else if (grant instanceof Grant.Imported) {
      imported((Grant.Imported) grant);
    } else {
      beginWith(grant);
    }
  }

  private static boolean isEmpty(TokenStore.StoredRecord stored) {
    return stored.content().state() == TokenStore.State.EMPTY;
  }

  private boolean isSharedAndAlive(Login login) {
    Held held = login.tokens() == null ? null : provider.hold(userId, login);
    boolean sameSecret = client == null || client.equals(provider.clientOf(userId, login));
    return login.state() == TokenStore.State.ACTIVE
        && held != null
        && RefreshPolicy.isUsable(held, realm.time())
        && sameSecret;
  }

  private void beginWith(Grant exchanged) {
    sent = exchanged;
    TokenStore.StoredRecord pending = realm.store().load(pendingKey());
    TokenStore.Intent open = pending == null ? null : pending.intent();
    begin(
        exchanged,
        null,
        client,
        pending == null ? null : pending.version(),
        open == null ? null : open.id(),
        false);
  }

  private TokenStore.Key pendingKey() {
    return new TokenStore.Key(TokenStore.Kind.SIGN_IN, realm.name(), subject);
  }

  private void imported(Grant.Imported tokens) {
    if (tokens.tokens().accessToken() == null) {
      importedRefreshToken(tokens);
      return;
    }
    TokenSet set =
        TokenSet.first(
            tokens.tokens(),
            provider.broker().profile().expiry(),
            realm.clock().toServer(realm.time().now()),
            Set.of());
    ProbeAnswer proof = probe(set);
    if (proof instanceof ProbeAnswer.Dead) {
      // It may just have ended on its way here.
      importedRefreshToken(tokens);
      return;
    }
    supersede(withProfile(set, proof));
  }

  private void importedRefreshToken(Grant.Imported tokens) {
    RefreshToken refreshToken = tokens.tokens().refreshToken();
    if (refreshToken != null) {
      beginWith(new Grant.Refresh(refreshToken, client));
    } else if (tokens.tokens().accessToken() != null) {
      throw refusedForGood(SignInRequiredException.Reason.GRANT_REFUSED);
    } else {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          name() + ": the imported tokens have neither an access token nor a refresh token");
    }
  }

  private SignInRequiredException refusedForGood(SignInRequiredException.Reason reason) {
    return new SignInRequiredException(name(), userId, reason, realm.time().now());
  }

  private @Nullable ProbeAnswer probe(TokenSet tokens) {
    return provider.probe(userId, client, tokens);
  }

  private static TokenSet withProfile(TokenSet tokens, @Nullable ProbeAnswer proof) {
    UserProfile told =
        proof instanceof ProbeAnswer.Alive ? ((ProbeAnswer.Alive) proof).profile() : null;
    return told == null ? tokens : tokens.withProfile(told);
  }

  @Override
  void granted(TokenStore.Version parent, TokenResponse response, Instant receivedAt) {
    TokenSet tokens =
        TokenSet.first(
            response, provider.broker().profile().expiry(), receivedAt, requestedScope());
    if (tokens.refreshToken() == null && sent instanceof Grant.Refresh) {
      tokens = tokens.withRefreshToken(((Grant.Refresh) sent).refreshToken());
    }
    realm.store().commit(pendingKey(), parent, LoginCodec.write(login(tokens)));
    if (isIncomplete(tokens.profile())) {
      tokens = withProfile(tokens, tokens.accessToken() == null ? null : whoseTheyAre(tokens));
    }
    supersede(tokens);
  }

  /** Whatever becomes of this call, the tokens are there and the grant may be spent. */
  private ProbeAnswer whoseTheyAre(TokenSet tokens) {
    try {
      ProbeAnswer told = probe(tokens);
      return told == null ? new ProbeAnswer.Unknown("no such call") : told;
    } catch (RuntimeException e) {
      LOG.warn(
          "{}: could not ask whose tokens these are ({})", name(), e.getClass().getSimpleName());
      return new ProbeAnswer.Unknown(e.getClass().getSimpleName());
    }
  }

  private static boolean isIncomplete(@Nullable UserProfile profile) {
    return profile == null
        || profile.subject() == null
        || (profile.accounts().isEmpty() && profile.exchanges().isEmpty());
  }

  private Set<String> requestedScope() {
    return grant instanceof Grant.AuthorizationCode
        ? ((Grant.AuthorizationCode) grant).requestedScope()
        : Set.of();
  }

  private Login login(TokenSet tokens) {
    return Login.active(
        userId, realm.time().now(), tokens, grant.client(), client == null ? null : client.id());
  }

  private void supersede(TokenSet tokens) {
    UserProfile known = before == null ? null : before.profile();
    UserProfile told = tokens.profile();
    if (!allowDifferentAccount
        && known != null
        && told != null
        && told.isAnotherPersonThan(known)) {
      realm.store().forget(pendingKey());
      throw refusedForGood(SignInRequiredException.Reason.DIFFERENT_ACCOUNT);
    }
    Login login = login(tokens);
    TokenStore.Version mine = realm.supersede(realm.key(subject), LoginCodec.write(login));
    link();
    realm.store().forget(pendingKey());
    realm.replace(provider, userId, subject, login);
    TokenStore.StoredRecord stored = realm.store().load(realm.key(subject));
    if (stored == null || !stored.version().generation().equals(mine.generation())) {
      // Another sign-in or sign-out came in between: what is stored counts.
      realm.drop(subject);
    }
    done(login);
  }

  private void link() {
    if (provider.broker().sharesLogins()) {
      provider.link(userId, subject);
    }
  }

  private void done(Login login) {
    TokenSet tokens = login.tokens();
    realm
        .engine()
        .events()
        .publish(
            new TokenEvent.SignedIn(
                name(),
                userId,
                realm.time().now(),
                tokens == null ? Set.of() : tokens.missingScope(),
                provider.broker().renewal(tokens) != null));
    realm.signedIn(subject);
    realm.signedIn(userId);
    result.complete(login);
  }

  @Override
  @Nullable Grant fallback(Grant refused) {
    return null;
  }

  @Override
  void refused(TokenStore.Version parent, Grant refusedGrant, boolean inDoubt, String code) {
    realm.store().forget(pendingKey());
    throw refusedForGood(SignInRequiredException.Reason.GRANT_REFUSED);
  }

  @Override
  void inDoubt(TokenStore.Intent intent, @Nullable Exception cause) {
    realm.store().forget(pendingKey());
    if (grant instanceof Grant.AuthorizationCode) {
      throw refusedForGood(SignInRequiredException.Reason.CODE_LOST);
    }
    failed(
        BrokerUnavailableException.Reason.IN_DOUBT,
        "the answer was lost: sign in again",
        provider.settings().hold(),
        cause);
  }

  @Override
  void failed(
      BrokerUnavailableException.Reason reason,
      String message,
      @Nullable Duration wait,
      @Nullable Exception cause) {
    Instant retryAt = realm.time().now().plus(wait == null ? Renewal.APART : wait);
    gaveUp(new BrokerUnavailableException(reason, name() + ": " + message, retryAt, cause));
  }

  @Override
  void gaveUp(TokenException failure) {
    result.completeExceptionally(failure);
  }

  @Override
  void moved() {
    realm.run(subject, () -> guarded(() -> beginWith(sent)));
  }
}
