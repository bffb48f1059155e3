package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Meets a demand for the tokens of one login: reads the store, adopts what another process has
 * saved, and exchanges if that is not enough. Run by the one flight of that login.
 */
final class Renewal extends Exchange {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth.exchange");

  /** Exchanges of one login are at least this far apart. */
  static final Duration APART = Duration.ofSeconds(5);

  /** Clocks differ, and a refused token was good a moment ago. */
  private static final Duration END_MARGIN = Duration.ofMinutes(1);

  private static final Duration LONGEST_HOLD = Duration.ofMinutes(5);

  private final Flight flight;
  private final Demand demand;
  private @Nullable Login login;
  private TokenStore.@Nullable Content content;
  private @Nullable Held inHand;
  private boolean forced;

  /** Tokens that came too late, while they are tried in place of the stored ones. */
  private @Nullable TokenSet late;

  private Trouble.@Nullable Denial denial;

  Renewal(Realm realm, Flight flight) {
    super(realm, flight.provider, flight.userId, flight.subject, realm.key(flight.subject));
    this.flight = flight;
    this.demand = flight.demand;
  }

  void start() {
    guarded(() -> look(false));
  }

  /** Reads the store and goes on from there; exchanges at once if it is this flight's turn. */
  private void look(boolean itsTurn) {
    if (flight.outcome.isDone()) {
      return; // a sign-in or sign-out came first, and nobody waits for this flight any more
    }
    if (!realm.save(subject)) {
      serveUnsaved();
      return;
    }
    TokenStore.StoredRecord stored = realm.store().load(realm.key(subject));
    if (stored == null || stored.content().state() == TokenStore.State.EMPTY) {
      throw signInRequired(SignInRequiredException.Reason.NOT_SIGNED_IN, realm.time().now());
    }
    if (!realm.takeNote(flight, stored.version())) {
      return;
    }
    Login found = LoginCodec.read(stored.content());
    login = found;
    content = stored.content();
    recoveredElsewhere(stored.version());
    if (found.state() != TokenStore.State.ACTIVE) {
      refuse(found);
      return;
    }
    Held known = provider.held(userId);
    if (known != null && isSetBack(stored.version(), found, known)) {
      setBack(stored.version(), found, known);
      return;
    }
    Held held = provider.hold(userId, found);
    inHand = held;
    if (!demand.needsExchange(held, realm.time())) {
      realm.finish(flight, Flight.Outcome.of(found, false));
      return;
    }
    TokenStore.Intent open = stored.intent();
    Trouble trouble = realm.trouble(subject);
    if (trouble != null && trouble.isCooling(realm.time())) {
      fail(coolingDown(trouble));
    } else if (open == null) {
      exchange(found, held, stored.version(), null, itsTurn);
    } else if (open.isMove() || (!isMine(open, trouble) && !isAbandoned(open.id()))) {
      lookAgain(open.id(), () -> realm.look(flight, this::start));
    } else if (mayEndWhatStillWorks(held)) {
      waitForTheEnd(open);
    } else {
      exchange(found, held, stored.version(), open.id(), itsTurn);
    }
  }

  /** Returns whether the store has an older record than this process has seen, and it matters. */
  private boolean isSetBack(TokenStore.Version stored, Login found, Held known) {
    return known.isNewerThan(stored, found.tokens())
        && (rotation().isFragile() || realm.savedAfter(subject, stored) != null);
  }

  /**
   * The store has an older record than this process has seen, as after a failover that lost commits
   * or a backup that was put back. Its refresh token may be spent, and is not sent: what was saved
   * here is saved again; else the user must sign in, when the token in hand has ended.
   */
  private void setBack(TokenStore.Version older, Login found, Held known) {
    Login saved = realm.savedAfter(subject, older);
    if (saved != null) {
      TokenStore.Version healed =
          realm.store().commit(realm.key(subject), older, realm.content(saved));
      if (healed != null) {
        realm.remember(subject, saved, healed);
        publish(new TokenEvent.StoreSetBack(name(), userId, realm.time().now(), true));
      }
      moved();
      return;
    }
    inHand = known;
    publish(new TokenEvent.StoreSetBack(name(), userId, realm.time().now(), false));
    if (!RefreshPolicy.isUsable(known, realm.time())
        && !markSignInRequired(found, older, SignInRequiredException.Reason.ROTATION_LOST)) {
      moved();
      return;
    }
    throw signInRequired(SignInRequiredException.Reason.ROTATION_LOST, realm.time().now());
  }

