package io.tradeauth;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All logins of one place where tokens are issued, whichever environments share them.
 *
 * <p>This class coordinates the threads. Its map of flights is the refresh lock of each login: who
 * puts a flight in runs it, who finds one waits for it. A flight leaves the map when its outcome is
 * known. Tokens become visible in this order: saved in the store; published to the cells, inside
 * the map's atomic step for that login and only while the flight is still the one in the map;
 * waiters woken. A sign-in or sign-out takes the flight out in the same atomic step in which it
 * publishes or empties the cells, so that an answer of before can never be published after it.
 * Inside these steps only cells and notes change; the store, the network and callbacks are never
 * called there.
 */
final class Realm {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth.exchange");
  private static final Duration SAVE_AGAIN = Duration.ofSeconds(5);
  private static final Duration FIRST_REST = Duration.ofSeconds(30);
  private static final Duration LONGEST_REST = Duration.ofMinutes(5);

  /** Of how many it is remembered what was saved last, in case the store is set back. */
  private static final int MOST_REMEMBERED = 10_000;

  /** How long an answer that came too late is kept, as it may still be of use. */
  private static final Duration LATE = Duration.ofMinutes(10);

  private final String name;
  private final Engine engine;
  private final Lane toServer;
  private final Lane toStore;
  private final ServerClock clock = new ServerClock();
  private final ForcedRenewals forced;
  private final List<ManagedTokenProvider> providers = new CopyOnWriteArrayList<>();
  private final ConcurrentMap<String, Flight> flights = new ConcurrentHashMap<>();
  private final ConcurrentMap<String, Trouble> troubles = new ConcurrentHashMap<>();
  private final ConcurrentMap<String, Rest> rests = new ConcurrentHashMap<>();
  private final ConcurrentMap<String, Unsaved> unsaved = new ConcurrentHashMap<>();
  private final Cache<String, Late> late;
  private final Cache<String, Committed> committed =
      Caffeine.newBuilder().maximumSize(MOST_REMEMBERED).executor(Runnable::run).build();
  private final ClientBudgets budgets;
  private final IdleLogins idle;
  private final ConcurrentMap<String, Set<String>> sharers = new ConcurrentHashMap<>();
  private final ConcurrentMap<TokenStore.Key, List<String>> ownGenerations =
      new ConcurrentHashMap<>();
  private final ChangeCounts changes = new ChangeCounts();
  private final Set<String> flaws = ConcurrentHashMap.newKeySet();
  private final ConcurrentMap<String, Set<CompletableFuture<Boolean>>> awaited =
      new ConcurrentHashMap<>();
  private final ConcurrentMap<CompletableFuture<Boolean>, String> signIns =
      new ConcurrentHashMap<>();
  private final ThreadLocal<@Nullable String> exchanging = new ThreadLocal<>();
  private volatile Duration hold = Duration.ZERO;
  private volatile Duration attemptTimeout = Duration.ZERO;
  private volatile boolean closed;

  Realm(String name, Engine engine, int exchangesAtOnce) {
    this.name = name;
    this.engine = engine;
    this.toServer =
        Lane.toServer(engine.executor(), engine.time(), exchangesAtOnce, engine.slots());
    this.toStore = Lane.toStore(engine.executor(), engine.time());
    this.forced = new ForcedRenewals(engine.time());
    this.budgets = new ClientBudgets(name, engine);
    this.idle = new IdleLogins(this);
    this.late =
        Caffeine.newBuilder()
            .expireAfterWrite(LATE)
            .ticker(engine.time()::monotonicNanos)
            .executor(Runnable::run)
            .build();
  }

  /**
   * What the manager gives to all realms.
   *
   * @param executor where exchanges run; it rejects nothing
   * @param callbacks where dependents of futures run; it rejects nothing
   * @param slots how many exchanges may run at once in all
   */
  record Engine(
      TokenStore store,
      TimeSource time,
      Executor executor,
      Executor callbacks,
      Events events,
      Slots slots,
      SecureRandom random,
      String owner) {

    String newId() {
      byte[] id = new byte[16];
      random.nextBytes(id);
      return HexFormat.of().formatHex(id);
    }

    /** Runs a task after a while, as {@link #start} does. */
    TimeSource.Timer after(Duration delay, Runnable task) {
      return time.after(delay, () -> start(task));
    }

    /** Runs a task on a thread of the manager, as soon as one can be had. */
    void start(Runnable task) {
      Handover.hand(executor, task, Error.class, later -> after(Lane.WITHOUT_A_THREAD, later));
    }
  }

