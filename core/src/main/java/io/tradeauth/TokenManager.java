package io.tradeauth;

import java.io.IOException;
import java.net.URI;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import okhttp3.OkHttpClient;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the users of one program signed in to its brokers: the entry point of the library.
 *
 * <p>Make one for the program, sign users in when they come from a broker's sign-in, and take the
 * {@link TokenProvider} of each broker from it. For any number of threads. Whatever takes time runs
 * on threads of the manager, all daemons whose names say {@code tradeauth}; listeners and the
 * dependents of futures run on the application's executor.
 */
public final class TokenManager implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth");

  /** How often other processes' sign-ins are looked for, and due tokens renewed. */
  private static final Duration ROUND = Duration.ofSeconds(4);

  private static final Duration TOMBSTONE = Duration.ofHours(24);

  private final Map<String, ManagedTokenProvider> providers = new LinkedHashMap<>();
  private final Map<String, Realm> realms = new LinkedHashMap<>();
  private final Realm.Engine engine;
  private final EngineThreads threads;
  private final Duration closeTimeout;
  private volatile @Nullable String cursor;
  private final AtomicBoolean roundUnderWay = new AtomicBoolean();
  private volatile boolean closed;
  private volatile TimeSource.@Nullable Timer round;

  private TokenManager(Builder builder) {
    this.threads = new EngineThreads();
    this.closeTimeout = builder.closeTimeout;
    Executor callbacks = builder.callbacks;
    SecureRandom random = new SecureRandom();
    this.engine =
        new Realm.Engine(
            builder.store,
            builder.time,
            Handover.orOwnThread(builder.executor != null ? builder.executor : threads),
            Handover.orHere(callbacks),
            new Events(callbacks),
            new Slots(builder.exchangesInAll),
            random,
            Long.toHexString(random.nextLong()));
    for (Map.Entry<Broker, BrokerSettings> entry : builder.brokers.entrySet()) {
      add(entry.getKey(), entry.getValue(), builder);
    }
    warnOfTwoOkHttps(OkHttpClient.class.getClassLoader());
    LOG.info("instance {} for {}", engine.owner(), providers.keySet());
    engine.executor().execute(this::makeRound);
    nextRound();
  }

  private void add(Broker broker, BrokerSettings settings, Builder builder) {
    Realm realm =
        realms.computeIfAbsent(
            broker.profile().realm(),
            name -> new Realm(name, engine, builder.exchangesAtOneServer));
    ManagedTokenProvider provider =
        new ManagedTokenProvider(
            broker,
            settings.checked(),
            realm,
            new TokenEndpoint(builder.http, settings.connectTimeout()),
            builder.maximumCachedUsers);
    realm.add(provider);
    providers.put(broker.profile().name(), provider);
  }

  static void warnOfTwoOkHttps(@Nullable ClassLoader loader) {
    try {
      int copies = 0;
      if (loader != null) {
        copies =
            java.util.Collections.list(loader.getResources("okhttp3/OkHttpClient.class")).size();
      }
      if (copies > 1) {
        LOG.warn(
            "OkHttp is on the class path {} times: exclude all but one, or either may be loaded",
            copies);
      }
    } catch (IOException e) {
      LOG.debug("could not look for a second OkHttp", e);
    }
  }

  /** Starts a manager's settings. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Returns the provider of a broker and environment.
   *
   * @throws BrokerConfigurationException if the manager has none of that name
   */
  public TokenProvider provider(String broker) {
    return managed(broker);
  }

  private ManagedTokenProvider managed(String broker) {
    ManagedTokenProvider provider = providers.get(broker);
    if (provider == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNKNOWN_BROKER,
          "broker: no \"" + ServerText.clean(broker) + "\", only " + providers.keySet());
    }
    return provider;
  }

  /**
   * Returns the page where a user allows the application to act (RFC 6749 section 4.1.1).
   *
   * @throws BrokerConfigurationException if this environment has no such page, or no client is set
   * @throws IllegalArgumentException if the broker can't take the request
   */
  public URI authorizationUri(String broker, String userId, AuthorizationRequest request) {
    ManagedTokenProvider provider = managed(broker);
    ClientCredentials client = await(supply(() -> provider.clientInSettings(userId)));
    return authorizationUri(provider, request, client);
  }

  /**
   * As {@link #authorizationUri(String, String, AuthorizationRequest)}, for a user's own client.
   */
  public URI authorizationUri(
      String broker, ClientCredentials client, AuthorizationRequest request) {
    return authorizationUri(managed(broker), request, client);
  }

  private static URI authorizationUri(
      ManagedTokenProvider provider,
      AuthorizationRequest request,
      @Nullable ClientCredentials client) {
    if (client == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.CLIENT_MISSING,
          provider.name() + ": no client credentials in the settings");
    }
    URI uri = provider.broker().authorizationUri(request, client);
    if (uri == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          provider.name() + ": users do not sign in through a browser here");
    }
    return uri;
  }

  /**
   * Signs a user in with what came from the broker, in place of whatever was there. Waits for the
   * exchange; if it fails, what was stored stays as it was.
   *
   * <p>A refresh token of a server that rotates them is spent by its first sign-in. While the user
   * is signed in by it, another sign-in with it, as by an application that starts anew with what is
   * in its settings, keeps the login as it is by now, and sends nothing.
   *
   * @throws SignInRequiredException if the broker refuses the grant, its answer was lost, or it
   *     belongs to another person at the broker than the user's sign-in before, which is remembered
   *     through a sign-out until {@link #forget}; if the broker does not tell whose it is, that is
   *     asked again at the next renewal and {@link #validate}
   * @throws BrokerConfigurationException if the client is refused or missing, or the broker takes
   *     no such grant
   * @throws BrokerUnavailableException if it makes sense to try again
   */
  public void signIn(String broker, String userId, Grant grant) {
    await(startSignIn(managed(broker), userId, grant, false));
  }

  /**
   * As {@link #signIn}, but the grant may belong to another person at the broker than the one
   * before: only after the user has confirmed it. A refresh token that was refused for this reason
   * may be spent: given once more, what it has brought is taken, after a minute or so, if that
   * could be written down.
   */
  public void signInAsAnyone(String broker, String userId, Grant grant) {
    await(startSignIn(managed(broker), userId, grant, true));
  }

  private CompletableFuture<Login> startSignIn(
      ManagedTokenProvider provider, String userId, Grant grant, boolean allowDifferentAccount) {
    checkUserId(userId);
    // Before asking whether all is closed, so that closing either sees it or prevents it.
    CompletableFuture<Boolean> ended = provider.realm().signingIn(userId);
    try {
      return supply(
              () -> {
                ClientCredentials client =
                    grant.client() != null ? grant.client() : provider.clientInSettings(userId);
                String subject = provider.broker().subject(userId, client);
                return new SignIn(
                    provider.realm(), provider, userId, subject, grant, allowDifferentAccount);
              })
          .thenCompose(SignIn::start)
          .whenComplete((login, failure) -> ended.complete(true));
    } catch (BrokerUnavailableException e) {
      ended.complete(true);
      throw e;
    }
  }

  private static void checkUserId(String userId) {
    if (userId.isBlank()) {
      throw new IllegalArgumentException("userId: must not be blank");
    }
  }

  private void refuseWhenClosed() {
    if (closed) {
      throw new BrokerUnavailableException(
          BrokerUnavailableException.Reason.CLOSED,
          "the manager is closed",
          engine.time().now(),
          null);
    }
  }

  /**
   * Signs a user out: from now on no token of this login is handed out, and the broker's session is
   * ended if the broker can end that of one user. What the broker answers does not matter here.
   * What another sign-in has brought that died, or was refused as another person's, is not of this
   * login: it stays until the next sign-in or {@link #forget}.
   */
  public void signOut(String broker, String userId) {
    ManagedTokenProvider provider = managed(broker);
    await(supply(() -> signOutNow(provider, userId, SignOut.Reach.USER)));
  }

  /**
   * Ends a user's session on the broker's side and signs the user out.
   *
   * @return whether the broker says that the session is gone
   * @throws BrokerConfigurationException if the broker has no such call, or if it would end the
   *     sessions of all users of the client: they are named, and nothing is done; see {@link
   *     #revokeForAllUsersOfTheClient}
   */
  public boolean revoke(String broker, String userId) {
    ManagedTokenProvider provider = managed(broker);
    SignOut how = signOutOf(provider);
    if (how.reach() == SignOut.Reach.CLIENT) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          provider.name()
              + ": this would end the sessions of all users of the client: "
              + await(supply(() -> usersOf(provider))).stream().map(ServerText::clean).toList()
              + "; nothing was done");
    }
    return await(supply(() -> signOutNow(provider, userId, SignOut.Reach.USER)));
  }

  /** As {@link #revoke}, and consents to the end of all sessions of the user's client. */
  public boolean revokeForAllUsersOfTheClient(String broker, String userId) {
    ManagedTokenProvider provider = managed(broker);
    signOutOf(provider);
    return await(supply(() -> signOutNow(provider, userId, SignOut.Reach.CLIENT)));
  }

  private static SignOut signOutOf(ManagedTokenProvider provider) {
    SignOut how = provider.broker().signOut();
    if (how == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          provider.name() + ": the broker has no call that ends a session; use signOut");
    }
    return how;
  }

  private boolean signOutNow(ManagedTokenProvider provider, String userId, SignOut.Reach consent) {
    Realm realm = provider.realm();
    String subject = provider.storedSubject(userId);
    if (subject == null) {
      return false;
    }
    if (provider.broker().sharesLogins()) {
      realm.unlinkUnsaved(userId, subject);
      provider.unlink(userId, subject);
      if (provider.isShared(subject)) {
        publishSignedOut(provider, userId);
        return false;
      }
    }
    TokenStore.StoredRecord record = realm.store().load(realm.key(subject));
    Login stored = LoginCodec.stored(record);
    Login unsaved = realm.unsavedAfter(record, subject);
    Login newest = unsaved == null ? stored : unsaved;
    if (record != null || newest != null) {
      Login known = stored == null ? newest : stored;
      Instant now = engine.time().now();
      // Also over an empty record: a move may be about to let it be a login.
      Login after = known == null ? Login.signedOut(userId, now) : known.signedOut(now);
      realm.supersedeLogin(subject, realm.content(after));
      forgetWhatIsLeft(realm, subject, newest);
    }
    if (record != null || newest != null || provider.broker().sharesLogins()) {
      publishSignedOut(provider, userId);
    }
    realm.drop(subject); // what is in hand may have been moved or removed by others
    // The session lives on in the tokens that could not be saved, if there are any.
    return newest != null && endSession(provider, userId, newest, consent);
  }

  private void publishSignedOut(ManagedTokenProvider provider, String userId) {
    engine.events().publish(new TokenEvent.SignedOut(provider.name(), userId, engine.time().now()));
  }

  /** Removes what the sign-in to this login has left, but not what another has under way. */
  private static void forgetWhatIsLeft(Realm realm, String subject, @Nullable Login signedOut) {
    TokenStore.Key key = realm.signInKey(subject);
    try {
      TokenStore.StoredRecord left = realm.store().load(key);
      if (left != null && isOver(left, signedOut)) {
        realm.store().forget(key);
      }
    } catch (RuntimeException e) {
      LOG.warn("{}: what a sign-in left behind stays ({})", realm.name(), e.getClass().getName());
    }
  }

  private static boolean isOver(TokenStore.StoredRecord left, @Nullable Login signedOut) {
    Login came =
        left.content().state() == TokenStore.State.ACTIVE ? LoginCodec.read(left.content()) : null;
    return came != null && came.origin() != null
        ? signedOut != null && came.origin().equals(signedOut.origin())
        : left.intent() == null;
  }

  private static boolean endSession(
      ManagedTokenProvider provider, String userId, Login login, SignOut.Reach consent) {
    SignOut how = provider.broker().signOut();
    TokenSet tokens = login.tokens();
    if (how == null
        || tokens == null
        || (how.reach() == SignOut.Reach.CLIENT && consent != SignOut.Reach.CLIENT)) {
      return false;
    }
    try {
      return provider.endSession(userId, login, tokens, how.call());
    } catch (RuntimeException e) {
      // Here the user is signed out already; the session ends by itself later.
      LOG.warn("{}: the session could not be ended: {}", provider.name(), e.getClass().getName());
      return false;
    }
  }

  /**
   * Removes every trace of a user, at all brokers. The user is signed out first.
   *
   * @throws TokenStoreException if the store fails; what is left is removed by calling again
   */
  public void forget(String userId) {
    providers.values().forEach(provider -> await(supply(() -> forgetNow(provider, userId))));
  }

  private boolean forgetNow(ManagedTokenProvider provider, String userId) {
    Realm realm = provider.realm();
    String subject = provider.storedSubject(userId);
    try {
      Login login = provider.storedLogin(userId);
      signOutNow(provider, userId, SignOut.Reach.USER);
      if (login != null && login.ownClient() != null) {
        realm.budgets().forget(login.ownClient().id());
      }
    } catch (RuntimeException e) {
      // What can't be read has no session that could be ended; what is there goes all the same.
      LOG.warn("{}: could not sign out first: {}", provider.name(), e.getClass().getName());
    }
    provider.forget(userId);
    forgetSignIns(realm, userId);
    if (subject != null && !(provider.broker().sharesLogins() && provider.isShared(subject))) {
      realm.forgetUnsaved(subject); // first, or it could be saved after it
      realm.store().forget(realm.key(subject));
      realm.store().forget(realm.signInKey(subject));
      realm.drop(subject);
    }
    return true;
  }

  /** Removes sign-ins that have not come to their end, also to logins that are shared. */
  private static void forgetSignIns(Realm realm, String userId) {
    realm.store().list(TokenStore.Kind.SIGN_IN, realm.name()).stream()
        .filter(stored -> userId.equals(LoginCodec.user(stored.label())))
        .forEach(stored -> realm.store().forget(stored.key()));
  }

  /**
   * Asks the broker whether the user's token works, and takes note of whose it is.
   *
   * @return what the broker said; {@link ProbeAnswer.Unknown} if it has no call for that
   * @throws SignInRequiredException also if it is another person's than the user's sign-in before
   */
  public ProbeAnswer validate(String broker, String userId) {
    ManagedTokenProvider provider = managed(broker);
    AccessToken token = provider.get(userId);
    return await(supply(() -> provider.validate(userId, token)));
  }

  /** Returns how a user stands, from memory and the store; nothing is sent. */
  public UserStatus status(String broker, String userId) {
    ManagedTokenProvider provider = managed(broker);
    return await(supply(() -> provider.status(userId)));
  }

  /**
   * Returns whether the user has a token that may be used, or one that can be renewed without the
   * user.
   */
  public boolean isSignedIn(String broker, String userId) {
    UserStatus status = status(broker, userId);
    boolean active =
        status.state() != UserStatus.State.NEVER_SIGNED_IN
            && status.state() != UserStatus.State.SIGN_IN_REQUIRED
            && status.state() != UserStatus.State.SIGNED_OUT;
    Instant end = status.expiresAt();
    return active && (status.renewable() || (end != null && end.isAfter(engine.time().now())));
  }

  /**
   * Returns the users who have signed in to a broker and not out again, whether renewable or not.
   */
  public List<String> users(String broker) {
    ManagedTokenProvider provider = managed(broker);
    return await(supply(() -> usersOf(provider)));
  }

  private static List<String> usersOf(ManagedTokenProvider provider) {
    TokenStore.Kind kind =
        provider.broker().sharesLogins() ? TokenStore.Kind.LINK : TokenStore.Kind.LOGIN;
    List<String> users = new ArrayList<>();
    for (TokenStore.StoredLabel stored :
        provider.realm().store().list(kind, provider.realm().name())) {
      String user = LoginCodec.user(stored.label());
      boolean present =
          stored.state() == TokenStore.State.ACTIVE
              || stored.state() == TokenStore.State.SIGN_IN_REQUIRED;
      if (user != null && present) {
        users.add(user);
      }
    }
    users.sort(null);
    return users;
  }

  /**
   * Adds a listener.
   *
   * @param type which events; {@link TokenEvent} itself for all
   * @return what removes the listener
   */
  public <E extends TokenEvent> Runnable on(Class<E> type, Consumer<? super E> listener) {
    return engine.events().on(type, listener);
  }

  /**
   * Waits until a user has signed in, here or in another process.
   *
   * @throws BrokerUnavailableException if that has not happened after {@code atMost}
   * @throws TokenWaitInterruptedException if the thread is interrupted
   */
  public void awaitSignIn(String broker, String userId, Duration atMost) {
    Realm realm = managed(broker).realm();
    long deadline = engine.time().monotonicNanos() + Durations.positive("atMost", atMost).toNanos();
    boolean signedIn = false;
    while (!signedIn) {
      CompletableFuture<Boolean> next = realm.nextSignIn(userId);
      try {
        // Asked after the order, or one in between would be missed; and again after each notice,
        // which may be of a sign-out.
        signedIn = isSignedIn(broker, userId);
        if (!signedIn) {
          awaitNext(next, deadline, broker + ": nobody has signed in within " + atMost);
        }
      } finally {
        realm.forgetSignIn(userId, next);
      }
    }
  }

  private void awaitNext(CompletableFuture<Boolean> next, long deadline, String tooLong) {
    try {
      next.get(Math.max(0, deadline - engine.time().monotonicNanos()), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      throw interrupted(e);
    } catch (TimeoutException e) {
      throw new BrokerUnavailableException(
          BrokerUnavailableException.Reason.WAITED_TOO_LONG, tooLong, engine.time().now(), null);
    } catch (ExecutionException e) {
      throw failure(e);
    }
  }

  /**
   * Reads the tokens of users from the store and renews what has ended, in the background and at a
   * measured pace, so that their first get need not wait.
   *
   * @return completed when all have been looked at; never exceptionally
   */
  public CompletableFuture<Void> preload(String broker, Collection<String> userIds) {
    ManagedTokenProvider provider = managed(broker);
    return CompletableFuture.allOf(
            userIds.stream()
                .map(provider::preload)
                .map(look -> look.exceptionally(Flight.Outcome::none))
                .toArray(CompletableFuture[]::new))
        .thenRunAsync(() -> {}, engine.callbacks());
  }

  /**
   * Waits for the exchanges under way, those of sign-ins included, 40 seconds at most if not set
   * otherwise, and saves what was not saved yet; whose exchanges take longer is logged. Afterwards
   * every call that needs more than memory fails.
   *
   * @throws TokenStoreException if tokens could not be saved; it names the users who must sign in
   *     again
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    TimeSource.Timer timer = round;
    if (timer != null) {
      timer.cancel();
    }
    awaitExchanges();
    List<String> unsaved = new ArrayList<>();
    realms.values().forEach(realm -> unsaved.addAll(realm.saveAll()));
    providers.values().forEach(ManagedTokenProvider::close);
    threads.close();
    if (!unsaved.isEmpty()) {
      throw new TokenStoreException(
          TokenStoreException.Reason.WRITE_FAILED,
          unsaved.size()
              + " logins could not be saved; these users must sign in again: "
              + unsaved.stream().map(ServerText::clean).toList(),
          null);
    }
  }

  private void awaitExchanges() {
    try {
      CompletableFuture.allOf(
              realms.values().stream().map(Realm::close).toArray(CompletableFuture[]::new))
          .get(closeTimeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      realms.values().forEach(TokenManager::warnOfOpenExchanges);
    } catch (InterruptedException e) {
      realms.values().forEach(TokenManager::warnOfOpenExchanges);
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      throw failure(e);
    }
  }

  private static void warnOfOpenExchanges(Realm realm) {
    Set<String> users = realm.usersUnderWay();
    if (!users.isEmpty()) {
      LOG.warn(
          "{}: closed while exchanges were under way; these users may have to sign in again: {}",
          realm.name(),
          users.stream().map(ServerText::clean).toList());
    }
  }

  // Housekeeping

  private void nextRound() {
    if (!closed) {
      round = engine.time().after(ROUND, this::startRound);
    }
  }

  private void startRound() {
    try {
      engine.start(this::makeRound);
    } finally {
      nextRound();
    }
  }

  private void makeRound() {
    if (closed || !roundUnderWay.compareAndSet(false, true)) {
      return; // a slow store must not make rounds pile up
    }
    try {
      tried(this::lookForChanges);
      providers.values().forEach(provider -> tried(provider::makeRound));
      realms.values().forEach(realm -> tried(realm::makeRound));
    } finally {
      roundUnderWay.set(false);
    }
  }

  /** Does a part of a round so that its failure does not take the others along. */
  private static void tried(Runnable part) {
    try {
      part.run();
    } catch (RuntimeException e) {
      // Tried again in the next round; what is in memory is served meanwhile. A foreign store's
      // message may hold anything.
      LOG.warn("a part of the housekeeping failed: {}", e.getClass().getName());
    }
  }

  private void lookForChanges() {
    String before = cursor;
    TokenStore.Changes changes = engine.store().changesSince(before);
    if (before == null || changes.everything()) {
      // Before the first cursor, what was loaded may have changed without a notice.
      realms.values().forEach(Realm::everythingChanged);
    }
    changes.changes().forEach(this::changed);
    cursor = changes.cursor(); // last: what was not taken in is told again
  }

  private void changed(TokenStore.Change change) {
    Realm realm = realms.get(change.key().realm());
    if (realm != null) {
      realm.changed(change);
    }
  }

  /**
   * Removes what sign-outs of more than a day ago have left behind.
   *
   * @return how many records were removed
   */
  public int purge() {
    return await(supply(() -> engine.store().purge(engine.time().now().minus(TOMBSTONE))));
  }

  private <T> CompletableFuture<T> supply(Supplier<T> work) {
    refuseWhenClosed();
    return CompletableFuture.supplyAsync(work, engine.executor());
  }

  private <T> T await(CompletableFuture<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      throw interrupted(e);
    } catch (ExecutionException e) {
      throw failure(e);
    }
  }

  private static TokenWaitInterruptedException interrupted(InterruptedException cause) {
    Thread.currentThread().interrupt();
    return new TokenWaitInterruptedException("interrupted while waiting", cause);
  }

  private TokenException failure(Throwable failure) {
    return Failures.forCaller("tradeauth", failure, engine.time().now());
  }

  /** A manager's settings. Not for several threads. */
  public static final class Builder {

    private final Map<Broker, BrokerSettings> brokers = new LinkedHashMap<>();
    private final Set<String> names = new java.util.LinkedHashSet<>();
    private TokenStore store = TokenStore.inMemory();
    private TimeSource time = TimeSource.system();
    private OkHttpClient http = new OkHttpClient();
    private @Nullable Executor executor;
    private Executor callbacks = ForkJoinPool.commonPool();
    private long maximumCachedUsers = Long.MAX_VALUE;
    private Duration closeTimeout = Duration.ofSeconds(40);
    private int exchangesAtOneServer = Lane.MOST;
    private int exchangesInAll = Lane.MOST_IN_ALL;

    private Builder() {}

    /** Adds a broker with its own values. */
    public Builder broker(Broker broker) {
      return broker(broker, settings -> {});
    }

    /**
     * Adds a broker with settings.
     *
     * @throws IllegalArgumentException if there is one of that name already
     */
    public Builder broker(Broker broker, Consumer<BrokerSettings> change) {
      if (!names.add(broker.profile().name())) {
        throw new IllegalArgumentException(
            "broker: \"" + broker.profile().name() + "\" was added already");
      }
      BrokerSettings settings = new BrokerSettings(broker.profile());
      change.accept(settings);
      brokers.put(broker, settings.checked());
      return this;
    }

    /** Sets where tokens are kept; in the memory of this process if not set. */
    public Builder store(TokenStore tokens) {
      this.store = tokens;
      return this;
    }

    /** Sets the clocks; this machine's if not set. */
    public Builder time(TimeSource source) {
      this.time = source;
      return this;
    }

    /**
     * Sets the client whose proxy, TLS settings and DNS are used for the token endpoints. Nothing
     * else of it is: no interceptor, cookie, cache, authenticator or dispatcher.
     */
    public Builder httpClient(OkHttpClient client) {
      this.http = client;
      return this;
    }

    /**
     * Sets where exchanges run; threads of the manager, virtual ones if there are any, if not set.
     */
    public Builder executor(Executor exchanges) {
      this.executor = exchanges;
      return this;
    }

    /** Sets where listeners and dependents of futures run; the common pool if not set. */
    public Builder callbackExecutor(Executor executorOfCallbacks) {
      this.callbacks = executorOfCallbacks;
      return this;
    }

    /** Sets how many users' tokens of each broker are kept in memory; all if not set. */
    public Builder maximumCachedUsers(long maximum) {
      if (maximum < 1) {
        throw new IllegalArgumentException("maximumCachedUsers: at least 1, not " + maximum);
      }
      this.maximumCachedUsers = maximum;
      return this;
    }

    /**
     * Sets how many exchanges run at once: at one place where tokens are issued, 64 if not set, and
     * in all, 256 if not set. Those beyond wait for their turn and hold no thread; tokens that are
     * good are served meanwhile, also from the store.
     */
    public Builder maximumExchanges(int atOneServer, int inAll) {
      if (atOneServer < 1 || inAll < 1) {
        throw new IllegalArgumentException(
            "maximumExchanges: at least 1, not " + Math.min(atOneServer, inAll));
      }
      this.exchangesAtOneServer = atOneServer;
      this.exchangesInAll = inAll;
      return this;
    }

    /** Sets how long {@link TokenManager#close} waits for exchanges; 40 s if not set. */
    public Builder closeTimeout(Duration timeout) {
      this.closeTimeout = Durations.positive("closeTimeout", timeout);
      return this;
    }

    /**
     * Makes the manager.
     *
     * @throws IllegalArgumentException if it has no broker, or two that share their logins and are
     *     said to rotate differently
     */
    public TokenManager build() {
      if (brokers.isEmpty()) {
        throw new IllegalArgumentException("broker: at least one is needed");
      }
      return new TokenManager(this);
    }
  }
}