  /**
   * What stood in the way is gone if another process, or a save of ours that looked lost, did it.
   */
  private void recoveredElsewhere(TokenStore.Version stored) {
    Trouble trouble = realm.trouble(subject);
    if (trouble != null && trouble.isOver(stored)) {
      realm.recovered(subject);
      publish(new TokenEvent.Recovered(name(), userId, realm.time().now(), trouble.failures()));
    }
  }

  private static boolean isMine(TokenStore.Intent open, @Nullable Trouble trouble) {
    return trouble != null && open.id().equals(trouble.doubt());
  }

  /** A probe with a spent token may end the session, and the token in hand with it. */
  private boolean mayEndWhatStillWorks(@Nullable Held held) {
    return rotation().isFragile()
        && held != null
        && RefreshPolicy.isUsable(held, realm.time())
        && !held.token.equals(demand.rejected());
  }

  private void waitForTheEnd(TokenStore.Intent open) {
    doubt(open, probesOf(realm.trouble(subject)), usableFor(inHand), null);
  }

  private Duration usableFor(@Nullable Held held) {
    return held == null ? Duration.ZERO : RefreshPolicy.usableFor(held, realm.time());
  }

  private void serveUnsaved() {
    Realm.Unsaved unsaved = realm.unsaved(subject);
    if (unsaved != null && unsaved.login().state() != TokenStore.State.ACTIVE) {
      refuse(unsaved.login());
      return;
    }
    Held held = unsaved == null ? null : provider.hold(userId, unsaved.login());
    if (unsaved != null && held != null && demand.accepts(held, false, realm.time())) {
      realm.finish(flight, Flight.Outcome.of(unsaved.login(), false));
      return;
    }
    throw new TokenStoreException(
        TokenStoreException.Reason.WRITE_FAILED,
        name() + ": renewed tokens can't be saved, so none are exchanged until the store is mended",
        null);
  }

  private void refuse(Login found) {
    SignInRequiredException.Reason reason =
        found.reason() != null ? found.reason() : SignInRequiredException.Reason.SIGNED_OUT;
    throw signInRequired(reason, found.since());
  }

  private SignInRequiredException signInRequired(
      SignInRequiredException.Reason reason, Instant since) {
    return new SignInRequiredException(name(), userId, reason, since);
  }

  private BrokerUnavailableException coolingDown(Trouble trouble) {
    return new BrokerUnavailableException(
        trouble.doubt() != null
            ? BrokerUnavailableException.Reason.IN_DOUBT
            : BrokerUnavailableException.Reason.COOLING_DOWN,
        name() + ": " + trouble.failures() + " failed, the last: " + trouble.last().getMessage(),
        trouble.last().retryAt(),
        trouble.last());
  }

  // The exchange

  private void exchange(
      Login found,
      @Nullable Held held,
      TokenStore.Version stored,
      @Nullable String displaced,
      boolean itsTurn) {
    if (held != null && wasReceivedJustNow(found) && !held.token.equals(demand.rejected())) {
      realm.finish(flight, Flight.Outcome.of(found, true));
      return;
    }
    TokenSet tokens = found.tokens();
    Grant grant = provider.broker().renewal(tokens);
    if (grant == null) {
      renewedByNobody(found, stored);
      return;
    }
    if (grant instanceof Grant.SignedLogin && isLoginTooEarly()) {
      loginPostponed();
      fail(
          unavailable(
              BrokerUnavailableException.Reason.COOLING_DOWN,
              "a login would end the token in hand before its time",
              APART,
              null));
      return;
    }
    ClientCredentials client = provider.clientOf(userId, found);
    if (client != null && found.clientId() != null && !client.id().equals(found.clientId())) {
      throw signInRequired(SignInRequiredException.Reason.CLIENT_CHANGED, realm.time().now());
    }
    AccessToken rejected = demand.rejected();
    // A token that is refused past its end is due: nothing is forced.
    boolean due = held == null || !RefreshPolicy.isUsable(held, realm.time());
    if (rejected != null && !due && !forced) {
      forced = mayForce(rejected);
      if (!forced) {
        return;
      }
    }
    Runnable begin = () -> begin(grant, tokens, client, stored, displaced, displaced != null);
    if (itsTurn) {
      begin.run();
    } else {
      realm.send(flight, inTurn(begin));
    }
  }

