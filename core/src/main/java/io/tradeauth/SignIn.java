package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
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
 * costs nothing. Each user's sign-ins may race; the last to supersede wins. Only logins of one
 * credential and sign-ins with one refresh token wait for one another, and then share what the
 * first has brought: another would end its session. So does a sign-in with a refresh token that the
 * login has come of, as when an application starts anew with what it was once given.
 */
final class SignIn extends Exchange {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth.exchange");

  private final Grant grant;
  private final boolean allowDifferentAccount;
  private final CompletableFuture<Login> result = new CompletableFuture<>();
  private @Nullable ClientCredentials client;
  private @Nullable Login before;
  private TokenStore.@Nullable Version seen;
  private Grant sent;

  /** Whether the tokens came of the grant by an exchange, be it of a sign-in that died. */
  private boolean isExchanged;

  /** The sign-in that this one was to be written over; its write may have looked lost. */
  private @Nullable String displaced;

  private boolean mayBeWritten;

  SignIn(
      Realm realm,
      ManagedTokenProvider provider,
      String userId,
      String subject,
      Grant grant,
      boolean allowDifferentAccount) {
    super(realm, provider, userId, subject, realm.signInKey(subject));
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
    TokenStore.StoredRecord stored = realm.stored(subject, userId);
    seen = versionOf(stored);
    Login saved = LoginCodec.stored(stored);
    Login unsaved = realm.unsavedAfter(stored, subject);
    before = unsaved != null ? unsaved : saved;
    if (stored != null && saved != null && isSharedAndAlive(saved)) {
      share(stored, saved);
    } else if (before == null || !isRepeated(before)) {
      bring(stored);
    } else if (stored != null && unsaved == null) {
      share(stored, before);
    } else {
      done(before);
    }
  }

  /** Returns what is stored, or what is to be stored in its place and is served until then. */
  private @Nullable Login newest(TokenStore.@Nullable StoredRecord stored) {
    Login unsaved = realm.unsavedAfter(stored, subject);
    return unsaved != null ? unsaved : LoginCodec.stored(stored);
  }

  /** Returns what another sign-in does or has left; if it is damaged, it goes. */
  private TokenStore.@Nullable StoredRecord pending() {
    try {
      return realm.store().load(pendingKey());
    } catch (TokenStoreException e) {
      realm.rethrowUnlessDamaged(e, userId);
      realm.store().forget(pendingKey());
      return null;
    }
  }

  /** Of two logins of one credential the second would end the first. */
  private void logIn(TokenStore.@Nullable StoredRecord stored) {
    TokenStore.StoredRecord pending = pending();
    String underWay = underWay(stored, pending);
    if (underWay.isEmpty() || isAbandoned(underWay)) {
      beginWith(grant, pending);
    } else {
      lookAgainAt(underWay);
    }
  }

  private void lookAgainAt(String intentId) {
    lookAgain(intentId, () -> realm.run(subject, () -> guarded(this::look)));
  }

  /** Names what others do just now with this credential; empty if nobody does. */
  private static String underWay(
      TokenStore.@Nullable StoredRecord stored, TokenStore.@Nullable StoredRecord pending) {
    String renewal = stored == null ? "" : openIn(stored);
    String login = pending == null ? "" : pendingIn(pending);
    return renewal + login;
  }

  /** A second login would end the session of those who use it now. */
  private void share(TokenStore.StoredRecord stored, Login login) {
    link();
    TokenStore.StoredRecord now = realm.store().load(realm.key(subject));
    if (now != null && now.version().generation().equals(stored.version().generation())) {
      realm.dropUnlessKnown(subject, now.version().generation());
      done(login);
    } else {
      look(); // the last of the others signed out before the link was there
    }
  }

  private static String openIn(TokenStore.StoredRecord record) {
    return record.intent() == null ? "" : record.intent().id();
  }

  /** Tokens that have come and are not in their place yet are as good as an open intent. */
  private static String pendingIn(TokenStore.StoredRecord pending) {
    boolean came = pending.content().state() == TokenStore.State.ACTIVE;
    return (came ? pending.version().generation() : "") + openIn(pending);
  }

  private boolean isSharedAndAlive(Login login) {
    if (!(grant instanceof Grant.SignedLogin)) {
      return false;
    }
    Held held = login.tokens() == null ? null : provider.hold(userId, login);
    return login.state() == TokenStore.State.ACTIVE
        && held != null
        && RefreshPolicy.isUsable(held, realm.time())
        && isOfClient(login);
  }

