package io.tradeauth;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The provider of one broker and environment: its tokens in memory, and the way to the flights of
 * its realm for whoever finds none that will do.
 *
 * <p>For any number of threads. The map of cells changes entry by entry, atomically; a cell's value
 * is written only inside such a step. Reading takes no lock.
 */
final class ManagedTokenProvider extends AbstractTokenProvider {

  /** One read of a bounded map in so many is written down. */
  private static final int WRITTEN_DOWN = 16;

  private static final ProbeAnswer NO_PROBE = new ProbeAnswer.Unknown("no such call");

  private static final int MOST_SCOPES = 1_000;

  private final Broker broker;
  private final BrokerSettings settings;
  private final Realm realm;
  private final TimeSource time;
  private final RefreshPolicy policy;
  private final TokenEndpoint endpoint;
  private final ConcurrentMap<String, TokenCell> cells;

  /** Reads the bounded map without leaving a trace there; null if it has no bound. */
  private final @Nullable Policy<String, TokenCell> quietly;

  private final ConcurrentMap<String, String> links = new ConcurrentHashMap<>();
  private final ChangeCounts linkChanges = new ChangeCounts();
  private final ConcurrentMap<Set<String>, Set<String>> scopes = new ConcurrentHashMap<>();
  private final Doubts doubts;

  ManagedTokenProvider(
      Broker broker,
      BrokerSettings settings,
      Realm realm,
      TokenEndpoint endpoint,
      long maximumCachedUsers) {
    super(broker.profile().hosts());
    this.broker = broker;
    this.settings = settings;
    this.realm = realm;
    this.time = realm.time();
    this.policy = new RefreshPolicy(settings.skew(), settings.renewAhead());
    this.endpoint = endpoint;
    this.doubts = new Doubts(time);
    if (maximumCachedUsers == Long.MAX_VALUE) {
      this.cells = new ConcurrentHashMap<>();
      this.quietly = null;
    } else {
      Cache<String, TokenCell> bounded = bounded(maximumCachedUsers);
      this.cells = bounded.asMap();
      this.quietly = bounded.policy();
    }
  }

  private static Cache<String, TokenCell> bounded(long maximum) {
    return Caffeine.newBuilder()
        .maximumSize(maximum)
        .executor(Runnable::run)
        .evictionListener(
            (@Nullable String user, @Nullable TokenCell cell, RemovalCause cause) -> empty(cell))
        .build();
  }

  private static void empty(@Nullable TokenCell cell) {
    if (cell != null) {
      cell.held = null;
    }
  }

  String name() {
    return broker.profile().name();
  }

  Broker broker() {
    return broker;
  }

  BrokerSettings settings() {
    return settings;
  }

  Realm realm() {
    return realm;
  }

  RotationProfile rotation() {
    return broker.profile().rotation();
  }

  // The path of a get

  @Override
  public AccessToken get(String userId) {
    TokenCell cell = cellOf(userId);
    Held held = cell == null ? null : cell.held;
    return held != null && isFresh(held) ? held.token : getOtherwise(userId, held);
  }

  /**
   * Finds a user's cell. A bounded map writes down who is read, to know whom to evict, and that
   * costs more than the rest of a get; it knows as well if one read in 16 is written down, drawn by
   * lot.
   */
  private @Nullable TokenCell cellOf(String userId) {
    return quietly == null || ThreadLocalRandom.current().nextInt(WRITTEN_DOWN) == 0
        ? cells.get(userId)
        : quietly.getIfPresentQuietly(userId);
  }

  private boolean isFresh(Held held) {
    if (RefreshPolicy.decide(held, time.wallMillis(), time.monotonicNanos())
        != RefreshPolicy.Decision.USE) {
      return false;
    }
    if (!held.used) {
      held.used = true;
    }
    return true;
  }

  private AccessToken getOtherwise(String userId, @Nullable Held held) {
    return held != null && RefreshPolicy.isUsable(held, time)
        ? whileItIsRenewed(userId, held)
        : await(userId, Demand.USABLE);
  }

  private AccessToken whileItIsRenewed(String userId, Held held) {
    held.used = true;
    renewInBackground(userId);
    return held.token;
  }

  private void renewInBackground(String userId) {
    String subject = broker.sharesLogins() ? links.get(userId) : userId;
    if (subject != null) {
      realm.background(this, userId, subject, Demand.FRESH);
    }
  }

  private AccessToken await(String userId, Demand demand) {
    return await(userId, demand, deadline());
  }

  private long deadline() {
    return time.monotonicNanos() + settings.maxWait().toNanos();
  }

  private AccessToken await(String userId, Demand demand, long deadline) {
    while (true) {
      String subject = broker.sharesLogins() ? waitFor(subjectOf(userId), deadline) : userId;
      Flight flight = realm.join(this, userId, subject, demand);
      Flight.Outcome outcome = waitFor(flight.outcome, deadline);
      AccessToken token = tokenOf(userId, flight, outcome, demand);
      if (token != null) {
        return token;
      }
    }
  }

