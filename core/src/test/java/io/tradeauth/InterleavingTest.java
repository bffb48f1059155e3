package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import okhttp3.OkHttpClient;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * G42: whichever way gets, forced renewals, 401s, cancelled calls, sign-outs and sign-ins of a user
 * cross, tokens are exchanged once, nobody waits for ever, and nobody sees a token that was not
 * stored.
 *
 * <p>The engine is the real one, down to OkHttp; only its threads, clock, store and network are the
 * model's. A failure names the seed that leads there again.
 */
class InterleavingTest {

  private static final ExecutorService THREADS =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(null, task, "strand", 256 * 1024);
            thread.setDaemon(true);
            return thread;
          });

  @AfterAll
  static void stop() {
    THREADS.shutdownNow();
  }

  @Test
  void twoThousandInterleavings_oneExchange_nobodyForgotten_nothingUnsavedSeen_G42() {
    explore(1, 2_000, Scene.ANY, "alice");
  }

  @Test
  @Tag("stress")
  void hundredThousandInterleavings_oneExchange_nobodyForgotten_nothingUnsavedSeen_G42() {
    explore(1_000_000, 100_000, Scene.ANY, "alice");
  }

  /** Nobody holds what another user's exchange needs while it waits for what that one holds. */
  @Test
  void twoUsers_fiveHundredInterleavings_oneExchangeEach_nobodyWaitsForEver_C8_G42() {
    explore(2_000_000, 500, Scene.ANY, "alice", "bob");
  }

  @Test
  void signOutMeanwhile_thousandInterleavings_noTokenAfterIt_lateAnswerNotStored_C9() {
    explore(3_000_000, 1_000, Scene.SIGN_OUT, "alice");
  }

  @Test
  @Tag("stress")
  void signOutMeanwhile_tenThousandInterleavings_noTokenAfterIt_lateAnswerNotStored_C9() {
    explore(3_000_000, 10_000, Scene.SIGN_OUT, "alice");
  }

  @Test
  void signInMeanwhile_thousandInterleavings_newerLoginWins_C10() {
    explore(4_000_000, 1_000, Scene.SIGN_IN, "alice");
  }

  @Test
  @Tag("stress")
  void signInMeanwhile_tenThousandInterleavings_newerLoginWins_C10() {
    explore(4_000_000, 10_000, Scene.SIGN_IN, "alice");
  }

  /** A model that finds nothing wrong with these would find nothing wrong with anything. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void plantedBug_isFound_G42(Bug bug) {
    AssertionError found =
        assertThrows(
            AssertionError.class,
            () -> {
              for (long seed = 1; seed <= 2_000; seed++) {
                new Run(seed, bug, Scene.ANY, List.of("alice")).run();
              }
            });
    assertTrue(found.getMessage().contains(bug.told), found.getMessage());
  }

  /** What is done wrong on purpose. */
  private enum Bug {
    NONE(""),
    STORE_SAYS_COMMITTED_BEFORE_IT_IS("not stored"),
    REQUEST_IS_SENT_TWICE("spent twice"),
    TASK_IS_NEVER_RUN("a wake-up was lost");

    final String told;

    Bug(String told) {
      this.told = told;
    }
  }

  /** What surely happens beside whatever else is drawn. */
  private enum Scene {
    ANY,
    SIGN_OUT,
    SIGN_IN
  }

  private static void explore(long firstSeed, int count, Scene scene, String... users) {
    long steps = 0;
    for (long seed = firstSeed; seed < firstSeed + count; seed++) {
      try {
        steps += new Run(seed, Bug.NONE, scene, List.of(users)).run();
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
      }
    }
    assertTrue(steps > 10L * count, "threads were exchanged");
  }

  /** One interleaving. */
  private static final class Run {

    private final Interleaving model;
    private final Random choice;
    private final Server server = new Server();
    private final Set<String> stored = ConcurrentHashMap.newKeySet();
    private final List<Throwable> failures = new ArrayList<>();
    private final Set<String> signedOut = ConcurrentHashMap.newKeySet();
    private final Bug bug;
    private final Scene scene;
    private final List<String> users;
    private boolean mayBeSignedOut;
    private int tasks;

    Run(long seed, Bug bug, Scene scene, List<String> users) {
      this.scene = scene;
      this.users = users;
      this.model = new Interleaving(seed, THREADS);
      this.choice = new Random(~seed);
      this.bug = bug;
    }

    int run() {
      TokenStore store = TokenStore.inMemory();
      users.forEach(user -> signIn(store, user));
      TokenManager manager = manager(watched(store));
      TokenProvider tokens = manager.provider("model");
      Map<String, AccessToken> old = new ConcurrentHashMap<>();
      users.forEach(user -> model.actor(() -> old.put(user, tokens.get(user))));
      model.run();
      // Some meet it ended, some while it can still be used.
      model.pass(Duration.ofMinutes(choice.nextInt(4) == 0 ? 10 : 30));
      int actors = users.size() * (2 + choice.nextInt(4));
      for (int i = 0; i < actors; i++) {
        String user = users.get(i % users.size());
        add(manager, tokens, user, Objects.requireNonNull(old.get(user)));
      }
      switch (scene) {
        case SIGN_OUT -> users.forEach(user -> signOut(manager, tokens, user));
        case SIGN_IN -> users.forEach(user -> signInAgain(manager, tokens, user));
        case ANY -> {}
      }
      Realm realm = ((ManagedTokenProvider) tokens).realm();
      try {
        model.run(() -> realm.flightsUnderWay() == 0);
      } finally {
        model.release();
      }
      assertEquals(List.of(), failures);
      assertEquals(0, server.reused.get(), "a refresh token was spent twice");
      assertTrue(server.mostOfALogin() <= 1, server.exchanges + " exchanges");
      for (String user : signedOut) {
        assertTrue(tokens.peek(user).isEmpty(), "a token is in memory after the sign-out");
        assertNull(storedTokens(store, user), "a token is stored after the sign-out");
      }
      if (scene == Scene.SIGN_IN) {
        users.forEach(user -> assertOfTheNewLogin(storedTokens(store, user), tokens.peek(user)));
      }
      return model.steps();
    }

    private static @Nullable TokenSet storedTokens(TokenStore store, String user) {
      TokenStore.StoredRecord stored = store.load(keyOf(user));
      return stored == null ? null : LoginCodec.read(stored.content()).tokens();
    }

    private void assertOfTheNewLogin(@Nullable TokenSet stored, Optional<AccessToken> inMemory) {
      String access = Objects.requireNonNull(Objects.requireNonNull(stored).accessToken()).value();
      assertTrue(server.isOfANewLogin(access), "the old login was stored over the newer one");
      inMemory.ifPresent(token -> assertEquals(access, token.value()));
    }

    private static TokenStore.Key keyOf(String user) {
      return new TokenStore.Key(TokenStore.Kind.LOGIN, "model", user);
    }

    private void signIn(TokenStore store, String user) {
      Login login =
          Login.active(
              user,
              model.now(),
              TokenSet.first(
                  TokenResponse.builder()
                      .accessToken("canary-access-of-" + user)
                      .refreshToken(server.refreshToken(user))
                      .expiresIn(Duration.ofMinutes(20))
                      .build(),
                  Expiry.asTold(),
                  model.now(),
                  Set.of()),
              null,
              "model");
      store.supersede(keyOf(user), LoginCodec.write(login));
      stored.add("canary-access-of-" + user);
    }

    private TokenManager manager(TokenStore store) {
      StandardBroker broker =
          StandardBroker.builder(
                  BrokerProfile.builder("model", ApiHosts.of("http://127.0.0.1:1")).build(),
                  URI.create("http://127.0.0.1:1/token"))
              .build();
      return TokenManager.builder()
          .time(model)
          .executor(bug == Bug.TASK_IS_NEVER_RUN ? this::runButOne : model)
          .callbackExecutor(model)
          .store(store)
          .httpClient(HTTP.newBuilder().socketFactory(model.sockets(wire())).build())
          .broker(
              broker,
              settings ->
                  settings
                      .client(ClientCredentials.of("model", "canary-model-secret"))
                      .maxWait(Duration.ofHours(1)))
          .build();
    }

    private void runButOne(Runnable task) {
      if (++tasks != 5) {
        model.execute(task);
      }
    }

    private UnaryOperator<String> wire() {
      if (bug != Bug.REQUEST_IS_SENT_TWICE) {
        return server;
      }
      return form -> {
        String answer = server.apply(form);
        server.apply(form);
        return answer;
      };
    }

    private void add(TokenManager manager, TokenProvider tokens, String user, AccessToken old) {
      switch (choice.nextInt(8)) {
        case 0 -> actor(() -> see(tokens.renew(user)));
        case 1 -> actor(() -> see(tokens.getInsteadOf(user, old)));
        case 2 -> actor(() -> see(tokens.forUser(user).get()));
        case 3 -> actor(() -> see(tokens.getLasting(user, Duration.ofMinutes(15))));
        case 4 ->
            actor(
                () -> {
                  CompletableFuture<AccessToken> call = tokens.getAsync(user);
                  model.point();
                  call.cancel(true);
                });
        case 5 -> actor(() -> see(tokens.getAsync(user).join()));
        case 6 -> {
          // A sign-out and a sign-in at once may come in either order.
          if (scene != Scene.SIGN_IN) {
            signOut(manager, tokens, user);
          }
        }
        default -> actor(() -> see(tokens.get(user)));
      }
    }

    private void signOut(TokenManager manager, TokenProvider tokens, String user) {
      mayBeSignedOut = true;
      actor(
          () -> {
            manager.signOut("model", user);
            signedOut.add(user);
            AccessToken token = tokens.get(user);
            fail(new AssertionError(token + " was handed out after the sign-out"));
          });
    }

    private void signInAgain(TokenManager manager, TokenProvider tokens, String user) {
      actor(
          () -> {
            manager.signIn("model", user, new Grant.Refresh(server.newLogin(user)));
            AccessToken token = tokens.get(user);
            see(token);
            if (!server.isOfANewLogin(token.value())) {
              fail(new AssertionError("a token of the old login after the sign-in"));
            }
          });
    }

    private void actor(Runnable call) {
      model.actor(
          () -> {
            try {
              call.run();
            } catch (CancellationException e) {
              // Its own doing.
            } catch (SignInRequiredException | CompletionException e) {
              boolean told =
                  e instanceof SignInRequiredException
                      || e.getCause() instanceof SignInRequiredException;
              if (!told || !mayBeSignedOut) {
                fail(e);
              }
            } catch (Throwable e) {
              fail(e);
            }
          });
    }

    private void see(AccessToken token) {
      if (!stored.contains(token.value())) {
        fail(new AssertionError("a token was seen that was not stored"));
      }
    }

    private void fail(Throwable failure) {
      synchronized (failures) {
        failures.add(failure);
      }
    }

    /** A store whose calls may be crossed, and that tells what is in it. */
    private TokenStore watched(TokenStore store) {
      return (TokenStore)
          Proxy.newProxyInstance(
              InterleavingTest.class.getClassLoader(),
              new Class<?>[] {TokenStore.class},
              (proxy, method, arguments) -> {
                model.point();
                if (bug == Bug.STORE_SAYS_COMMITTED_BEFORE_IT_IS
                    && method.getName().equals("commit")) {
                  TokenStore.Version parent = (TokenStore.Version) arguments[1];
                  model.execute(() -> commit(store, arguments));
                  return parent.next();
                }
                try {
                  Object result = method.invoke(store, arguments);
                  if (method.getName().equals("commit") && result != null) {
                    note((TokenStore.Key) arguments[0], (TokenStore.Content) arguments[2]);
                  }
                  if (method.getName().equals("supersede")) {
                    note((TokenStore.Key) arguments[0], (TokenStore.Content) arguments[1]);
                  }
                  model.point();
                  return result;
                } catch (InvocationTargetException e) {
                  throw e.getCause();
                }
              });
    }

    private void commit(TokenStore store, Object[] arguments) {
      TokenStore.Key key = (TokenStore.Key) arguments[0];
      TokenStore.Content next = (TokenStore.Content) arguments[2];
      if (store.commit(key, (TokenStore.Version) arguments[1], next) != null) {
        note(key, next);
      }
    }

    private void note(TokenStore.Key key, TokenStore.Content content) {
      if (key.kind() != TokenStore.Kind.LOGIN) {
        return;
      }
      TokenSet tokens = LoginCodec.read(content).tokens();
      Secret access = tokens == null ? null : tokens.accessToken();
      if (access != null) {
        stored.add(access.value());
      }
    }
  }

  private static final OkHttpClient HTTP = new OkHttpClient.Builder().fastFallback(false).build();

  /** An authorization server that takes each refresh token once. */
  private static final class Server implements UnaryOperator<String> {

    /** How the tokens of a login are called that was made while others were under way. */
    private static final String NEW = "new-";

    final AtomicInteger exchanges = new AtomicInteger();
    final AtomicInteger reused = new AtomicInteger();
    private final Set<String> spent = new HashSet<>();
    private final Map<String, String> logins = new HashMap<>();
    private final Map<String, Integer> exchangesOf = new HashMap<>();

    /** Returns the refresh token that a user starts with. */
    synchronized String refreshToken(String user) {
      String token = "canary-refresh-of-" + user;
      logins.put(token, user);
      return token;
    }

    /** Returns the refresh token of another login of a user; signing in with it is no renewal. */
    synchronized String newLogin(String user) {
      String token = "canary-refresh-of-new-" + user;
      logins.put(token, NEW + user);
      exchangesOf.put(NEW + user, -1);
      return token;
    }

    boolean isOfANewLogin(String accessToken) {
      return accessToken.startsWith("canary-access-" + NEW);
    }

    synchronized int mostOfALogin() {
      return exchangesOf.values().stream().mapToInt(Integer::intValue).max().orElse(0);
    }

    @Override
    public synchronized String apply(String form) {
      int number = exchanges.incrementAndGet();
      String sent = form.replaceAll(".*refresh_token=(canary-refresh-[a-z0-9-]+).*", "$1");
      String login = Objects.requireNonNull(logins.get(sent), "a refresh token of nobody");
      exchangesOf.merge(login, 1, Integer::sum);
      logins.put("canary-refresh-" + number, login);
      if (!spent.add(sent)) {
        reused.incrementAndGet();
        return "{\"error\":\"invalid_grant\"}";
      }
      return String.format(
          Locale.ROOT,
          "{\"access_token\":\"canary-access-%s%d\",\"token_type\":\"Bearer\",\"expires_in\":1200,"
              + "\"refresh_token\":\"canary-refresh-%d\"}",
          login.startsWith(NEW) ? NEW : "",
          number,
          number);
    }
  }
}