  /**
   * What the server has said and the store has refused so far: new tokens, or that there are none.
   *
   * @param parent the version that it follows; null if that is what a sign-in has brought, which
   *     follows nothing
   * @param seen the version that was stored when a sign-in began; null if none was
   * @param login what is to be saved
   * @param linked whether its user is to be linked to it, should it be shared
   * @param saving held while it is saved
   */
  record Unsaved(
      TokenStore.@Nullable Version parent,
      TokenStore.@Nullable Version seen,
      Login login,
      boolean linked,
      Lock saving) {

    /** What follows what is stored. */
    static Unsaved after(TokenStore.Version parent, Login login) {
      return new Unsaved(parent, parent, login, false, new ReentrantLock());
    }

    /** What a sign-in has brought. */
    static Unsaved inPlaceOf(TokenStore.@Nullable Version seen, Login login) {
      return new Unsaved(null, seen, login, true, new ReentrantLock());
    }

    /** Returns the same for the others who share it. */
    Unsaved withoutLink() {
      return new Unsaved(parent, seen, login, false, saving);
    }

    boolean isSignInOf(String userId) {
      return linked && login.userId().equals(userId);
    }

    /** Returns whether this is newer than what is stored, which a sign-in is than a renewal. */
    boolean isNewerThan(TokenStore.@Nullable StoredRecord stored) {
      return isNewerThan(stored == null ? null : stored.version());
    }

    /** Returns whether this is a sign-in in the place of what a renewal has begun with. */
    boolean hasReplaced(TokenStore.@Nullable Version begunWith) {
      return parent == null && begunWith != null && isNewerThan(begunWith);
    }

    private boolean isNewerThan(TokenStore.@Nullable Version version) {
      return parent != null || seen == null || version == null
          ? Objects.equals(seen, version)
          : seen.generation().equals(version.generation());
    }
  }

  /**
   * Tokens whose answer came when somebody else's had been saved already.
   *
   * @param generation the sign-in that they belong to
   * @param tokens what came
   */
  private record Late(String generation, TokenSet tokens) {}

  /**
   * What was saved here, in case the store is set back.
   *
   * @param login what was saved
   * @param version as what
   */
  private record Committed(Login login, TokenStore.Version version) {}

  String name() {
    return name;
  }

  Engine engine() {
    return engine;
  }

  TokenStore store() {
    return engine.store();
  }

  TimeSource time() {
    return engine.time();
  }

  ServerClock clock() {
    return clock;
  }

  ForcedRenewals forced() {
    return forced;
  }

  List<ManagedTokenProvider> providers() {
    return providers;
  }

  /**
   * Adds an environment.
   *
   * @throws IllegalArgumentException if it is said to rotate otherwise than the others: both would
   *     spend the same refresh tokens, each by its own rule
   */
  void add(ManagedTokenProvider provider) {
    for (ManagedTokenProvider other : providers) {
      if (!other.rotation().equals(provider.rotation())) {
        throw new IllegalArgumentException(
            "broker: \""
                + other.name()
                + "\" and \""
                + provider.name()
                + "\" have the same logins (realm \""
                + name
                + "\") and must have the same rotation profile, not "
                + other.rotation()
                + " and "
                + provider.rotation());
      }
    }
    BrokerSettings settings = provider.settings();
    hold = longer(hold, settings.hold());
    attemptTimeout = longer(attemptTimeout, settings.attemptTimeout());
    providers.add(provider);
  }

  /** Returns the longer one. */
  static Duration longer(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? other : one;
  }

  /** Returns how long an exchange whose answer was lost is left alone, whoever began it. */
  Duration hold() {
    return hold;
  }

  /** Returns how long one attempt may take, whoever makes it. */
  Duration attemptTimeout() {
    return attemptTimeout;
  }

  TokenStore.Key key(String subject) {
    return new TokenStore.Key(TokenStore.Kind.LOGIN, name, subject);
  }

  /** Returns where a sign-in keeps what it has brought until that is in its place. */
  TokenStore.Key signInKey(String subject) {
    return new TokenStore.Key(TokenStore.Kind.SIGN_IN, name, subject);
  }

  /** Returns a login as it is stored, with the id of this manager. */
  TokenStore.Content content(Login login) {
    return LoginCodec.write(login, engine.owner());
  }