  /** Returns whether a login has come of the refresh token that is given once more. */
  private boolean isRepeated(Login login) {
    RefreshToken given = given();
    return given != null
        && rotation(hasRotated() || login.hasRotated()).isFragile()
        && login.state() == TokenStore.State.ACTIVE
        && login.isBroughtBy(given)
        && isOfClient(login);
  }

  private @Nullable RefreshToken given() {
    if (grant instanceof Grant.Refresh) {
      return ((Grant.Refresh) grant).refreshToken();
    }
    return grant instanceof Grant.Imported
        ? ((Grant.Imported) grant).tokens().refreshToken()
        : null;
  }

  private boolean isOfClient(Login login) {
    ClientCredentials mine = client;
    return mine == null
        || (mine.equals(provider.clientOf(userId, login))
            && (login.clientId() == null || login.clientId().equals(mine.id())));
  }

  /** Brings new tokens, once nobody else may be about to bring those of this refresh token. */
  private void bring(TokenStore.@Nullable StoredRecord stored) {
    if (grant instanceof Grant.SignedLogin) {
      logIn(stored);
      return;
    }
    TokenStore.StoredRecord pending = pending();
    if (pending != null && mustNotCross(pending)) {
      String underWay = pendingIn(pending);
      if (!isAbandoned(underWay)) {
        lookAgainAt(underWay);
        return;
      }
      TokenSet left = isLeft(pending) ? LoginCodec.read(pending.content()).tokens() : null;
      if (left != null) {
        isExchanged = true;
        claim(pending, () -> supersede(withOwner(left)));
        return;
      }
    }
    if (grant instanceof Grant.Imported) {
      imported((Grant.Imported) grant, pending);
    } else {
      beginWith(grant, pending);
    }
  }

  private void beginWith(Grant exchanged, TokenStore.@Nullable StoredRecord pending) {
    sent = exchanged;
    begin(exchanged, null, client, versionOf(pending), openIntentOf(pending), false);
  }

  private static TokenStore.@Nullable Version versionOf(TokenStore.@Nullable StoredRecord pending) {
    return pending == null ? null : pending.version();
  }

  private static @Nullable String openIntentOf(TokenStore.@Nullable StoredRecord pending) {
    TokenStore.Intent open = pending == null ? null : pending.intent();
    return open == null ? null : open.id();
  }

  /** Returns whether this very refresh token may be on its way, or what came of it to its place. */
  private boolean mustNotCross(TokenStore.StoredRecord pending) {
    TokenStore.Intent open = pending.intent();
    boolean isOnItsWay =
        open != null && open.purpose().equals(purpose(grant, open.id())) && isSpendable();
    return isOnItsWay || isLeft(pending);
  }

  /** Returns whether a refresh token was given that is spent by its use. */
  private boolean isSpendable() {
    return given() != null && rotation().isFragile();
  }

  /**
   * Returns whether there are tokens that have come of the same refresh token, and have never been
   * in their place.
   */
  private boolean isLeft(TokenStore.StoredRecord pending) {
    RefreshToken given = given();
    return given != null
        && pending.content().state() == TokenStore.State.ACTIVE
        && isRepeated(LoginCodec.read(pending.content()))
        && (before == null || !before.isBroughtBy(given));
  }

  /** Goes on when no other can, and those who come wait. */
  private void claim(TokenStore.@Nullable StoredRecord pending, Runnable next) {
    String id = realm.engine().newId();
    TokenStore.Intent mine = new TokenStore.Intent(id, realm.engine().owner(), purpose(grant, id));
    TokenStore.BeginResult begun =
        realm.store().begin(pendingKey(), versionOf(pending), mine, openIntentOf(pending));
    if (begun.outcome() == TokenStore.BeginOutcome.BEGUN) {
      next.run();
    } else {
      moved(); // another was first
    }
  }

  @Override
  boolean isDoneByOthers() {
    return given() != null && isDone(newest(realm.stored(subject, userId)));
  }

  /** Returns whether this newest login has come of the refresh token that is given. */
  private boolean isDone(@Nullable Login newest) {
    return newest != null && isRepeated(newest);
  }

