package io.tradeauth.store;

import io.tradeauth.AccessToken;
import io.tradeauth.ApiHosts;
import io.tradeauth.BrokerProfile;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.RotationProfile;
import io.tradeauth.StandardBroker;
import io.tradeauth.TokenEvent;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStoreException;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.ManualClock;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * What runs in each process of a {@link Fleet}: a manager over the shared store, whose clock and
 * callers are told from outside, a line at a time.
 */
final class FleetMember {

  /** Ends each line that is said, or what a killed process has half said might be taken for it. */
  static final String END = " .";

  /** Longer than any hold: who asks is told how it ends, and not that it takes long. */
  private static final Duration PATIENCE = Duration.ofHours(1);

  /** The pause between two reads: all are told to the test, and kept. */
  private static final long READING_PAUSE_NANOS = TimeUnit.MICROSECONDS.toNanos(500);

  private final ManualClock clock;
  private final CountingThreads threads = new CountingThreads();
  private final TokenManager manager;
  private final TokenProvider tokens;
  private final Map<String, AccessToken> last = new ConcurrentHashMap<>();
  private final Semaphore go = new Semaphore(0);
  private final List<Thread> readers = new ArrayList<>();
  private volatile boolean isReading;
  private volatile Set<String> failing = Set.of();
  private volatile String haltAt = "";
  private volatile String secret = FakeAuthorizationServer.CLIENT_SECRET;

  private FleetMember(TokenStore store, URI server, Instant now) {
    clock = new ManualClock(now);
    manager =
        TokenManager.builder()
            .time(clock)
            .store(interposed(store))
            .executor(threads)
            .callbackExecutor(Runnable::run)
            .broker(
                broker(server),
                settings ->
                    settings
                        .maxWait(PATIENCE)
                        .client(
                            () -> ClientCredentials.of(FakeAuthorizationServer.CLIENT_ID, secret)))
            .build();
    tokens = manager.provider(FakeBroker.NAME);
    manager.on(
        TokenEvent.class,
        event -> say("event " + event.getClass().getSimpleName() + " " + event.userId()));
  }

  private static StandardBroker broker(URI server) {
    BrokerProfile profile =
        BrokerProfile.builder(FakeBroker.NAME, ApiHosts.of(server.resolve("/").toString()))
            .rotation(RotationProfile.STRICT)
            .build();
    return StandardBroker.builder(profile, server).build();
  }

  /** Opens a store, {@code file:} and a directory, or {@code jdbc:} and so on. */
  static TokenStore open(String store) {
    return store.startsWith("file:")
        ? FileTokenStore.at(Path.of(store.substring("file:".length())), StoreFixture.KEYS)
        : open(TestDatabase.pool(store, pool -> {}));
  }

  static TokenStore open(DataSource database) {
    return JdbcTokenStore.builder(database, TestDatabase.KEYS).createSchema().open();
  }

  /** Does what it is told until it is killed or told nothing more. */
  public static void main(String[] arguments) throws IOException {
    BufferedReader orders =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String now = orders.readLine();
    FleetMember member =
        new FleetMember(open(arguments[0]), URI.create(arguments[1]), Instant.parse(now));
    say("ready");
    for (String order = orders.readLine(); order != null; order = orders.readLine()) {
      member.obey(order.split(" "));
    }
  }

  private void obey(String[] order) {
    switch (order[0]) {
      case "jump" -> clock.jump(Duration.ofMillis(Long.parseLong(order[1])));
      case "advance" -> clock.advance(Duration.ofMillis(Long.parseLong(order[1])));
      case "settle" -> {
        threads.awaitRest();
        say("settled");
      }
      case "secret" -> secret = order[1];
      case "fail" -> failing = Set.of(order[1].split(","));
      case "halt" -> haltAt = order[1] + " " + order[2];
      case "go" -> go.release();
      case "get" -> twice(order, () -> tokens.getAsync(order[2]));
      case "read" -> startReading(List.of(order[1].split(",")));
      case "rest" -> stopReading();
      case "renew" -> answer(order, onItsOwnThread(() -> tokens.renew(order[2])));
      case "instead" -> {
        AccessToken rejected = known(order[2]);
        answer(order, onItsOwnThread(() -> tokens.getInsteadOf(order[2], rejected)));
      }
      case "signIn" -> answer(order, onItsOwnThread(() -> signIn(order[2], order[3])));
      case "signOut" -> answer(order, onItsOwnThread(() -> signOut(order[2])));
      default -> throw new IllegalArgumentException(order[0]);
    }
  }