  /** Takes back an intent after which nothing was spent. */
  void takeBack(TokenStore.Key key, TokenStore.Intent intent) {
    try {
      store().clear(key, intent.id());
    } catch (TokenStoreException e) {
      // Nothing was spent: the intent that stays costs others a hold, and no session.
      LOG.warn("{}: an intent could not be taken back", name);
    }
  }

  ClientBudgets budgets() {
    return budgets;
  }

  // Flights

  /** Joins the flight of a login, or starts one for this demand. */
  Flight join(ManagedTokenProvider provider, String userId, String subject, Demand demand) {
    refuseReentry(subject);
    refuseWhenClosed();
    Flight mine = new Flight(provider, userId, subject, demand);
    mine.awaited = true;
    Flight running = flights.putIfAbsent(subject, mine);
    if (running != null) {
      hurry(running);
      return running;
    }
    start(mine);
    return mine;
  }

  /** Starts a flight that nobody waits for, if none is under way. */
  @Nullable Flight background(
      ManagedTokenProvider provider, String userId, String subject, Demand demand) {
    Trouble trouble = troubles.get(subject);
    if (closed
        || flights.containsKey(subject)
        || (trouble != null && trouble.isCooling(time()))
        || isResting(subject)) {
      return null;
    }
    Flight mine = new Flight(provider, userId, subject, demand);
    if (flights.putIfAbsent(subject, mine) != null) {
      return null;
    }
    start(mine);
    return mine;
  }

  /** Starts nothing in the background for a login until somebody may have done something. */
  void rest(Flight flight) {
    unlessReplaced(
        flight,
        subject ->
            rests.compute(
                subject, (key, before) -> Rest.after(before == null ? 0 : before.times(), time())));
  }

  /** Starts nothing in the background for a login for a while. */
  void rest(Flight flight, Duration span) {
    Rest rest = new Rest(0, time().monotonicNanos() + span.toNanos());
    unlessReplaced(flight, subject -> rests.put(subject, rest));
  }

  /** Takes note of what has become of a flight, unless it says nothing of the login any more. */
  private boolean unlessReplaced(Flight flight, Consumer<String> note) {
    AtomicBoolean noted = new AtomicBoolean();
    flights.compute(
        flight.subject,
        (subject, current) -> {
          if (!flight.replaced) {
            note.accept(subject);
            noted.set(true);
          }
          return current;
        });
    return noted.get();
  }

  private boolean isResting(String subject) {
    Rest rest = rests.get(subject);
    return rest != null && !rest.isOver(time());
  }

  /**
   * A pause of the background work for a login; whoever asks is not held up by it. Immutable.
   *
   * @param times how many there were in a row
   * @param untilNanos when it ends, by the monotonic clock
   */
  private record Rest(int times, long untilNanos) {

    static Rest after(int times, TimeSource time) {
      Duration span = Backoff.doubled(FIRST_REST, times + 1, LONGEST_REST);
      return new Rest(times + 1, time.monotonicNanos() + span.toNanos());
    }

    boolean isOver(TimeSource time) {
      return untilNanos - time.monotonicNanos() <= 0;
    }

    boolean isLongOver(TimeSource time) {
      return untilNanos + LONGEST_REST.toNanos() - time.monotonicNanos() <= 0;
    }
  }

  private void start(Flight flight) {
    try {
      if (closed) {
        finish(flight, Flight.Outcome.failed(closedFailure())); // closing may not have seen it
      } else {
        look(flight, new Renewal(this, flight)::start);
      }
    } catch (RuntimeException | Error e) {
      // Nobody may run it, such as when the stack of who asks has come to its end.
      finish(flight, Flight.Outcome.failed(Failures.forCaller(name, e, time().now())));
      throw e;
    }
  }

  /** Goes on with a flight where only the store is needed: hung exchanges are not in its way. */
  void look(Flight flight, Runnable step) {
    queue(toStore, flight, step);
  }

  /** Goes on with a flight when it is its turn to send. */
  void send(Flight flight, Runnable step) {
    queue(toServer, flight, step);
  }

  private void queue(Lane lane, Flight flight, Runnable step) {
    Lane.Task task =
        lane.task(
            () -> marked(flight.subject, step),
            () -> finish(flight, Flight.Outcome.failed(closedFailure())));
    Lane.Task before = flight.task;
    flight.task = task; // before it can run and queue the next one
    if (flight.awaited) {
      task.foregroundAfter(before);
      return;
    }
    task.background();
    if (flight.awaited) {
      task.hurry(); // for somebody who came meanwhile
    } else if (closed) {
      lane.dropBackground();
    }
  }