  /** What was seen before it was this flight's turn counts only if that came soon. */
  private Runnable inTurn(Runnable begin) {
    long seenNanos = realm.time().monotonicNanos();
    return () -> {
      long waited = realm.time().monotonicNanos() - seenNanos;
      boolean counts = waited <= LONGEST_LOOK_AWAY.toNanos() && !flight.outcome.isDone();
      guarded(counts ? begin : () -> look(true));
    };
  }

  private boolean wasReceivedJustNow(Login found) {
    TokenSet tokens = found.tokens();
    if (tokens == null) {
      return false;
    }
    Instant received = realm.clock().toLocal(tokens.receivedAt());
    Duration age = Duration.between(received, realm.time().now());
    return !age.isNegative() && age.compareTo(APART) < 0;
  }

  private void renewedByNobody(Login found, TokenStore.Version stored) {
    AccessToken rejected = demand.rejected();
    Held held = inHand;
    if (rejected != null && held != null && RefreshPolicy.isUsable(held, realm.time())) {
      provider
          .doubt(userId, rejected)
          .whenComplete(
              (answer, failure) ->
                  realm.run(subject, () -> guarded(() -> rejected(found, stored, answer))));
      return;
    }
    TokenSet tokens = found.tokens();
    throw signInRequired(
        SignInRequiredException.Reason.EXPIRED,
        tokens == null ? realm.time().now() : realm.clock().toLocal(tokens.expiresAt()));
  }

  /** One 401 proves nothing of a token that can't be replaced: the broker has the last word. */
  private void rejected(Login found, TokenStore.Version stored, @Nullable ProbeAnswer answer) {
    if (!(answer instanceof ProbeAnswer.Dead)) {
      fail(
          unavailable(
              BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN,
              "the API refuses a token that only a sign-in replaces, and the broker does not say"
                  + " that it is dead",
              ForcedRenewals.APART,
              null));
      return;
    }
    // What the broker has refused is not served again, here or elsewhere.
    if (!markSignInRequired(found, stored, SignInRequiredException.Reason.GRANT_REFUSED)) {
      moved();
      return;
    }
    throw signInRequired(SignInRequiredException.Reason.GRANT_REFUSED, realm.time().now());
  }

  /** Returns whether what is stored is still what was seen, and now says so. */
  private boolean markSignInRequired(
      Login found, TokenStore.Version stored, SignInRequiredException.Reason reason) {
    Login dead = found.signInRequired(reason, realm.time().now());
    TokenStore.Version committed = stored;
    try {
      committed = realm.store().commit(realm.key(subject), stored, realm.content(dead));
    } catch (RuntimeException | Error e) {
      // Nothing more is sent, whether the store knows why or not.
      boolean kept = realm.keep(subject, Realm.Unsaved.after(stored, dead));
      rethrowIfError(e);
      if (!kept) {
        return false; // somebody has signed in
      }
    }
    if (committed == null) {
      return false;
    }
    realm.recovered(subject);
    realm.emptyCells(subject);
    publish(new TokenEvent.SignInRequired(name(), userId, realm.time().now(), reason));
    return true;
  }

  private boolean mayForce(AccessToken rejected) {
    boolean exclusive = rotation().kind() == RotationProfile.Kind.RELOGIN;
    ForcedRenewals.Verdict verdict =
        realm.forced().ask(subject, rejected, exclusive, () -> realm.isOvertaken(flight));
    if (verdict.isGranted()) {
      return true;
    }
    if (verdict.isNew()
        && verdict.reason() == BrokerUnavailableException.Reason.SESSION_TAKEN_OVER) {
      publish(new TokenEvent.SessionTakenOver(name(), userId, realm.time().now()));
    }
    fail(
        unavailable(
            verdict.reason(),
            "the API refuses tokens that were renewed just now",
            verdict.pause(),
            null));
    return false;
  }

  @Override
  boolean isLoginTooEarly() {
    Held held = inHand;
    return held != null
        && RefreshPolicy.isUsable(held, realm.time())
        && !held.token.equals(demand.rejected());
  }

  @Override
  boolean isPatienceAtItsEnd(Duration patience) {
    Trouble before = realm.trouble(subject);
    denial =
        Trouble.Denial.again(
            before == null ? null : before.denial(), realm.time().monotonicNanos());
    return denial.hasLasted(patience);
  }