  /**
   * Returns the token that a flight has brought; null if it was flown for somebody who wanted less,
   * was superseded, or has found a stored one that has ended since, as when the machine slept; also
   * if it is not the user's login any more.
   */
  private @Nullable AccessToken tokenOf(
      String userId, Flight flight, Flight.Outcome outcome, Demand demand) {
    if (!isLoginOf(userId, flight.subject)) {
      return null;
    }
    Held inHand = held(userId);
    Login login = outcome.login();
    if (outcome.failure() != null) {
      Held stored = inHand == null && login != null ? hold(userId, login) : inHand;
      boolean usable = stored != null && RefreshPolicy.isUsable(stored, time);
      if (stored != null && usable && (demand.isWish() || demand.accepts(stored, false, time))) {
        return stored.token;
      }
      throw outcome.failure().forCaller();
    }
    if (login == null) {
      return null;
    }
    Held brought =
        inHand != null && demand.accepts(inHand, outcome.exchanged(), time)
            ? inHand
            : hold(userId, login);
    if (brought != null && demand.accepts(brought, outcome.exchanged(), time)) {
      brought.used = true;
      return brought.token;
    }
    if (flight.demand != demand || !outcome.exchanged()) {
      return null;
    }
    throw new BrokerUnavailableException(
        BrokerUnavailableException.Reason.UNUSABLE_ANSWER,
        name() + ": the server issued a token that has already ended",
        time.now().plus(Renewal.APART),
        null);
  }

