package io.tradeauth.testing;

import io.tradeauth.AccessToken;
import io.tradeauth.Broker;
import io.tradeauth.BrokerSettings;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.RefreshToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.StandardBroker;
import io.tradeauth.TokenEvent;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.TokenStore;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A clock, a {@link FakeAuthorizationServer}, its {@link FakeBroker} and a manager over a store,
 * put together for a test.
 *
 * <pre>{@code
 * try (EngineFixture engine = EngineFixture.strict()) {
 *   engine.signIn("alice");
 *   engine.expire();
 *   engine.tokens().get("alice");
 * }
 * }</pre>
 *
 * <p>It starts on a Monday morning. Listeners run on the manager's threads, so an event is there
 * when the call that caused it returns. The managers' threads are this fixture's, so that {@link
 * #settle} can tell when all is done. {@link #another} makes a second process out of the same
 * store, server and clock. For any number of threads, its {@link Builder} for one.
 */
public final class EngineFixture implements AutoCloseable {

  private static final long STEP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final Duration TICK = Duration.ofMillis(100);
  private static final LeakScan SCAN = new LeakScan();

  private final ManualClock clock;
  private final FakeAuthorizationServer server;
  private final StandardBroker broker;
  private final Builder builder;
  private final TokenStore store;
  private final TokenManager manager;
  private final List<TokenEvent> events = new CopyOnWriteArrayList<>();
  private final Workers workers;
  private final boolean second;
  private volatile boolean built;

  private EngineFixture(
      Builder builder,
      ManualClock clock,
      FakeAuthorizationServer server,
      StandardBroker broker,
      TokenStore store,
      Workers workers,
      boolean second) {
    this.builder = builder;
    this.clock = clock;
    this.server = server;
    this.broker = broker;
    this.store = store;
    this.workers = workers;
    this.second = second;
    TokenManager.Builder settings =
        TokenManager.builder()
            .time(clock)
            .store(store)
            .executor(this::execute)
            .callbackExecutor(Runnable::run)
            .broker(
                builder.inItsPlace.apply(server, broker),
                values -> {
                  values.client(FakeBroker.client());
                  builder.settings.accept(values);
                });
    builder.manager.accept(settings);
    this.manager = settings.build();
    built = true;
    manager.on(TokenEvent.class, events::add);
  }

  /** What the manager does when it is made has been done when a test begins. */
  private void execute(Runnable task) {
    if (built) {
      workers.execute(task);
    } else {
      task.run();
    }
  }

  /** Starts a fixture whose server rotates like this. */
  public static Builder of(RotationProfile rotation) {
    return new Builder(rotation);
  }

  /** Makes one whose server ends a session when a refresh token is used twice. */
  public static EngineFixture strict() {
    return of(RotationProfile.STRICT).start();
  }

  /** Makes one whose server never changes a refresh token. */
  public static EngineFixture constant() {
    return of(RotationProfile.NONE).start();
  }

  /** Makes a second manager, as another process would have it, over the same store. */
  public EngineFixture another() {
    return another(store);
  }

  /** Makes a second manager over the same records as another process sees them. */
  public EngineFixture another(TokenStore seenByTheOther) {
    return new EngineFixture(builder, clock, server, broker, seenByTheOther, workers, true);
  }

  /** Returns the clock. */
  public ManualClock clock() {
    return clock;
  }

  /** Returns the server. */
  public FakeAuthorizationServer server() {
    return server;
  }

  /** Returns the broker. */
  public StandardBroker broker() {
    return broker;
  }

  /** Returns the store. */
  public TokenStore store() {
    return store;
  }

  /** Returns the manager. */
  public TokenManager manager() {
    return manager;
  }

  /** Returns the broker's provider. */
  public TokenProvider tokens() {
    return manager.provider(broker.profile().name());
  }

  /** Returns a token of {@code user}. */
  public AccessToken get(String user) {
    return tokens().get(user);
  }

  /**
   * Returns a token of {@code user} for which time goes by until it comes: where it may take a
   * pause between two attempts, or a moment until what another process has begun has ended.
   *
   * @throws TokenException as {@code get}
   */
  public AccessToken getAsTimePasses(String user) {
    CompletableFuture<AccessToken> got = tokens().getAsync(user);
    liveUntil(TICK, got::isDone);
    return joined(got);
  }

  private static <T> T joined(CompletableFuture<T> done) {
    try {
      return done.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof TokenException) {
        throw (TokenException) e.getCause();
      }
      throw e;
    }
  }

  /** Signs users in, each with a refresh token. */
  public EngineFixture signIn(String... users) {
    for (String user : users) {
      signIn(user, FakeBroker.grant(server, user));
    }
    return this;
  }

  /** Signs a user in. */
  public EngineFixture signIn(String user, Grant grant) {
    manager.signIn(broker.profile().name(), user, grant);
    return this;
  }

  /** Signs users in, each with the same client, which is not the application's. */
  public EngineFixture signInWithClient(String id, String secret, String... users) {
    server.client(id, secret);
    for (String user : users) {
      RefreshToken refreshToken = RefreshToken.of(server.refreshToken(user, id));
      signIn(user, new Grant.Refresh(refreshToken, ClientCredentials.of(id, secret)));
    }
    return this;
  }

  /** Returns what is stored of a user's login. */
  public TokenStore.StoredRecord stored(String user) {
    TokenStore.Key key = new TokenStore.Key(TokenStore.Kind.LOGIN, broker.profile().realm(), user);
    return Objects.requireNonNull(store.load(key), user);
  }

  /** Lets another process that is no more have begun something with a user. */
  public void beginElsewhere(TokenStore.Kind kind, String user) {
    TokenStore.Key key = new TokenStore.Key(kind, broker.profile().realm(), user);
    TokenStore.StoredRecord stored = store.load(key);
    store.begin(
        key,
        stored == null ? null : stored.version(),
        new TokenStore.Intent("an-intent", "another-process", "Refresh"),
        null);
  }

  /** Signs a user out. */
  public void signOut(String user) {
    manager.signOut(broker.profile().name(), user);
  }

  /**
   * Lets all access tokens come to their end at once, before anything is renewed in the background.
   */
  public void expire() {
    clock.jump(server.life().plusSeconds(1));
  }

  /** Moves the clock at once; timers run, and what they start may still be running afterwards. */
  public void advance(Duration step) {
    clock.advance(step);
  }

  /**
   * Lets time go by, second by second, and lets the managers finish each time what fell due, as
   * they would. Not while a gate of the server holds one of their calls.
   */
  public void live(Duration span) {
    Duration second = Duration.ofSeconds(1);
    settle();
    for (Duration left = span; !left.isZero(); ) {
      Duration step = left.compareTo(second) < 0 ? left : second;
      clock.advance(step);
      settle();
      left = left.minus(step);
    }
  }

  /**
   * Lets time go by until it is so, step by step, and lets the managers finish each time what fell
   * due.
   *
   * @throws IllegalStateException if it is not so after 30 seconds of real time
   */
  public void liveUntil(Duration step, BooleanSupplier isSo) {
    long deadline = System.nanoTime() + Workers.PATIENCE_NANOS;
    settle();
    while (!isSo.getAsBoolean()) {
      if (System.nanoTime() - deadline > 0) {
        throw new IllegalStateException("it has not come about, though time went by");
      }
      clock.advance(step);
      settle();
      // Whoever waits for the managers must get to run, or an hour goes by before it does.
      LockSupport.parkNanos(STEP_NANOS);
    }
  }

  /**
   * Waits until the managers of this fixture have nothing to do before the clock moves.
   *
   * @throws IllegalStateException if they have not come to rest after 30 seconds of real time
   */
  public void settle() {
    workers.awaitRest();
  }

  /**
   * Waits until the managers of this fixture have nothing to do but for {@code held} tasks, whose
   * calls a gate of the server holds.
   *
   * @throws IllegalStateException if there are more after 30 seconds of real time
   */
  public void settleBut(int held) {
    workers.awaitRestBut(held);
  }

  /** Returns how many requests the token endpoint got, those of the sign-ins included. */
  public int exchanges() {
    return server.count("token");
  }

  /** Returns the events so far. */
  public List<TokenEvent> events() {
    return List.copyOf(events);
  }

  /** Returns the events of a type so far. */
  public <E extends TokenEvent> List<E> events(Class<E> type) {
    return events.stream().filter(type::isInstance).map(type::cast).toList();
  }

  /**
   * Closes the manager; the server too, unless this is {@link #another}.
   *
   * @throws AssertionError if the manager, its provider, its broker or an event prints a secret
   */
  @Override
  public void close() {
    try {
      closeAsTimePasses();
      List.of(manager, tokens(), broker, broker.profile()).forEach(SCAN::assertPrintsNone);
      events.forEach(SCAN::assertPrintsNone);
    } finally {
      if (!second) {
        workers.close();
        server.close();
      }
    }
  }

  /** Time goes by if the manager waits for something of another process. */
  private void closeAsTimePasses() {
    CompletableFuture<Void> closed = new CompletableFuture<>();
    Runnable close =
        () -> {
          try {
            manager.close();
            closed.complete(null);
          } catch (RuntimeException | Error e) {
            closed.completeExceptionally(e);
          }
        };
    new Thread(close, "close").start();
    while (!isDoneSoon(closed)) {
      clock.advance(TICK);
    }
    joined(closed);
  }

  private static boolean isDoneSoon(CompletableFuture<Void> closed) {
    try {
      closed.get(100, TimeUnit.MILLISECONDS);
      return true;
    } catch (ExecutionException e) {
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  /** Builds a fixture. Not for several threads. */
  public static final class Builder {

    private final RotationProfile rotation;
    private Consumer<FakeAuthorizationServer> server = values -> {};
    private Consumer<FakeBroker> broker = values -> {};
    private BiFunction<FakeAuthorizationServer, StandardBroker, Broker> inItsPlace =
        (fake, usual) -> usual;
    private Consumer<BrokerSettings> settings = values -> {};
    private Consumer<TokenManager.Builder> manager = values -> {};
    private TokenStore store = TokenStore.inMemory();

    private Builder(RotationProfile rotation) {
      this.rotation = rotation;
    }

    /** Changes the server. */
    public Builder server(Consumer<FakeAuthorizationServer> change) {
      this.server = server.andThen(change);
      return this;
    }

    /** Changes the broker. */
    public Builder broker(Consumer<FakeBroker> change) {
      this.broker = broker.andThen(change);
      return this;
    }

    /** Gives the manager another broker, which may leave to the usual one what it likes. */
    public Builder inItsPlace(BiFunction<FakeAuthorizationServer, StandardBroker, Broker> other) {
      this.inItsPlace = other;
      return this;
    }

    /** Changes the broker's settings. */
    public Builder settings(Consumer<BrokerSettings> change) {
      this.settings = settings.andThen(change);
      return this;
    }

    /** Changes the manager. */
    public Builder manager(Consumer<TokenManager.Builder> change) {
      this.manager = manager.andThen(change);
      return this;
    }

    /** Sets the store. */
    public Builder store(TokenStore tokens) {
      this.store = tokens;
      return this;
    }

    /** Makes the fixture. */
    public EngineFixture start() {
      ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
      FakeAuthorizationServer fake = new FakeAuthorizationServer(clock, rotation);
      server.accept(fake);
      FakeBroker values = FakeBroker.at(fake);
      broker.accept(values);
      return new EngineFixture(this, clock, fake, values.build(), store, new Workers(), false);
    }
  }
}