  /** Tells others which refresh token it is, and nothing of it. */
  @Override
  String purpose(Grant exchanged, String intentId) {
    RefreshToken given = given();
    return given == null
        ? super.purpose(exchanged, intentId)
        : "Refresh " + Fingerprint.of(given.value(), intentId);
  }

  @Override
  boolean hasRotated() {
    return before != null && before.hasRotated();
  }

  private TokenStore.Key pendingKey() {
    return realm.signInKey(subject);
  }

  private void imported(Grant.Imported tokens, TokenStore.@Nullable StoredRecord pending) {
    if (tokens.tokens().accessToken() == null) {
      importedRefreshToken(tokens, pending);
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
      importedRefreshToken(tokens, pending);
      return;
    }
    TokenSet known = withProfile(set, proof);
    if (isSpendable()) {
      claim(pending, () -> supersede(known));
    } else {
      supersede(known);
    }
  }

  private void importedRefreshToken(
      Grant.Imported tokens, TokenStore.@Nullable StoredRecord pending) {
    RefreshToken refreshToken = tokens.tokens().refreshToken();
    if (refreshToken != null) {
      beginWith(new Grant.Refresh(refreshToken, client), pending);
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
    isExchanged = true;
    TokenSet tokens =
        TokenSet.first(
            response, provider.broker().profile().expiry(), receivedAt, requestedScope());
    if (tokens.refreshToken() == null && sent instanceof Grant.Refresh) {
      tokens = tokens.withRefreshToken(((Grant.Refresh) sent).refreshToken());
    }
    write(parent, tokens, realm.time().monotonicNanos(), 1);
  }

  /** Writes the tokens beside the login until it works, or it is time to go on without. */
  private void write(TokenStore.Version parent, TokenSet tokens, long sinceNanos, int tries) {
    try {
      realm.store().commit(pendingKey(), parent, realm.content(login(tokens)));
    } catch (Error e) {
      // As below, and not tried again.
      LOG.error(
          "{}: what a sign-in has brought can't be written beside the login: {}",
          name(),
          e.getClass().getName());
    } catch (RuntimeException e) {
      if (mayTryAgain(sinceNanos, tries)) {
        again(tries, () -> write(parent, tokens, sinceNanos, tries + 1));
        return;
      }
      // They are in hand, and the place that counts is written next.
    }
    settled();
    supersede(withOwner(tokens));
  }

  /** Asks whose the tokens are if they do not tell. */
  private TokenSet withOwner(TokenSet tokens) {
    return isIncomplete(tokens.profile()) && tokens.accessToken() != null
        ? withProfile(tokens, whoseTheyAre(tokens))
        : tokens;
  }

  private boolean mayTryAgain(long sinceNanos, int tries) {
    long spent = realm.time().monotonicNanos() - sinceNanos;
    return spent + pauseAfter(tries).toNanos() < provider.settings().commitTimeout().toNanos();
  }

  private static Duration pauseAfter(int tries) {
    return Backoff.doubled(Duration.ofMillis(50), tries, Duration.ofSeconds(1));
  }

  private void again(int tries, Runnable step) {
    realm.runAfter(pauseAfter(tries), subject, () -> guarded(step));
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
    Instant now = realm.time().now();
    Owner known = before == null || allowDifferentAccount ? Owner.UNKNOWN : before.owner();
    Login login =
        Login.active(
            userId,
            now,
            tokens,
            grant.client(),
            client == null ? null : client.id(),
            known.ofOtherTokens().told(name(), tokens.profile(), now));
    RefreshToken given = given();
    return given == null ? login : login.broughtBy(given);
  }

  private void supersede(TokenSet tokens) {
    save(tokens, realm.time().monotonicNanos(), 1);
  }

  private void save(TokenSet tokens, long sinceNanos, int tries) {
    refuseAnother(tokens);
    Login login = loginOf(tokens);
    TokenStore.Version mine = null;
    int changes = realm.changes(subject);
    try {
      TokenStore.StoredRecord stored = realm.stored(subject, userId);
      before = newest(stored); // others may have signed in since this one began
      refuseAnother(tokens);
      link(); // first, or what is written without it would be nobody's
      if (!isWritten(stored) && !isDone(before)) {
        login = loginOf(tokens);
        displaced = generationOf(stored);
        mayBeWritten = true;
        mine = realm.supersedeLogin(subject, realm.content(login));
      }
    } catch (SignInRequiredException e) {
      throw e;
    } catch (Error e) {
      keepUnsaved(login, e);
      throw e;
    } catch (RuntimeException e) {
      if (mayTryAgain(sinceNanos, tries)) {
        again(tries, () -> save(tokens, sinceNanos, tries + 1));
      } else {
        keepUnsaved(login, e);
      }
      return;
    }
    forgetPending();
    if (mine != null) {
      realm.replace(provider, userId, subject, login, mine, changes);
    }
    if (mine == null || !isStored(mine)) {
      // Another sign-in or sign-out came in between, or nobody knows: what is stored counts.
      realm.drop(subject);
    }
    done(login);
  }

  /** Refuses what is another person's than the tokens before. */
  private void refuseAnother(TokenSet tokens) {
    if (allowDifferentAccount
        || before == null
        || !before.owner().isAnotherThan(tokens.profile())) {
      return;
    }
    // What a spent refresh token has brought is kept for who brings it again and allows this.
    if (!isExchanged || !isRepeated(login(tokens))) {
      forgetPending();
    }
    throw refusedForGood(SignInRequiredException.Reason.DIFFERENT_ACCOUNT);
  }

  private Login loginOf(TokenSet tokens) {
    Login told = login(tokens);
    return told.with(withWhatIsKnown(tokens), told.owner());
  }

  /**
   * Returns whether the login was stored by a write that looked lost, with whatever has been
   * written over it since.
   */
  private boolean isWritten(TokenStore.@Nullable StoredRecord stored) {
    return mayBeWritten && !Objects.equals(displaced, generationOf(stored));
  }

  private static @Nullable String generationOf(TokenStore.@Nullable StoredRecord stored) {
    return stored == null ? null : stored.version().generation();
  }

  private boolean isStored(TokenStore.Version mine) {
    try {
      TokenStore.StoredRecord stored = realm.store().load(realm.key(subject));
      return stored != null && stored.version().generation().equals(mine.generation());
    } catch (RuntimeException e) {
      return false;
    }
  }

  /** What is left of a sign-in that is over makes no difference to the next one. */
  private void forgetPending() {
    try {
      realm.store().forget(pendingKey());
    } catch (RuntimeException e) {
      LOG.warn("{}: what a sign-in left behind stays ({})", name(), e.getClass().getName());
    }
  }

  /** The grant is spent: what it has brought is served, and saved when the store can be written. */
  private void keepUnsaved(Login login, Throwable cause) {
    Realm.Unsaved unsaved = Realm.Unsaved.inPlaceOf(seen, login);
    int changes = realm.changes(subject);
    if (provider.broker().sharesLogins()) {
      provider.remember(userId, subject);
    }
    realm.keep(subject, unsaved); // first, or a look would serve what was stored before
    realm.replace(provider, userId, subject, login, null, changes);
    if (realm.unsaved(subject) != unsaved) {
      realm.drop(subject); // it was saved, or void, before it could be served
    }
    realm
        .engine()
        .events()
        .publish(new TokenEvent.UnsavedRotation(name(), userId, realm.time().now()));
    LOG.error(
        "{}: the sign-in of {} can't be saved: {}",
        name(),
        ServerText.clean(userId),
        cause.getClass().getName());
    done(login);
  }

  /** What the broker has not told of the same person this time stays as it was. */
  private TokenSet withWhatIsKnown(TokenSet tokens) {
    UserProfile known = before == null || allowDifferentAccount ? null : before.profile();
    UserProfile told = tokens.profile();
    if (known == null) {
      return tokens;
    }
    return tokens.withProfile(told == null ? known : known.updatedBy(told));
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
    forgetPending();
    throw refusedForGood(SignInRequiredException.Reason.GRANT_REFUSED);
  }

  @Override
  void inDoubt(TokenStore.Intent intent, @Nullable Duration asked, @Nullable Exception cause) {
    if (grant instanceof Grant.AuthorizationCode) {
      forgetPending();
      gaveUp(refusedForGood(SignInRequiredException.Reason.CODE_LOST));
      return;
    }
    // The intent stays: the same token is not sent again before the hold is over.
    failed(
        BrokerUnavailableException.Reason.IN_DOUBT,
        "the answer was lost: sign in again",
        realm.hold(),
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
    realm.run(subject, () -> guarded(this::look));
  }
}