  /** Waits for what the manager's threads do. They are never interrupted; the caller may be. */
  private <T> T waitFor(CompletableFuture<T> future, long deadline) {
    try {
      return future.get(Math.max(0, deadline - time.monotonicNanos()), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new TokenWaitInterruptedException(name() + ": interrupted while waiting", e);
    } catch (TimeoutException e) {
      throw waitedTooLong();
    } catch (ExecutionException e) {
      throw unwrapped(e);
    }
  }

  private BrokerUnavailableException waitedTooLong() {
    return new BrokerUnavailableException(
        BrokerUnavailableException.Reason.WAITED_TOO_LONG,
        name() + ": not done within " + settings.maxWait() + "; it goes on",
        time.now(),
        null);
  }

  private TokenException unwrapped(Throwable failure) {
    return Failures.forCaller(name(), failure, time.now());
  }

  // Whose login it is

  private CompletableFuture<String> subjectOf(String userId) {
    if (!broker.sharesLogins()) {
      return CompletableFuture.completedFuture(userId);
    }
    String known = links.get(userId);
    return known != null
        ? CompletableFuture.completedFuture(known)
        : supply(() -> linkedSubject(userId));
  }

  /** Reads whose login a user's is, once more if somebody has signed in or out meanwhile. */
  private String linkedSubject(String userId) {
    String linked = null;
    while (linked == null) {
      int before = linkChanges.of(userId);
      String subject = storedLink(userId);
      realm.shares(userId, subject);
      linked =
          links.compute(
              userId,
              (user, known) -> known == null && linkChanges.of(user) == before ? subject : known);
      if (!subject.equals(linked)) {
        realm.unshares(userId, subject);
      }
    }
    return linked;
  }

  private String storedLink(String userId) {
    TokenStore.StoredRecord stored = realm.store().load(linkKey(userId));
    String subject = stored == null ? null : LoginCodec.readLink(stored.content());
    if (subject == null) {
      throw new SignInRequiredException(
          name(), userId, SignInRequiredException.Reason.NOT_SIGNED_IN, time.now());
    }
    return subject;
  }

  private boolean isLoginOf(String userId, String subject) {
    return !broker.sharesLogins() || subject.equals(links.get(userId));
  }

  /** Remembers whose login a user's is. */
  void remember(String userId, String subject) {
    String before = changeLink(userId, subject);
    if (before != null && !before.equals(subject)) {
      realm.unshares(userId, before);
      drop(userId);
    }
    realm.shares(userId, subject);
  }

  /** Changes whose login a user's is in one step with the note that it has changed. */
  private @Nullable String changeLink(String userId, @Nullable String subject) {
    AtomicReference<@Nullable String> before = new AtomicReference<>();
    links.compute(
        userId,
        (user, known) -> {
          linkChanges.changed(user);
          before.set(known);
          return subject;
        });
    return before.get();
  }

  private TokenStore.Key linkKey(String userId) {
    return new TokenStore.Key(TokenStore.Kind.LINK, realm.name(), userId);
  }

  /** Writes down whose login a user's is. On a thread of the manager. */
  void link(String userId, String subject) {
    boolean linked = subject.equals(links.get(userId)); // then nothing that works is dropped
    remember(userId, subject); // first, so that a sign-out that comes next forgets it
    try {
      realm.supersede(linkKey(userId), LoginCodec.writeLink(userId, subject, time.now()));
      linked = true;
    } finally {
      if (!linked) {
        dropLink(userId, subject);
      }
    }
  }

  /** Forgets whose login a user's is. On a thread of the manager. */
  void unlink(String userId, String subject) {
    realm.store().forget(linkKey(userId));
    dropLink(userId, subject);
  }

  /** Returns whether any user, of whatever process, has this login. On a thread of the manager. */
  boolean isShared(String subject) {
    return realm.store().list(TokenStore.Kind.LINK, realm.name()).stream()
        .filter(link -> link.state() == TokenStore.State.ACTIVE) // or it is a copy, or its rest
        .anyMatch(link -> subject.equals(LoginCodec.linkedSubject(link.label())));
  }

  /** Forgets a user, whether linked to a login or not. On a thread of the manager. */
  void forget(String userId) {
    if (broker.sharesLogins()) {
      realm.store().forget(linkKey(userId));
    }
    dropLink(userId, null);
  }

  /** Forgets in memory whose login a user's is. */
  void dropLink(String userId, @Nullable String subject) {
    String linked = changeLink(userId, null);
    if (linked != null) {
      realm.unshares(userId, linked);
    }
    if (subject != null) {
      realm.unshares(userId, subject);
    }
    drop(userId);
  }

  /** Returns the subject of a user's login. On a thread of the manager. */
  String subjectNow(String userId) {
    String known = broker.sharesLogins() ? links.get(userId) : userId;
    return known != null ? known : linkedSubject(userId);
  }

  <T> CompletableFuture<T> supply(Supplier<T> work) {
    return realm.isClosed()
        ? CompletableFuture.failedFuture(realm.closedFailure())
        : CompletableFuture.supplyAsync(work, realm.engine().executor());
  }

  // The cells

  /** Returns what is in hand for a user; null if nothing is. */
  @Nullable Held held(String userId) {
    TokenCell cell = cellOf(userId);
    return cell == null ? null : cell.held;
  }

  /** Shows what is stored now; for users without a cell only if {@code create}. */
  void publish(
      String userId,
      String subject,
      Login login,
      TokenStore.@Nullable Version version,
      boolean create) {
    BiFunction<String, @Nullable TokenCell, @Nullable TokenCell> fill =
        // Who shares a login may have signed out, or in to another, while it was renewed for all.
        (user, cell) -> isLoginOf(user, subject) ? filled(cell, login, version) : cell;
    if (create) {
      cells.compute(userId, fill);
    } else {
      cells.computeIfPresent(userId, fill);
    }
  }

  private @Nullable TokenCell filled(
      @Nullable TokenCell cell, Login login, TokenStore.@Nullable Version version) {
    Held held = hold(login, cell == null ? null : cell.held);
    if (held == null) {
      empty(cell);
      return null;
    }
    TokenSet tokens = login.tokens();
    if (version != null && tokens != null) {
      held.storedAs(version, tokens);
    }
    TokenCell filled = cell == null ? new TokenCell() : cell;
    filled.held = held;
    return filled;
  }

  /** Empties a user's cell and takes it out of the map; forgets what was said of its token. */
  void drop(String userId) {
    doubts.forget(userId);
    cells.computeIfPresent(
        userId,
        (user, cell) -> {
          cell.held = null;
          return null;
        });
  }

  /** Empties all cells: whoever asks next reads the store. */
  void dropAll() {
    // Links first: what is published for a login of before finds that it is nobody's.
    links.forEach(
        (user, subject) -> {
          if (!realm.isUnsavedSignIn(user, subject)) {
            changeLink(user, null);
            realm.unshares(user, subject);
          }
        });
    cells.keySet().forEach(this::drop);
  }

  int cachedUsers() {
    return cells.size();
  }

  /** Computes the limits of a login's token; null if there is none that could be handed out. */
  @Nullable Held hold(String userId, Login login) {
    return hold(login, held(userId));
  }

  /**
   * As {@link #hold(String, Login)}. Of a token that is in hand already the limits stay: its jitter
   * is drawn once, and that somebody has asked for it is not forgotten.
   */
  private @Nullable Held hold(Login login, @Nullable Held before) {
    TokenSet tokens = login.tokens();
    if (tokens == null
        || tokens.accessToken() == null
        || login.state() != TokenStore.State.ACTIVE) {
      return null;
    }
    AccessToken token = accessToken(tokens);
    Map<TokenName, AccessToken> named = named(tokens);
    Held inHand = before != null && before.isOf(token, named) ? before : null;
    boolean again = !tokens.heldSince().equals(tokens.receivedAt());
    boolean same = inHand != null && !again && time.wallMillis() >= inHand.notBeforeMillis;
    Held held = inHand != null && same ? inHand : limits(tokens, token, named, again, before);
    held.used = inHand != null && inHand.used;
    held.scope = shared(tokens.scope());
    return held;
  }

  /** Returns one set for all users who were granted the same: there are few, and many users. */
  private @Nullable Set<String> shared(@Nullable Set<String> scope) {
    if (scope == null || scopes.size() >= MOST_SCOPES) {
      return scope;
    }
    Set<String> known = scopes.putIfAbsent(scope, scope);
    return known == null ? scope : known;
  }

  private Held limits(
      TokenSet tokens,
      AccessToken token,
      Map<TokenName, AccessToken> named,
      boolean again,
      @Nullable Held before) {
    Instant heldSince = realm.clock().toLocal(tokens.heldSince());
    Instant expiresAt = realm.clock().toLocal(tokens.expiresAt());
    if (endsWithItsSuccessors(tokens)) {
      return policy.holdToTheEnd(token, named, heldSince, expiresAt, before, time);
    }
    Held held = policy.hold(token, named, heldSince, expiresAt, again, before, time);
    return broker.renewal(tokens) == null ? held.withoutRenewal() : held;
  }

  /** Returns whether a renewal before the end would bring a token that ends at the same moment. */
  private boolean endsWithItsSuccessors(TokenSet tokens) {
    return broker.profile().expiry().isDaily(tokens.expiresAt()) && broker.renewal(tokens) != null;
  }

  AccessToken accessToken(TokenSet tokens) {
    Secret value = tokens.accessToken();
    if (value == null) {
      throw new IllegalStateException("no access token");
    }
    return AccessToken.of(
        value.value(), tokens.tokenType(), tokens.expiresAt(), broker.profile().hosts());
  }

  private Map<TokenName, AccessToken> named(TokenSet tokens) {
    if (tokens.namedTokens().isEmpty()) {
      return Map.of();
    }
    Map<TokenName, AccessToken> named = new HashMap<>();
    tokens
        .namedTokens()
        .forEach(
            (name, token) ->
                named.put(
                    name,
                    AccessToken.of(
                        token.value().value(),
                        tokens.tokenType(),
                        token.expiresAt(),
                        broker.profile().hosts())));
    return named;
  }

  /**
   * Renews in the background what is due and has been asked for, or must not lie idle; announces
   * the sign-ins that are due; forgets what has no use any more.
   */
  void makeRound() {
    cells.forEach(
        (userId, cell) -> {
          Held held = cell.held;
          if (held != null) {
            look(userId, held);
          }
        });
    doubts.sweep();
  }

  private void look(String userId, Held held) {
    boolean wanted = held.used || broker.profile().refreshIdleLimit() != null;
    boolean due =
        RefreshPolicy.decide(held, time.wallMillis(), time.monotonicNanos())
            != RefreshPolicy.Decision.USE;
    if (wanted && due) {
      renewInBackground(userId);
    }
    if (!held.announced && RefreshPolicy.isSignInDue(held, time)) {
      held.announced = true;
      Instant end = realm.clock().toLocal(held.token.expiresAt());
      realm.engine().events().publish(new TokenEvent.SignInDue(name(), userId, time.now(), end));
    }
  }

  /** Reads a user's tokens from the store in the background. */
  CompletableFuture<Flight.Outcome> preload(String userId) {
    return subjectOf(userId)
        .thenCompose(
            subject -> {
              Flight flight = realm.background(this, userId, subject, Demand.USABLE);
              return flight == null
                  ? CompletableFuture.completedFuture(Flight.Outcome.SUPERSEDED)
                  : flight.outcome;
            });
  }

  // Calls

  /**
   * Returns the client credentials of a user; null if none are known. On a thread of the manager.
   */
  @Nullable ClientCredentials clientOf(String userId, @Nullable Login login) {
    ClientCredentials own = login == null ? null : login.ownClient();
    return own != null ? own : settings.clientFor(userId);
  }

  @Nullable ClientCredentials clientInSettings(String userId) {
    return settings.clientFor(userId);
  }

  /** Sends a request once and learns the server's clock. On a thread of the manager. */
  TokenEndpoint.Result send(BrokerRequest request, @Nullable AccessToken token) {
    String bearer = token == null ? null : token.authorizationFor(request.uri());
    long sent = time.wallMillis();
    TokenEndpoint.Result result =
        endpoint.send(request, broker.profile().headers(), bearer, realm.attemptTimeout());
    if (result instanceof TokenEndpoint.Result.Answered) {
      Answer answer = ((TokenEndpoint.Result.Answered) result).answer();
      realm.clock().learn(answer, sent, time.wallMillis());
    }
    return result;
  }

  /**
   * Asks the broker whether a token works; null if it has no call for that. On a thread of the
   * manager.
   */
  @Nullable ProbeAnswer probe(String userId, @Nullable ClientCredentials client, TokenSet tokens) {
    BrokerCall<ProbeAnswer> probe = broker.probe();
    if (probe == null || tokens.accessToken() == null) {
      return null;
    }
    BrokerRequest request = probe.request(new Context(this, userId, client, tokens));
    AccessToken token = accessToken(tokens);
    List<String> secrets = request.secrets();
    secrets.add(token.value());
    TokenEndpoint.Result result = send(request, request.isAuthorized() ? token : null);
    return result instanceof TokenEndpoint.Result.Answered
        ? without(secrets, probe.read(((TokenEndpoint.Result.Answered) result).answer()))
        : new ProbeAnswer.Unknown("no answer");
  }

  private static ProbeAnswer without(List<String> secrets, ProbeAnswer told) {
    if (told instanceof ProbeAnswer.Dead) {
      return new ProbeAnswer.Dead(ServerText.clean(((ProbeAnswer.Dead) told).code(), secrets));
    }
    return told instanceof ProbeAnswer.Unknown
        ? new ProbeAnswer.Unknown(ServerText.clean(((ProbeAnswer.Unknown) told).code(), secrets))
        : told;
  }

  /** Finds out whether the broker still takes a token that its API has refused. */
  CompletableFuture<ProbeAnswer> doubt(String userId, AccessToken token) {
    if (realm.isClosed()) {
      return CompletableFuture.failedFuture(realm.closedFailure());
    }
    return doubts.about(
        userId,
        token,
        realm.engine().executor(),
        () -> {
          ProbeAnswer told = probe(userId, clientOf(userId, storedLogin(userId)), only(token));
          return told == null ? NO_PROBE : told;
        });
  }

  private TokenSet only(AccessToken token) {
    Instant now = time.now();
    return new TokenSet(
        Secret.of(token.value()),
        token.type(),
        now,
        now,
        token.expiresAt(),
        null,
        null,
        Set.of(),
        Map.of(),
        null);
  }

  private BrokerRequest requestOf(String userId, BrokerCall<?> call) {
    Login login = storedLogin(userId);
    ClientCredentials client = clientOf(userId, login);
    TokenSet tokens = login == null ? null : login.tokens();
    return call.request(new Context(this, userId, client, tokens));
  }

  private Answer answerTo(BrokerRequest request, @Nullable AccessToken token) {
    TokenEndpoint.Result result = send(request, token);
    if (result instanceof TokenEndpoint.Result.Answered) {
      return ((TokenEndpoint.Result.Answered) result).answer();
    }
    boolean notSent = result instanceof TokenEndpoint.Result.NotSent;
    throw new BrokerUnavailableException(
        notSent
            ? BrokerUnavailableException.Reason.UNREACHABLE
            : BrokerUnavailableException.Reason.UNUSABLE_ANSWER,
        name() + ": no whole answer from " + request.uri().getHost(),
        time.now().plus(Renewal.APART),
        notSent
            ? ((TokenEndpoint.Result.NotSent) result).cause()
            : ((TokenEndpoint.Result.Lost) result).cause());
  }

  /** Reads what is stored of a user; null if nothing. On a thread of the manager. */
  @Nullable Login storedLogin(String userId) {
    return LoginCodec.stored(storedRecord(userId));
  }

  TokenStore.@Nullable StoredRecord storedRecord(String userId) {
    String subject = storedSubject(userId);
    return subject == null ? null : realm.store().load(realm.key(subject));
  }

  /** Returns the subject of a user's login; null if none is known. On a thread of the manager. */
  @Nullable String storedSubject(String userId) {
    String known = broker.sharesLogins() ? links.get(userId) : userId;
    if (known != null) {
      return known;
    }
    TokenStore.StoredRecord link = realm.store().load(linkKey(userId));
    return link == null ? null : LoginCodec.readLink(link.content());
  }

  /** Ends a session on the broker's side. On a thread of the manager. */
  boolean endSession(String userId, Login login, TokenSet tokens, BrokerCall<Boolean> call) {
    ClientCredentials client = clientOf(userId, login);
    BrokerRequest request = call.request(new Context(this, userId, client, tokens));
    boolean authorized = request.isAuthorized() && tokens.accessToken() != null;
    return call.read(answerTo(request, authorized ? accessToken(tokens) : null));
  }

  /** Probes a token and takes note of what the broker said of it. On a thread of the manager. */
  ProbeAnswer validate(String userId, AccessToken token) {
    TokenStore.StoredRecord stored = storedRecord(userId);
    Login login = LoginCodec.stored(stored);
    ProbeAnswer answer = probe(userId, clientOf(userId, login), only(token));
    if (answer == null) {
      return NO_PROBE;
    }
    if (answer instanceof ProbeAnswer.Alive && stored != null && login != null) {
      confirm(userId, subjectNow(userId), stored.version(), login, (ProbeAnswer.Alive) answer);
    }
    return answer;
  }

  /**
   * Finds out whose tokens these are if that is in question. On a thread of the manager.
   *
   * @throws SignInRequiredException if they are another person's
   */
  void clearUp(String userId, String subject, TokenStore.Version version, Login login) {
    TokenSet tokens = login.tokens();
    if (tokens == null || !login.owner().isInQuestion()) {
      return;
    }
    ProbeAnswer answer = probe(userId, clientOf(userId, login), tokens);
    if (answer instanceof ProbeAnswer.Alive) {
      confirm(userId, subject, version, login, (ProbeAnswer.Alive) answer);
    }
  }

  /**
   * Writes what was confirmed, under an intent of its own, so that it never crosses an exchange.
   */
  private void confirm(
      String userId,
      String subject,
      TokenStore.Version seen,
      Login login,
      ProbeAnswer.Alive alive) {
    TokenSet tokens = login.tokens();
    if (tokens == null || login.state() != TokenStore.State.ACTIVE) {
      return;
    }
    if (!login.owner().isAnotherThan(alive.profile())) {
      write(realm.key(subject), seen, confirmed(login, tokens, alive.profile()));
      return;
    }
    SignInRequiredException.Reason reason = SignInRequiredException.Reason.DIFFERENT_ACCOUNT;
    if (mark(subject, seen, login.signInRequired(reason, time.now()))) {
      realm
          .engine()
          .events()
          .publish(new TokenEvent.SignInRequired(name(), userId, time.now(), reason));
      realm.drop(subject);
    }
    throw new SignInRequiredException(name(), userId, reason, time.now());
  }

  /**
   * Sees to it that what is another person's is not served any more, be the store as it may.
   *
   * @return whether it was still there
   */
  private boolean mark(String subject, TokenStore.Version seen, Login dead) {
    try {
      return write(realm.key(subject), seen, dead);
    } catch (RuntimeException | Error e) {
      boolean kept = realm.keep(subject, Realm.Unsaved.after(seen, dead));
      if (e instanceof Error) {
        realm.drop(subject);
        throw e;
      }
      return kept;
    }
  }

  private Login confirmed(Login login, TokenSet tokens, @Nullable UserProfile told) {
    Instant now = time.now();
    return login.with(
        told == null ? tokens : tokens.withProfile(told),
        login.owner().told(name(), told, now).validated(now));
  }

  private boolean write(TokenStore.Key key, TokenStore.Version seen, Login next) {
    TokenStore.Intent intent =
        new TokenStore.Intent(realm.engine().newId(), realm.engine().owner(), "validate");
    TokenStore.BeginResult begun = realm.store().begin(key, seen, intent, null);
    if (begun.outcome() != TokenStore.BeginOutcome.BEGUN) {
      return false;
    }
    boolean done = false;
    try {
      boolean written = realm.store().commit(key, seen, realm.content(next)) != null;
      done = true;
      return written;
    } finally {
      if (!done) {
        realm.takeBack(key, intent);
      }
    }
  }

  /** Tells how a user stands. On a thread of the manager. */
  UserStatus status(String userId) {
    Login login = storedLogin(userId);
    if (login == null) {
      return new UserStatus(
          name(),
          userId,
          UserStatus.State.NEVER_SIGNED_IN,
          Instant.EPOCH,
          null,
          false,
          null,
          Set.of(),
          null,
          null,
          null,
          null,
          SignInRequiredException.Reason.NOT_SIGNED_IN,
          null,
          null);
    }
    String subject = subjectNow(userId);
    Realm.Unsaved unsaved = realm.unsaved(subject);
    Trouble trouble = realm.trouble(subject);
    TokenSet tokens = unsaved != null ? unsaved.login().tokens() : login.tokens();
    boolean hasToken = tokens != null && tokens.accessToken() != null;
    return new UserStatus(
        name(),
        userId,
        stateOf(login, unsaved, trouble),
        login.since(),
        tokens != null && hasToken ? tokens.expiresAt() : null,
        login.state() == TokenStore.State.ACTIVE && broker.renewal(tokens) != null,
        tokens == null ? null : tokens.scope(),
        tokens == null ? Set.of() : tokens.missingScope(),
        login.profileAt(name()),
        login.owner().createdAt(),
        login.owner().updatedAt(),
        login.owner().validatedAt(),
        login.reason(),
        trouble == null ? null : trouble.last().reason(),
        trouble == null ? null : trouble.last().retryAt());
  }

  private static UserStatus.State stateOf(
      Login login, Realm.@Nullable Unsaved unsaved, @Nullable Trouble trouble) {
    switch ((unsaved == null ? login : unsaved.login()).state()) {
      case SIGNED_OUT:
        return UserStatus.State.SIGNED_OUT;
      case SIGN_IN_REQUIRED:
        return UserStatus.State.SIGN_IN_REQUIRED;
      default:
        if (unsaved != null) {
          return UserStatus.State.UNSAVED;
        }
        return trouble != null ? UserStatus.State.RENEWAL_FAILING : UserStatus.State.SIGNED_IN;
    }
  }

  void close() {
    endpoint.close();
  }

  @Override
  User user(String userId) {
    return new User(userId);
  }

  /**
   * The handle of one user. It keeps the cell it has found; an empty one makes it look up again.
   */
  private final class User extends AbstractUserTokens {

    private final String userId;
    private @Nullable TokenCell cell;

    User(String userId) {
      this.userId = userId;
    }

    @Override
    public AccessToken get() {
      TokenCell known = cell;
      Held held = known == null ? null : known.held;
      return held != null && isFresh(held) ? held.token : lookUp();
    }

    private AccessToken lookUp() {
      TokenCell found = cellOf(userId);
      cell = found;
      Held held = found == null ? null : found.held;
      return held != null && isFresh(held) ? held.token : getOtherwise(userId, held);
    }

    @Override
    public AccessToken get(TokenName name) {
      Held held = held(userId);
      AccessToken token = held == null ? null : held.named.get(name);
      if (token == null) {
        token = waitFor(supply(() -> stored(name)), deadline());
      }
      if (!realm.clock().toLocal(token.expiresAt()).minus(settings.skew()).isAfter(time.now())) {
        throw signInRequired(SignInRequiredException.Reason.EXPIRED);
      }
      return token;
    }

    private AccessToken stored(TokenName name) {
      Login login = storedLogin(userId);
      TokenSet tokens = login == null ? null : login.tokens();
      AccessToken token = tokens == null ? null : named(tokens).get(name);
      if (token == null) {
        throw signInRequired(SignInRequiredException.Reason.NOT_SIGNED_IN);
      }
      return token;
    }

    private SignInRequiredException signInRequired(SignInRequiredException.Reason reason) {
      return new SignInRequiredException(name(), userId, reason, time.now());
    }

    @Override
    public AccessToken getLasting(Duration life) {
      Demand demand = Demand.lasting(Durations.notNegative("life", life));
      Held held = held(userId);
      if (held != null && !demand.needsExchange(held, time)) {
        held.used = true;
        return held.token;
      }
      try {
        return await(userId, demand);
      } catch (BrokerUnavailableException | TokenStoreException e) {
        Held inHand = held(userId);
        if (inHand != null && RefreshPolicy.isUsable(inHand, time)) {
          return inHand.token;
        }
        throw e;
      }
    }

    @Override
    public AccessToken getScoped(String... required) {
      AccessToken token = get();
      Held held = held(userId);
      Set<String> scope =
          held != null && held.token.equals(token)
              ? held.scope
              : waitFor(supply(this::storedScope), deadline()).orElse(null);
      if (scope != null && !scope.containsAll(Arrays.asList(required))) {
        throw signInRequired(SignInRequiredException.Reason.SCOPE_DOWNGRADED);
      }
      return token;
    }

    private Optional<Set<String>> storedScope() {
      Login login = storedLogin(userId);
      TokenSet tokens = login == null ? null : login.tokens();
      return Optional.ofNullable(tokens == null ? null : tokens.scope());
    }

    @Override
    public CompletableFuture<AccessToken> getAsync() {
      return getAsync(realm.engine().callbacks());
    }

    @Override
    public CompletableFuture<AccessToken> getAsync(Executor executor) {
      Held held = held(userId);
      return held != null && RefreshPolicy.isUsable(held, time)
          ? CompletableFuture.completedFuture(
              isFresh(held) ? held.token : whileItIsRenewed(userId, held))
          : fetch(Demand.USABLE, Handover.orHere(executor));
    }

    /** Returns a future of its own for each caller, so that cancelling it reaches nobody else. */
    private CompletableFuture<AccessToken> fetch(Demand demand, Executor executor) {
      CompletableFuture<AccessToken> result = withinMaxWait(executor);
      fly(demand, result, executor);
      return result;
    }

    private void fly(Demand demand, CompletableFuture<AccessToken> result, Executor executor) {
      subjectOf(userId)
          .whenComplete(
              (subject, failure) -> {
                if (failure != null) {
                  fail(result, unwrapped(failure), executor);
                } else {
                  fly(subject, demand, result, executor);
                }
              });
    }

    /** Returns a future that fails when its caller has waited as long as one may. */
    private <T> CompletableFuture<T> withinMaxWait(Executor executor) {
      CompletableFuture<T> result = new CompletableFuture<>();
      TimeSource.Timer timeout =
          // Not on the timer's thread, where an executor that rejects would leave it.
          realm.engine().after(settings.maxWait(), () -> fail(result, waitedTooLong(), executor));
      result.whenComplete((value, failure) -> timeout.cancel());
      return result;
    }

    private void fail(CompletableFuture<?> result, TokenException failure, Executor executor) {
      executor.execute(() -> result.completeExceptionally(failure));
    }

    private void fly(
        String subject, Demand demand, CompletableFuture<AccessToken> result, Executor executor) {
      try {
        Flight flight = realm.join(ManagedTokenProvider.this, userId, subject, demand);
        flight.outcome.thenAcceptAsync(
            outcome -> land(flight, demand, outcome, result, executor), executor);
      } catch (RuntimeException e) {
        fail(result, unwrapped(e), executor);
      }
    }

    private void land(
        Flight flight,
        Demand demand,
        Flight.Outcome outcome,
        CompletableFuture<AccessToken> result,
        Executor executor) {
      try {
        AccessToken token = tokenOf(userId, flight, outcome, demand);
        if (token != null) {
          result.complete(token);
        } else if (!result.isDone()) {
          fly(demand, result, executor);
        }
      } catch (TokenException e) {
        result.completeExceptionally(e);
      } catch (RuntimeException e) {
        result.completeExceptionally(unwrapped(e));
      }
    }

    @Override
    public AccessToken getInsteadOf(AccessToken rejected) {
      AccessToken other = otherInHand(rejected);
      return other != null ? other : await(userId, Demand.insteadOf(rejected));
    }

    private @Nullable AccessToken otherInHand(AccessToken rejected) {
      Held held = held(userId);
      return held != null && RefreshPolicy.isUsable(held, time) && !held.token.equals(rejected)
          ? held.token
          : null;
    }

    @Override
    public @Nullable AccessToken replace(AccessToken rejected, @Nullable Answer answer) {
      return replace(rejected, answer, deadline());
    }

    private @Nullable AccessToken replace(
        AccessToken rejected, @Nullable Answer answer, long deadline) {
      AccessToken other = otherInHand(rejected);
      if (other != null) {
        return other;
      }
      return waitFor(isToBlame(rejected, answer), deadline)
          ? await(userId, Demand.insteadOf(rejected), deadline)
          : null;
    }

    @Override
    public CompletableFuture<@Nullable AccessToken> replaceAsync(AccessToken rejected) {
      AccessToken other = otherInHand(rejected);
      if (other != null) {
        return CompletableFuture.completedFuture(other);
      }
      Executor callbacks = realm.engine().callbacks();
      // A store or a vault may hang in the question; what it is told later is for the next one.
      CompletableFuture<Boolean> toBlame = withinMaxWait(callbacks);
      isToBlame(rejected, null)
          .whenComplete(
              (yes, failure) -> {
                if (failure == null) {
                  toBlame.complete(yes);
                } else {
                  toBlame.completeExceptionally(failure);
                }
              });
      return toBlame.thenComposeAsync(
          yes ->
              yes
                  ? fetch(Demand.insteadOf(rejected), callbacks)
                  : CompletableFuture.completedFuture(null),
          callbacks);
    }

    /** Returns whether a refusal is the token's fault. */
    private CompletableFuture<Boolean> isToBlame(AccessToken rejected, @Nullable Answer answer) {
      Answer refusal = answer != null ? answer : Answer.of(401, Map.of(), new byte[0]);
      Rejection meaning = broker.rejection(refusal);
      if (meaning == Rejection.NOT_THE_TOKEN) {
        return CompletableFuture.completedFuture(false);
      }
      return meaning == Rejection.PROBE_FIRST || isIrreplaceable()
          ? doubt(userId, rejected).thenApply(ProbeAnswer.Dead.class::isInstance)
          : CompletableFuture.completedFuture(true);
    }

    /** Returns whether a token is in hand that nothing renews: only the broker's word ends it. */
    private boolean isIrreplaceable() {
      Held held = held(userId);
      return held != null && !held.renewable && RefreshPolicy.isUsable(held, time);
    }

    @Override
    public AccessToken renew() {
      return await(userId, Demand.NEW);
    }

    @Override
    public Optional<AccessToken> peek() {
      Held held = held(userId);
      return held != null && RefreshPolicy.isUsable(held, time)
          ? Optional.of(held.token)
          : Optional.empty();
    }

    @Override
    public <T> T call(BrokerCall<T> call) {
      long deadline = deadline() + realm.attemptTimeout().toNanos();
      BrokerRequest request = waitFor(supply(() -> requestOf(userId, call)), deadline);
      List<String> secrets = request.secrets();
      Answer answer =
          request.isAuthorized()
              ? authorized(request, deadline, secrets)
              : waitFor(supply(() -> answerTo(request, null)), deadline);
      try {
        return without(secrets, call.read(answer));
      } catch (RuntimeException e) {
        throw unwrapped(e);
      }
    }

    @SuppressWarnings("unchecked") // a refusal is one of whatever was asked for
    private <T> T without(List<String> secrets, T told) {
      return told instanceof CallAnswer.Refused
          ? (T) cleaned((CallAnswer.Refused<?>) told, secrets)
          : told;
    }

    private <G> CallAnswer.Refused<G> cleaned(CallAnswer.Refused<G> told, List<String> secrets) {
      return new CallAnswer.Refused<>(told.status(), ServerText.clean(told.code(), secrets));
    }

    /** Waits for tokens on the caller's thread: those of the manager are there for sending. */
    private Answer authorized(BrokerRequest request, long deadline, List<String> secrets) {
      AccessToken token = get();
      secrets.add(token.value());
      Answer answer = waitFor(supply(() -> answerTo(request, token)), deadline);
      if (answer.status() != 401) {
        return answer;
      }
      AccessToken other = replace(token, answer, deadline);
      boolean read = request.method().equals("GET");
      if (other == null || !read) {
        return answer;
      }
      secrets.add(other.value());
      return waitFor(supply(() -> answerTo(request, other)), deadline);
    }

    @Override
    public ApiHosts hosts() {
      return broker.profile().hosts();
    }

    @Override
    public Map<String, String> headers() {
      return broker.profile().headers();
    }
  }
}