  /** Who needs a token instead of a refused one may come earlier; the background waits. */
  @Override
  void loginPostponed() {
    Held held = inHand;
    if (held != null) {
      realm.rest(flight, RefreshPolicy.usableFor(held, realm.time()));
    }
  }

  // What came of it

  @Override
  void granted(TokenStore.Version parent, TokenResponse response, Instant receivedAt) {
    Login before = loaded();
    late = null;
    TokenSet old = before.tokens();
    TokenSet renewed =
        old == null
            ? TokenSet.first(response, provider.broker().profile().expiry(), receivedAt, Set.of())
            : old.renewedBy(response, provider.broker().profile().expiry(), receivedAt);
    Owner owner = before.owner();
    if (owner.isAnotherThan(response.profile())) {
      // Orders of one person must never go to another's account.
      settled();
      if (!markSignInRequired(before, parent, SignInRequiredException.Reason.DIFFERENT_ACCOUNT)) {
        moved();
        return;
      }
      throw signInRequired(SignInRequiredException.Reason.DIFFERENT_ACCOUNT, realm.time().now());
    }
    Login next = before.with(renewed, owner.told(name(), response.profile(), realm.time().now()));
    commit(parent, next, response, realm.time().monotonicNanos(), 1);
  }

  private Login loaded() {
    Login found = login;
    if (found == null) {
      throw new IllegalStateException("nothing was loaded");
    }
    return late == null ? found : found.with(late);
  }

  private void commit(
      TokenStore.Version parent, Login next, TokenResponse response, long sinceNanos, int tries) {
    TokenStore.Version committed;
    try {
      committed = realm.store().commit(realm.key(subject), parent, realm.content(next));
    } catch (Error e) {
      keepUnsaved(parent, next, response, e);
      throw e;
    } catch (RuntimeException e) {
      // Whatever a store throws: the server has rotated, and the new tokens must not be lost.
      Duration pause = Backoff.doubled(Duration.ofMillis(50), tries, Duration.ofSeconds(1));
      long spent = realm.time().monotonicNanos() - sinceNanos;
      if (spent + pause.toNanos() < provider.settings().commitTimeout().toNanos()) {
        realm.saveAfter(
            pause,
            subject,
            () -> guarded(() -> commit(parent, next, response, sinceNanos, tries + 1)));
      } else {
        keepUnsaved(parent, next, response, e);
      }
      return;
    }
    settled();
    if (committed == null) {
      realm.keepLate(subject, parent, next);
      moved();
    } else {
      flight.version = committed;
      if (rotation().isFragile() || next.hasRotated()) {
        realm.remember(subject, next, committed);
      }
      clearUp(committed, next);
      published(next, response);
    }
  }

  private void clearUp(TokenStore.Version committed, Login next) {
    try {
      provider.clearUp(userId, subject, committed, next);
    } catch (SignInRequiredException e) {
      throw e;
    } catch (RuntimeException e) {
      // Whatever went wrong: the tokens are saved, and it is asked again at the next renewal.
      LOG.warn("{}: could not find out whose tokens these are", name());
    }
  }

  private void keepUnsaved(
      TokenStore.Version parent, Login next, TokenResponse response, Throwable cause) {
    boolean kept = realm.keep(subject, Realm.Unsaved.after(parent, next));
    settled();
    if (!kept) {
      moved(); // somebody has signed in
      return;
    }
    try {
      publish(new TokenEvent.UnsavedRotation(name(), userId, realm.time().now()));
      // Without its message: a database's may show what it was given.
      LOG.error(
          "{}: renewed tokens of {} can't be saved: {}",
          name(),
          ServerText.clean(userId),
          cause.getClass().getName());
    } finally {
      published(next, response);
    }
  }

  private void publish(TokenEvent event) {
    realm.engine().events().publish(event);
  }

  private static void rethrowIfError(Throwable failure) {
    if (failure instanceof Error) {
      throw (Error) failure;
    }
  }