  private static void hurry(Flight flight) {
    flight.awaited = true;
    Lane.Task task = flight.task;
    if (task != null) {
      task.hurry();
    }
  }

  boolean isClosed() {
    return closed;
  }

  void refuseWhenClosed() {
    if (closed) {
      throw closedFailure();
    }
  }

  private void refuseReentry(String subject) {
    if (subject.equals(exchanging.get())) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          "a token of " + name + " was asked for inside the exchange that renews it");
    }
  }

  /** Runs a step of an exchange that may send, on a thread of the manager. */
  void run(String subject, Runnable step) {
    toServer.foreground(() -> marked(subject, step));
  }

  /** Runs a step of an exchange so that asking for the same login inside is found out. */
  private void marked(String subject, Runnable step) {
    exchanging.set(subject);
    try {
      step.run();
    } finally {
      exchanging.set(null); // the thread is kept, and so may be the entry
    }
  }

  /** Runs a step after a while. */
  void runAfter(Duration delay, String subject, Runnable step) {
    time().after(delay, () -> run(subject, step));
  }

  /** Runs a step that only needs the store, after a while. */
  void saveAfter(Duration delay, String subject, Runnable step) {
    time().after(delay, () -> toStore.foreground(() -> marked(subject, step)));
  }

  /**
   * Publishes what a flight has brought, unless a sign-in or sign-out came first, and wakes its
   * waiters.
   */
  void finish(Flight flight, Flight.Outcome outcome) {
    flights.computeIfPresent(
        flight.subject,
        (subject, current) -> {
          if (current != flight) {
            return current;
          }
          try {
            if (outcome.login() != null) {
              publish(flight, outcome.login());
            }
          } catch (RuntimeException | Error e) {
            // A bug in a broker module: those who wait are told all the same.
            flight.unpublished = e;
          }
          return null;
        });
    wake(flight, outcome);
    Throwable failure = flight.unpublished;
    if (failure != null) {
      LOG.error("{}: what was renewed can't be read: {}", name, failure.getClass().getName());
    }
    if (failure instanceof Error) {
      throw (Error) failure;
    }
  }

  private void publish(Flight flight, Login login) {
    boolean create = flight.demand.isForACaller();
    publish(create ? flight.provider : null, flight.userId, flight.subject, login, flight.version);
  }

  private void publish(
      @Nullable ManagedTokenProvider asked,
      String userId,
      String subject,
      Login login,
      TokenStore.@Nullable Version version) {
    for (ManagedTokenProvider provider : providers) {
      for (String sharer : usersOf(subject)) {
        provider.publish(sharer, subject, login, version, false);
      }
      provider.publish(userId, subject, login, version, provider == asked);
    }
  }

  /** Writes a sign-in or sign-out, and remembers that it was ours when the store tells of it. */
  TokenStore.Version supersede(TokenStore.Key key, TokenStore.Content next) {
    TokenStore.Version version = store().supersede(key, next);
    ownGenerations.merge(key, List.of(version.generation()), Realm::joined);
    return version;
  }

  /**
   * Writes a sign-in or sign-out. What could not be saved before is void then, and not being saved
   * any more.
   */
  TokenStore.Version supersedeLogin(String subject, TokenStore.Content next) {
    Unsaved before = unsaved.get(subject);
    if (before == null) {
      return supersede(key(subject), next);
    }
    before.saving().lock();
    try {
      TokenStore.Version version = supersede(key(subject), next);
      unsaved.remove(subject, before);
      return version;
    } finally {
      before.saving().unlock();
    }
  }

  /** Returns what is stored of a login, or null if it is damaged: a sign-in may take its place. */
  TokenStore.@Nullable StoredRecord stored(String subject, String userId) {
    try {
      return store().load(key(subject));
    } catch (TokenStoreException e) {
      rethrowUnlessDamaged(e, userId);
      return null;
    }
  }

  void rethrowUnlessDamaged(TokenStoreException failure, String userId) {
    if (failure.reason() != TokenStoreException.Reason.TAMPERED) {
      throw failure;
    }
    LOG.warn("{}: what is stored of {} is damaged", name, ServerText.clean(userId));
  }

  /** Takes note of what the store tells, unless it was done here. */
  void changed(TokenStore.Change change) {
    String generation = change.generation();
    if (isOwn(change.key(), generation)) {
      return;
    }
    String subject = change.key().subject();
    switch (change.key().kind()) {
      case LOGIN:
        dropUnlessKnown(subject, generation);
        signedIn(subject);
        return;
      case LINK:
        providers.forEach(provider -> provider.dropLink(subject, null));
        signedIn(subject);
        return;
      case SIGN_IN:
      case BUDGET:
        return;
    }
  }

  private static List<String> joined(List<String> before, List<String> more) {
    return Stream.concat(before.stream(), more.stream()).toList();
  }

  /**
   * Returns whether a sign-in or sign-out was done here. What came before it need not be told any
   * more; what another process has done makes all be forgotten, and costs no more than a read.
   */
  private boolean isOwn(TokenStore.Key key, @Nullable String generation) {
    AtomicBoolean own = new AtomicBoolean();
    ownGenerations.computeIfPresent(
        key,
        (sameKey, made) -> {
          int at = generation == null ? -1 : made.indexOf(generation);
          own.set(at >= 0);
          boolean isLast = at < 0 || at == made.size() - 1;
          return isLast ? null : List.copyOf(made.subList(at + 1, made.size()));
        });
    return own.get();
  }

  /**
   * Returns whether what the store tells late has been read here already. Then the tokens stay in
   * hand, an exchange that is under way with it goes on, and what stood in its way still does.
   */
  private boolean isKnown(String subject, String generation, @Nullable Flight flight) {
    Trouble trouble = troubles.get(subject);
    TokenStore.Version read = flight == null ? null : flight.version;
    return (read != null && generation.equals(read.generation()))
        || (trouble != null && trouble.isOf(generation))
        || isInHand(subject, generation);
  }

  /** Returns whether the sign-in is in hand, and nothing else of this login. */
  private boolean isInHand(String subject, String generation) {
    Set<String> users = usersOf(subject);
    List<Held> inHand =
        providers.stream()
            .flatMap(
                provider ->
                    Stream.concat(Stream.of(subject), users.stream())
                        .map(provider::held)
                        .flatMap(Stream::ofNullable))
            .toList();
    return !inHand.isEmpty() && inHand.stream().allMatch(held -> held.isOfSignIn(generation));
  }

  /** Treats every login as changed. */
  void everythingChanged() {
    ownGenerations.clear();
    // Flights first: what they have read may be old, and they would publish it afterwards. Of those
    // that are there now: whoever is sent away may ask anew at once, on this very thread.
    List.copyOf(flights.keySet()).forEach(this::sendAway);
    providers.forEach(ManagedTokenProvider::dropAll);
    awaited.keySet().forEach(this::wakeWhoAwaits);
  }

  /** Returns how often a login has changed; asked before a change is written that may be late. */
  int changes(String subject) {
    return changes.of(subject);
  }

  /**
   * Lets a new sign-in be seen, and sends away who waits for an answer of before.
   *
   * @param before the {@link #changes} when it was begun to be written; if there were more since,
   *     such as a sign-out that is over already, nothing is seen, and the store says what counts
   */
  void replace(
      ManagedTokenProvider provider,
      String userId,
      String subject,
      Login login,
      TokenStore.@Nullable Version version,
      int before) {
    change(
        subject,
        () -> {
          if (changes(subject) == before) {
            publish(provider, userId, subject, login, version);
          } else {
            dropCells(subject);
          }
        });
  }

  /** Empties the cells of a login: whoever asks next reads the store. */
  void drop(String subject) {
    change(subject, () -> dropCells(subject));
  }

  /**
   * Empties the cells of a login unless what is in hand, or a flight has read, is of this sign-in.
   */
  void dropUnlessKnown(String subject, @Nullable String generation) {
    change(
        subject,
        flight -> {
          boolean known = generation != null && isKnown(subject, generation, flight);
          if (!known) {
            dropCells(subject);
          }
          return !known;
        });
  }

  /** Empties the cells of a login whose flight is under way. */
  void emptyCells(String subject) {
    flights.computeIfPresent(
        subject,
        (key, flight) -> {
          dropCells(subject);
          return flight;
        });
  }

  private void dropCells(String subject) {
    for (ManagedTokenProvider provider : providers) {
      usersOf(subject).forEach(provider::drop);
      provider.drop(subject);
    }
  }

  private void change(String subject, Runnable change) {
    change(
        subject,
        flight -> {
          change.run();
          return true;
        });
  }

  /**
   * Changes a login in its atomic step.
   *
   * @param change is told of the flight, and says whether there was anything to change; if not, all
   *     stays
   */
  private void change(String subject, Predicate<@Nullable Flight> change) {
    AtomicBoolean changed = new AtomicBoolean();
    Flight flight =
        takeOut(
            subject,
            current -> {
              if (!change.test(current)) {
                return false;
              }
              changed.set(true);
              changes.changed(subject);
              if (current != null) {
                current.replaced = true;
              }
              return true;
            });
    if (!changed.get()) {
      return;
    }
    // What is unsaved stays: the store itself says whether a sign-in has made it void.
    troubles.remove(subject);
    late.invalidate(subject);
    committed.invalidate(subject);
    rests.remove(subject);
    overtake(subject, flight);
  }

  /** Lets whoever waits for a flight ask anew. */
  private void sendAway(String subject) {
    Flight flight = takeOut(subject, current -> true);
    if (flight != null) {
      overtake(subject, flight);
    }
  }

  /**
   * Sends away who waits for a flight that was taken out; before they ask anew, all is forgotten.
   */
  private void overtake(String subject, @Nullable Flight flight) {
    forced.forget(subject);
    if (flight != null) {
      wake(flight, Flight.Outcome.SUPERSEDED);
    }
  }

  /** Takes the flight of a login out of the map, if one is there that is to go. */
  private @Nullable Flight takeOut(String subject, Predicate<@Nullable Flight> isToGo) {
    AtomicReference<@Nullable Flight> taken = new AtomicReference<>();
    flights.compute(
        subject,
        (key, flight) -> {
          if (!isToGo.test(flight)) {
            return flight;
          }
          taken.set(flight);
          return null;
        });
    return taken.get();
  }

  /** Returns whether a flight was sent away; then it changes nothing for the next one. */
  boolean isOvertaken(Flight flight) {
    return flights.get(flight.subject) != flight;
  }

  /**
   * Takes note of what a flight has read, unless it was sent away before.
   *
   * @return whether it goes on; if not, whoever waited for it asks anew
   */
  boolean takeNote(Flight flight, TokenStore.Version version) {
    AtomicBoolean counts = new AtomicBoolean();
    flights.computeIfPresent(
        flight.subject,
        (subject, current) -> {
          if (current == flight) {
            flight.version = version;
            counts.set(true);
          }
          return current;
        });
    return counts.get();
  }

  /**
   * Wakes who waits. What a waiter does next on this thread, such as asking again, is no part of
   * the exchange that this thread is marked with.
   */
  private void wake(Flight flight, Flight.Outcome outcome) {
    String subject = exchanging.get();
    exchanging.set(null);
    try {
      flight.outcome.complete(outcome);
    } finally {
      exchanging.set(subject);
    }
  }

  /** Returns a future that is completed when somebody signs in to this login. */
  CompletableFuture<Boolean> nextSignIn(String subject) {
    CompletableFuture<Boolean> next = new CompletableFuture<>();
    awaited.compute(
        subject,
        (key, waiting) -> {
          Set<CompletableFuture<Boolean>> all =
              waiting == null ? ConcurrentHashMap.newKeySet() : waiting;
          all.add(next);
          return all;
        });
    return next;
  }

  /** Waits no longer. */
  void forgetSignIn(String subject, CompletableFuture<Boolean> next) {
    awaited.computeIfPresent(
        subject,
        (key, waiting) -> {
          waiting.remove(next);
          return waiting.isEmpty() ? null : waiting;
        });
  }

  /** Wakes whoever awaits a sign-in to this login, by whichever of its users. */
  void signedIn(String subject) {
    wakeWhoAwaits(subject);
    usersOf(subject).forEach(this::wakeWhoAwaits);
  }

  private void wakeWhoAwaits(String userId) {
    Set<CompletableFuture<Boolean>> waiting = awaited.remove(userId);
    if (waiting != null) {
      waiting.forEach(next -> next.complete(true));
    }
  }

  /**
   * Takes note of a sign-in, so that closing waits for it.
   *
   * @return to be completed when it has ended
   */
  CompletableFuture<Boolean> signingIn(String userId) {
    CompletableFuture<Boolean> ended = new CompletableFuture<>();
    signIns.put(ended, userId);
    ended.whenComplete((yes, failure) -> signIns.remove(ended));
    return ended;
  }

  // Users who share a login

  void shares(String userId, String subject) {
    if (!userId.equals(subject)) {
      sharers.compute(
          subject,
          (key, before) -> {
            Set<String> users = before == null ? ConcurrentHashMap.newKeySet() : before;
            users.add(userId);
            return users;
          });
    }
  }

  void unshares(String userId, String subject) {
    sharers.computeIfPresent(
        subject,
        (key, users) -> {
          users.remove(userId);
          return users.isEmpty() ? null : users;
        });
  }

  private Set<String> usersOf(String subject) {
    return sharers.getOrDefault(subject, Set.of());
  }

  // What stands in the way

  @Nullable Trouble trouble(String subject) {
    return troubles.get(subject);
  }

  /**
   * Takes note of what stands in the way.
   *
   * @return whether it does; not if somebody has signed in or out meanwhile
   */
  boolean troubled(Flight flight, Trouble trouble) {
    return unlessReplaced(flight, subject -> troubles.put(subject, trouble));
  }

  /** Takes note that an exchange worked and returns what had been in the way. */
  @Nullable Trouble recovered(String subject) {
    rests.remove(subject);
    return troubles.remove(subject);
  }

  /** Returns whether this flaw of the broker's answers is seen for the first time. */
  boolean isNewFlaw(String flaw) {
    return flaws.add(flaw);
  }

  // Tokens that the store has refused

  @Nullable Unsaved unsaved(String subject) {
    return unsaved.get(subject);
  }

  /** Returns what is to be stored in place of this, and is served until then; null if nothing. */
  @Nullable Login unsavedAfter(TokenStore.@Nullable StoredRecord stored, String subject) {
    Unsaved tokens = unsaved.get(subject);
    return tokens != null && tokens.isNewerThan(stored) ? tokens.login() : null;
  }

  /** Returns whether a user has signed in to this login, and that could not be saved yet. */
  boolean isUnsavedSignIn(String userId, String subject) {
    Unsaved tokens = unsaved.get(subject);
    return tokens != null && tokens.isSignInOf(userId);
  }

  /** Lets what could not be saved yet be saved for the others alone who share it. */
  void unlinkUnsaved(String userId, String subject) {
    Unsaved tokens = unsaved.get(subject);
    if (tokens == null || !tokens.isSignInOf(userId)) {
      return;
    }
    tokens.saving().lock();
    try {
      unsaved.replace(subject, tokens, tokens.withoutLink());
    } finally {
      tokens.saving().unlock();
    }
  }

  /** Gives up what could not be saved: it is not being saved any more then, either. */
  void forgetUnsaved(String subject) {
    Unsaved tokens = unsaved.remove(subject);
    if (tokens != null) {
      tokens.saving().lock();
      tokens.saving().unlock();
    }
  }

  /** Tries once more to save everything and returns whose tokens could not be saved. */
  List<String> saveAll() {
    List<String> lost = new ArrayList<>();
    unsaved.forEach(
        (subject, tokens) -> {
          if (!save(subject) && tokens.login().state() == TokenStore.State.ACTIVE) {
            lost.add(tokens.login().userId());
          }
        });
    return lost;
  }

  /**
   * Keeps tokens until the store takes them; the spent refresh token is never sent again.
   *
   * @return whether they are kept; a renewal of what an unsaved sign-in has replaced is not
   */
  boolean keep(String subject, Unsaved tokens) {
    Unsaved kept =
        unsaved.compute(
            subject,
            (key, before) ->
                before != null && before.hasReplaced(tokens.parent()) ? before : tokens);
    saveLater(subject);
    return kept == tokens;
  }

  private void saveLater(String subject) {
    engine.after(SAVE_AGAIN, () -> saveAgain(subject));
  }

  private void saveAgain(String subject) {
    boolean saved = false;
    try {
      saved = save(subject);
    } finally {
      if (!saved) {
        saveLater(subject);
      }
    }
  }

  /**
   * Tries to save what was kept.
   *
   * @return whether nothing is left to save
   */
  boolean save(String subject) {
    Unsaved tokens = unsaved.get(subject);
    if (tokens == null) {
      return true;
    }
    tokens.saving().lock();
    try {
      if (unsaved.get(subject) == tokens) {
        write(subject, tokens);
        unsaved.remove(subject, tokens);
      }
      return !unsaved.containsKey(subject);
    } catch (RuntimeException e) {
      // Announced by an event when it was kept, and tried again in five seconds.
      return isReadOnly(e) && isVoid(subject, tokens);
    } finally {
      tokens.saving().unlock();
    }
  }

  private static boolean isReadOnly(RuntimeException failure) {
    return failure instanceof TokenStoreException
        && ((TokenStoreException) failure).reason() == TokenStoreException.Reason.READ_ONLY;
  }

  /** Returns whether another process, which may write, has made it void. */
  private boolean isVoid(String subject, Unsaved tokens) {
    try {
      return !tokens.isNewerThan(store().load(key(subject))) && unsaved.remove(subject, tokens);
    } catch (RuntimeException e) {
      return false;
    }
  }

  private void write(String subject, Unsaved tokens) {
    TokenStore.Version parent = tokens.parent();
    if (parent == null) {
      if (tokens.linked()) {
        link(tokens.login().userId(), subject); // also to what others have stored in its place
      }
      if (isToBeSaved(subject, tokens)) {
        supersede(key(subject), content(tokens.login()));
        store().forget(signInKey(subject));
      } else {
        drop(subject); // somebody has signed in or out since: what is stored counts
      }
    } else if (store().commit(key(subject), parent, content(tokens.login())) == null) {
      keepLate(subject, parent, tokens.login());
    }
  }

  private void link(String userId, String subject) {
    for (ManagedTokenProvider provider : providers) {
      if (provider.broker().sharesLogins()) {
        provider.link(userId, subject);
      }
    }
  }

  private boolean isToBeSaved(String subject, Unsaved tokens) {
    try {
      return tokens.isNewerThan(store().load(key(subject)));
    } catch (TokenStoreException e) {
      rethrowUnlessDamaged(e, tokens.login().userId());
      return true; // nobody can use what is there
    }
  }

  /** Remembers what was saved, in case the store is set back. */
  void remember(String subject, Login login, TokenStore.Version version) {
    committed.put(subject, new Committed(login, version));
  }

  /** Returns what was saved here after an older version of the same sign-in; null if nothing. */
  @Nullable Login savedAfter(String subject, TokenStore.Version older) {
    Committed saved = committed.getIfPresent(subject);
    return saved != null
            && saved.version().generation().equals(older.generation())
            && saved.version().number() > older.number()
        ? saved.login()
        : null;
  }

  /** Keeps what came after another answer had been saved, in case that one turns out worthless. */
  void keepLate(String subject, TokenStore.Version parent, Login login) {
    TokenSet tokens = login.tokens();
    if (tokens != null && tokens.refreshToken() != null) {
      late.put(subject, new Late(parent.generation(), tokens));
    }
  }

  /**
   * Returns, once, other tokens of the sign-in that is stored, which came too late; null if there
   * are none.
   */
  @Nullable TokenSet takeLate(
      String subject, @Nullable TokenSet stored, TokenStore.@Nullable Version version) {
    Late kept = late.asMap().remove(subject);
    boolean useful =
        kept != null
            && version != null
            && kept.generation().equals(version.generation())
            && (stored == null
                || !Objects.equals(kept.tokens().refreshToken(), stored.refreshToken()));
    return useful && kept != null ? kept.tokens() : null;
  }

  // Housekeeping

  /**
   * Starts no more flights, not even those that wait for their turn in the background, and returns
   * a future that is completed when the last exchange has ended, those of sign-ins included.
   */
  CompletableFuture<Void> close() {
    closed = true;
    toStore.dropBackground();
    toServer.dropBackground();
    Stream<CompletableFuture<?>> underWay =
        Stream.concat(
            flights.values().stream().map(flight -> flight.outcome), signIns.keySet().stream());
    return CompletableFuture.allOf(underWay.toArray(CompletableFuture[]::new));
  }

  /** Returns whose exchanges are under way, by sign-in or renewal. */
  Set<String> usersUnderWay() {
    Set<String> users = new TreeSet<>(signIns.values());
    flights.values().forEach(flight -> users.add(flight.userId));
    return users;
  }

  int flightsUnderWay() {
    return flights.size();
  }

  BrokerUnavailableException closedFailure() {
    return new BrokerUnavailableException(
        BrokerUnavailableException.Reason.CLOSED,
        name + ": the manager is closed",
        time().now(),
        null);
  }

  int stepsRunning() {
    int atTheStore = toStore.running(); // first: what goes on to a server is counted there by then
    return atTheStore + toServer.running();
  }

  void makeRound() {
    idle.look();
    forced.sweep();
    budgets.sweep();
    rests.values().removeIf(rest -> rest.isLongOver(time()));
  }
}