  /** A store whose calls fail, or that halts around a call for a user, when it is told so. */
  private TokenStore interposed(TokenStore store) {
    return (TokenStore)
        Proxy.newProxyInstance(
            FleetMember.class.getClassLoader(),
            new Class<?>[] {TokenStore.class},
            (proxy, method, parameters) -> {
              if (failing.contains(method.getName())) {
                throw new TokenStoreException(
                    TokenStoreException.Reason.WRITE_FAILED, "told to fail", null);
              }
              if (!StoreCalls.isOfALogin(parameters)) {
                return StoreCalls.invoked(method, store, parameters);
              }
              String user = ((TokenStore.Key) parameters[0]).subject();
              haltIf("before-" + method.getName() + " " + user);
              Object result = StoreCalls.invoked(method, store, parameters);
              haltIf("after-" + method.getName() + " " + user);
              return result;
            });
  }

  /** Stands still at a point, once, until it is told to go on; this is rest, too. */
  private void haltIf(String point) throws InterruptedException {
    if (point.equals(haltAt)) {
      haltAt = "";
      threads.changeBusy(-1);
      say("halted");
      go.acquire();
      threads.changeBusy(1);
    }
  }

  private AccessToken known(String user) {
    AccessToken token = last.get(user);
    if (token == null) {
      throw new IllegalStateException("nobody has asked for it here");
    }
    return token;
  }

  private AccessToken signIn(String user, String refreshToken) {
    manager.signIn(FakeBroker.NAME, user, new Grant.Refresh(refreshToken));
    return tokens.get(user);
  }

  private @Nullable AccessToken signOut(String user) {
    manager.signOut(FakeBroker.NAME, user);
    return null;
  }

  /** Not one of the manager's, which may rest while a caller waits. */
  private static <T> CompletableFuture<T> onItsOwnThread(Supplier<T> call) {
    return CompletableFuture.supplyAsync(call, task -> new Thread(task, "caller").start());
  }

  /** Two callers ask for users one after the other, again and again, until they are to stop. */
  private void startReading(List<String> users) {
    isReading = true;
    for (int i = 0; i < 2; i++) {
      Thread reader = new Thread(() -> read(users), "reader");
      reader.setDaemon(true);
      reader.start();
      readers.add(reader);
    }
  }

  private void stopReading() {
    isReading = false;
    try {
      for (Thread reader : readers) {
        reader.join();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    readers.clear();
  }

  private void read(List<String> users) {
    for (int i = 0; isReading; i = (i + 1) % users.size()) {
      String user = users.get(i);
      long now = clock.wallMillis();
      long invoked = System.nanoTime();
      String answer;
      try {
        answer = tokens.get(user).value();
      } catch (RuntimeException e) {
        answer = told(null, e);
      }
      long returned = System.nanoTime();
      say("read " + user + " " + invoked + " " + now + " " + returned + " " + answer);
      LockSupport.parkNanos(READING_PAUSE_NANOS);
    }
  }

  /** Two callers at once. */
  private void twice(String[] order, Supplier<CompletableFuture<AccessToken>> call) {
    answer(order, call.get());
    answer(order, call.get());
  }

  private void answer(String[] order, CompletableFuture<@Nullable AccessToken> answer) {
    answer.whenComplete(
        (token, failure) -> {
          if (token != null) {
            last.put(order[2], token);
          }
          say("answer " + order[1] + " " + order[2] + " " + told(token, failure));
        });
  }

  /** The server counts what it issues, so the number tells which token is the newer one. */
  private static String told(@Nullable AccessToken token, @Nullable Throwable failure) {
    if (failure == null) {
      return token == null ? "done" : token.value().split("-")[2];
    }
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    return cause instanceof TokenException
        ? cause.getClass().getSimpleName() + "." + ((TokenException) cause).reason()
        : cause.getClass().getName();
  }

  private static void say(String line) {
    PrintStream out = System.out;
    synchronized (FleetMember.class) {
      out.print(line + END + "\n");
      out.flush();
    }
  }

  /** The manager's threads, which know when there is nothing left to do. */
  private static final class CountingThreads implements Executor {

    private final ExecutorService threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "tradeauth-fleet");
              thread.setDaemon(true);
              return thread;
            });
    private int busy;

    @Override
    public void execute(Runnable task) {
      changeBusy(1);
      threads.execute(
          () -> {
            try {
              task.run();
            } finally {
              changeBusy(-1);
            }
          });
    }

    synchronized void changeBusy(int change) {
      busy += change;
      notifyAll();
    }

    synchronized void awaitRest() {
      try {
        while (busy > 0) {
          wait();
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