  private void published(Login next, TokenResponse response) {
    TokenSet tokens = next.tokens();
    if (tokens == null || response.accessToken() == null) {
      // Its refresh token is saved; there is no new token to hand out.
      failed(
          BrokerUnavailableException.Reason.UNUSABLE_ANSWER,
          String.join(", ", response.problems()),
          null,
          null);
      return;
    }
    Trouble trouble = realm.recovered(subject);
    if (forced) {
      realm.forced().made(subject, provider.accessToken(tokens));
    }
    try {
      announce(tokens, trouble);
    } finally {
      realm.finish(flight, Flight.Outcome.of(next, true));
    }
  }

  private void announce(TokenSet tokens, @Nullable Trouble trouble) {
    Instant now = realm.time().now();
    Duration took = Duration.ofNanos(realm.time().monotonicNanos() - startedNanos);
    publish(new TokenEvent.Renewed(name(), userId, now, tokens.expiresAt(), took));
    if (trouble != null) {
      publish(new TokenEvent.Recovered(name(), userId, now, trouble.failures()));
    }
    TokenSet old = loaded().tokens();
    if (old != null
        && old.scope() != null
        && tokens.scope() != null
        && !old.scope().equals(tokens.scope())) {
      publish(new TokenEvent.ScopeChanged(name(), userId, now, old.scope(), tokens.scope()));
    }
  }

  /**
   * Before a human is asked, an answer that once came too late has its turn: perhaps it is the one
   * that the server remembers.
   */
  @Override
  @Nullable Grant fallback(Grant refused) {
    late = null; // if that is what was refused, it was its turn
    TokenSet kept =
        refused instanceof Grant.Refresh
            ? realm.takeLate(subject, loaded().tokens(), flight.version)
            : null;
    Grant next = kept == null ? null : provider.broker().renewal(kept);
    if (next == null) {
      return super.fallback(refused);
    }
    late = kept;
    return next;
  }

  /** What was not tried, or not answered and certainly not spent, has its turn again. */
  private void giveBackLate() {
    TokenStore.Version stored = flight.version;
    if (late != null && stored != null) {
      realm.keepLate(subject, stored, loaded());
    }
    late = null;
  }

  @Override
  boolean hasRotated() {
    return login != null && login.hasRotated();
  }

  @Override
  void refused(TokenStore.Version parent, Grant grant, boolean inDoubt, String code) {
    boolean fragile = rotation().isFragile();
    SignInRequiredException.Reason reason =
        fragile && inDoubt
            ? SignInRequiredException.Reason.ROTATION_LOST
            : SignInRequiredException.Reason.GRANT_REFUSED;
    Login found = loaded();
    late = null;
    // Only what is still stored can be called dead: another process may have renewed it.
    if (!markSignInRequired(found, parent, reason)) {
      moved();
      return;
    }
    if (fragile && !inDoubt && grant instanceof Grant.Refresh && !isAtItsEnd(found)) {
      suspectReuse(((Grant.Refresh) grant).refreshToken());
    }
    throw signInRequired(reason, realm.time().now());
  }

  /**
   * Returns whether the login has ended as all of its kind do, unused or after its longest life.
   */
  private boolean isAtItsEnd(Login found) {
    BrokerProfile profile = provider.broker().profile();
    Instant now = realm.time().now();
    TokenSet tokens = found.tokens();
    return hasPassed(found.since(), profile.refreshLifeLimit(), now)
        || (tokens != null
            && hasPassed(
                realm.clock().toLocal(tokens.receivedAt()), profile.refreshIdleLimit(), now));
  }

  private static boolean hasPassed(Instant start, @Nullable Duration limit, Instant now) {
    return limit != null && !now.isBefore(start.plus(limit).minus(END_MARGIN));
  }

  private void suspectReuse(RefreshToken sent) {
    TokenStore.Content kept = content;
    if (kept == null) {
      throw new IllegalStateException("nothing was loaded");
    }
    TokenSet tokens = LoginCodec.read(kept).tokens();
    RefreshToken stored = tokens == null ? null : tokens.refreshToken();
    String instance = LoginCodec.instance(kept);
    publish(
        new TokenEvent.ReuseSuspected(
            name(),
            userId,
            realm.time().now(),
            Fingerprint.of(sent.value()),
            stored == null ? "" : Fingerprint.of(stored.value()),
            instance == null ? "" : instance,
            realm.engine().owner().equals(instance)));
  }

  @Override
  void inDoubt(TokenStore.Intent intent, @Nullable Duration asked, @Nullable Exception cause) {
    late = null; // perhaps spent
    Trouble before = realm.trouble(subject);
    int probes = before == null || before.doubt() == null ? 1 : before.probes() + 1;
    Duration hold = Backoff.doubled(realm.hold(), probes, LONGEST_HOLD);
    Duration patience = asked == null ? Duration.ZERO : asked;
    doubt(intent, probes, Realm.longer(Realm.longer(hold, usableFor(inHand)), patience), cause);
  }

  private void doubt(
      TokenStore.Intent intent, int probes, Duration wait, @Nullable Exception cause) {
    BrokerUnavailableException failure =
        unavailable(
            BrokerUnavailableException.Reason.IN_DOUBT,
            "the answer was lost; nothing is sent before it is clear that nothing more comes",
            wait,
            cause);
    try {
      realm.time().after(wait, () -> realm.background(provider, userId, subject, Demand.FRESH));
      takeNote(failure, wait, intent.id(), probes);
    } finally {
      // Last, so that whoever is woken by it finds the probe on its way.
      fail(failure);
    }
  }

  @Override
  void failed(
      BrokerUnavailableException.Reason reason,
      String message,
      @Nullable Duration asked,
      @Nullable Exception cause) {
    giveBackLate();
    Trouble before = realm.trouble(subject);
    int failures = before == null ? 1 : before.failures() + 1;
    Duration wait = asked != null ? Realm.longer(asked, APART) : Backoff.after(failures, APART);
    fail(unavailable(reason, message, wait, cause), wait, stillOpen(before), probesOf(before));
  }

  /**
   * A doubt stays open until an answer is definite, though the intent that stands for it may be
   * new.
   */
  private @Nullable String stillOpen(@Nullable Trouble before) {
    String mine = openDoubt();
    return mine != null || before == null ? mine : before.doubt();
  }

  private static int probesOf(@Nullable Trouble before) {
    return before == null ? 0 : before.probes();
  }

  private BrokerUnavailableException unavailable(
      BrokerUnavailableException.Reason reason,
      String message,
      Duration wait,
      @Nullable Exception cause) {
    return new BrokerUnavailableException(
        reason, name() + ": " + message, realm.time().now().plus(wait), cause);
  }

  private void fail(
      BrokerUnavailableException failure, Duration wait, @Nullable String doubt, int probes) {
    try {
      takeNote(failure, wait, doubt, probes);
    } finally {
      fail(failure);
    }
  }

  /** Whoever wanted less than this flight is served with what is stored, while it is good. */
  private void fail(BrokerUnavailableException failure) {
    realm.finish(flight, Flight.Outcome.failed(failure, login));
  }

  private void takeNote(
      BrokerUnavailableException failure, Duration wait, @Nullable String doubt, int probes) {
    Trouble before = realm.trouble(subject);
    int failures = before == null ? 1 : before.failures() + 1;
    long notBefore = realm.time().monotonicNanos() + wait.toNanos();
    Trouble trouble =
        new Trouble(flight.version, failures, failure, notBefore, doubt, probes, denial);
    if (realm.troubled(flight, trouble)) {
      publish(
          new TokenEvent.RenewalFailing(
              name(), userId, realm.time().now(), failure.reason(), failures, failure.retryAt()));
    }
  }

  @Override
  void gaveUp(TokenException failure) {
    giveBackLate();
    if (flight.outcome.isDone()) {
      return; // what broke came after the end
    }
    if (failure instanceof BrokerUnavailableException) {
      BrokerUnavailableException unavailable = (BrokerUnavailableException) failure;
      Trouble before = realm.trouble(subject);
      fail(unavailable, Backoff.after(1, APART), stillOpen(before), probesOf(before));
    } else {
      if (inHand != null && !(failure instanceof TokenStoreException)) {
        realm.rest(flight); // somebody must do something first; who asks is told at once
      }
      realm.finish(flight, Flight.Outcome.failed(withOwner(failure)));
    }
  }

  /** A process that may only read the store is told which one renews. */
  private TokenException withOwner(TokenException failure) {
    TokenStore.Content kept = content;
    return kept != null && failure.reason() == TokenStoreException.Reason.READ_ONLY
        ? new TokenStoreException(
            TokenStoreException.Reason.READ_ONLY,
            name()
                + ": the token has ended and this process may only read; renewed last by instance "
                + LoginCodec.instance(kept),
            failure)
        : failure;
  }

  @Override
  void moved() {
    realm.look(flight, this::start);
  }
}
