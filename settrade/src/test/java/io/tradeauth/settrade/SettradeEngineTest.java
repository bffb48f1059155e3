package io.tradeauth.settrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.AuthRejected;
import io.tradeauth.Broker;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerUnavailableException;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TimeSource;
import io.tradeauth.TokenEvent;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStoreException;
import io.tradeauth.settrade.testing.Credential;
import io.tradeauth.settrade.testing.Refusal;
import io.tradeauth.settrade.testing.SettradeSimulator;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger.Kind;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import mockwebserver3.MockResponse;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is peculiar to Settrade, through the engine, against the simulator. */
class SettradeEngineTest {

  private final ManualClock clock = ManualClock.at("2026-01-05T05:00:00Z"); // 12:00 in Bangkok
  private final SettradeSimulator settrade = new SettradeSimulator(clock);
  private final TokenStore store = TokenStore.inMemory();
  private final List<AutoCloseable> closed = new ArrayList<>();
  private final OkHttpClient plain = new OkHttpClient();
  private final TokenManager manager = manager(clock);
  private final TokenProvider tokens = manager.provider(Settrade.LIVE);
  private final Credential credential = settrade.addUser("023", "ALGO_EQ", "ACCOUNT-1");

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable resource : closed) {
      resource.close();
    }
    plain.dispatcher().executorService().shutdown();
    plain.connectionPool().evictAll();
    settrade.close();
  }

  private TokenManager manager(TimeSource time) {
    return manager(time, store);
  }

  private TokenManager manager(TimeSource time, TokenStore seen) {
    TokenManager made =
        TokenManager.builder()
            .broker(Settrade.at(Settrade.LIVE, settrade.api(), settrade.market()))
            .broker(Settrade.at(Settrade.SANDBOX, settrade.api(), settrade.market()))
            .store(seen)
            .time(time)
            .executor(Runnable::run) // so that what falls due is done while the clock moves
            .callbackExecutor(Runnable::run)
            .closeTimeout(Duration.ofMillis(100)) // retries that the clock never reaches
            .build();
    closed.add(made);
    return made;
  }

  private Grant grant() {
    return Settrade.grant(clientOf(credential));
  }

  private static ClientCredentials clientOf(Credential user) {
    return Settrade.client(user.brokerId(), user.appCode(), user.apiKey(), user.appSecret());
  }

  private void signIn(String userId) {
    manager.signIn(Settrade.LIVE, userId, grant());
  }

  // ---- login and renewal

  @Test
  void signIn_loginOnce_tokenWorks() throws Exception {
    signIn("alice");

    assertEquals(200, account("alice").code);
    assertEquals("person-of-" + credential.apiKey(), subjectOf("alice"));
    assertEquals(1, settrade.count("login"));
    assertTrue(manager.isSignedIn(Settrade.LIVE, "alice"));
  }

  /** Two processes, or two requests of one: the second login would end the first. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void twoSignInsAtOnce_oneLogin_bothHaveItsToken(boolean sameProcess) throws Exception {
    ExecutorService pool = Executors.newCachedThreadPool();
    try (TokenManager one = threaded(pool);
        TokenManager other = threaded(pool)) {
      TokenManager second = sameProcess ? one : other;
      one.signIn(Settrade.LIVE, "alice", grant()); // proves the client
      one.signOut(Settrade.LIVE, "alice");
      int before = settrade.count("login");
      CompletableFuture<Void> alice;
      CompletableFuture<Void> bob;
      try (Gate gate = settrade.holdAnswers("login")) {
        alice = run(() -> one.signIn(Settrade.LIVE, "alice", grant()), pool);
        gate.awaitArrivals(1);
        bob = run(() -> second.signIn(Settrade.LIVE, "bob", grant()), pool);
        for (int i = 0; i < 20; i++) {
          clock.advance(Duration.ofMillis(100));
        }
        gate.open();
        alice.get(10, TimeUnit.SECONDS);
      }
      // Not faster than what falls due can be done.
      while (!isDoneSoon(bob)) {
        clock.advance(Duration.ofMillis(100));
      }

      assertEquals(1, settrade.count("login") - before);
      assertEquals(
          one.provider(Settrade.LIVE).get("alice"), second.provider(Settrade.LIVE).get("bob"));
    } finally {
      pool.shutdown();
    }
  }

  private static boolean isDoneSoon(CompletableFuture<Void> future) throws Exception {
    try {
      future.get(20, TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    }
  }

  private static CompletableFuture<Void> run(Runnable work, ExecutorService pool) {
    return CompletableFuture.runAsync(work, pool);
  }

  private TokenManager threaded(ExecutorService pool) {
    return TokenManager.builder()
        .broker(Settrade.at(Settrade.LIVE, settrade.api(), settrade.market()))
        .store(store)
        .time(clock)
        .executor(pool)
        .closeTimeout(Duration.ofMillis(100))
        .build();
  }

  @Test
  void signInOfADeadProcess_takenOverAfterTheHold() throws Exception {
    TokenStore.Key pending =
        new TokenStore.Key(
            TokenStore.Kind.SIGN_IN,
            Settrade.LIVE,
            broker().subject("alice", clientOf(credential)));
    store.begin(pending, null, new TokenStore.Intent("dead", "dead", "SignedLogin"), null);
    CompletableFuture<Void> alice = CompletableFuture.runAsync(() -> signIn("alice"));
    while (clock.timers() < 2) {
      Thread.onSpinWait(); // the round of the manager, and the next look at the intent
    }
    clock.advance(Duration.ofSeconds(29));
    assertFalse(alice.isDone());
    assertEquals(0, settrade.count("login"));

    while (!isDoneSoon(alice)) {
      clock.advance(Duration.ofMillis(100));
    }
    assertEquals(1, settrade.count("login"));
  }

  private Broker broker() {
    return Settrade.at(Settrade.LIVE, settrade.api(), settrade.market());
  }

  /** Who else has the login is told by the store: this process has not seen bob yet. */
  @Test
  void signOutAfterARestart_whoSharesTheLoginStaysSignedIn() {
    signIn("alice");
    signIn("bob");
    TokenManager restarted = manager(clock);
    restarted.provider(Settrade.LIVE).get("alice");

    restarted.signOut(Settrade.LIVE, "alice");
    clock.advance(Duration.ofSeconds(9));

    assertThrows(
        SignInRequiredException.class, () -> restarted.provider(Settrade.LIVE).get("alice"));
    restarted.provider(Settrade.LIVE).get("bob");
    tokens.get("bob");

    restarted.signOut(Settrade.LIVE, "bob");
    clock.advance(Duration.ofSeconds(9));
    assertThrows(SignInRequiredException.class, () -> tokens.get("bob"));
  }

  /** What a move between stores has left of a link is none. */
  @Test
  void lastUserSignsOut_emptyLinkOfAnother_loginIsOver() {
    signIn("alice");
    signIn("bob");
    TokenStore.Key bob = new TokenStore.Key(TokenStore.Kind.LINK, Settrade.LIVE, "bob");
    TokenStore.Content link = Objects.requireNonNull(store.load(bob)).content();
    store.supersede(
        bob,
        new TokenStore.Content(TokenStore.State.EMPTY, link.since(), link.label(), link.secrets()));

    manager.signOut(Settrade.LIVE, "alice");

    assertEquals(
        List.of(TokenStore.State.SIGNED_OUT),
        store.list(TokenStore.Kind.LOGIN, Settrade.LIVE).stream()
            .map(TokenStore.StoredLabel::state)
            .toList());
  }

  /** The login may be on its way from another store, and must not find its user linked. */
  @Test
  void signOut_loginIsNotThereYet_userIsLinkedNoMore() {
    signIn("alice");
    store.list(TokenStore.Kind.LOGIN, Settrade.LIVE).forEach(login -> store.forget(login.key()));

    manager(clock).signOut(Settrade.LIVE, "alice");

    assertEquals(List.of(), store.list(TokenStore.Kind.LINK, Settrade.LIVE));
  }

  @Test
  void forgetAfterARestart_whoSharesTheLoginStaysSignedIn() {
    signIn("alice");
    signIn("bob");
    TokenManager restarted = manager(clock);

    restarted.forget("alice");
    clock.advance(Duration.ofSeconds(9));

    restarted.provider(Settrade.LIVE).get("bob");
    restarted.forget("bob");
    for (TokenStore.Kind kind : TokenStore.Kind.values()) {
      assertEquals(List.of(), store.list(kind, Settrade.LIVE));
    }
  }

  @Test
  void tokenEnds_refreshedAndTheNewRefreshTokenKept() {
    signIn("alice");
    Set<AccessToken> seen = new HashSet<>();
    for (int i = 0; i < 5; i++) {
      seen.add(tokens.get("alice"));
      clock.advance(Duration.ofMinutes(30));
    }

    assertEquals(5, seen.size());
    assertEquals(1, settrade.count("login"));
    assertEquals(settrade.count("refresh") + 1, settrade.ledger().issued(Kind.REFRESH_TOKEN));
    assertEquals(0, settrade.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  @Test
  void refreshRefused_loginInstead_callerSeesAToken() throws Exception {
    signIn("alice");
    settrade.reset();
    clock.advance(Duration.ofMinutes(30));

    tokens.get("alice");

    assertEquals(200, account("alice").code);
    assertEquals(1, settrade.count("refresh"));
    assertEquals(2, settrade.count("login"));
  }

  /** Also when the whole refresh service answers in other statuses than anybody has seen. */
  @ParameterizedTest
  @ValueSource(ints = {400, 403, 404, 422})
  void refreshRefusedWithAnyStatus_loginInstead(int status) {
    signIn("alice");
    settrade.refuse(Refusal.REFRESH_REFUSED, status);
    settrade.reset();
    clock.advance(Duration.ofMinutes(30));

    tokens.get("alice");

    assertEquals(2, settrade.count("login"));
  }

  /** No login while the token in hand is good: it would end the session that others use. */
  @ParameterizedTest
  @ValueSource(ints = {401, 502})
  void refreshFailsAheadOfTheEnd_noLoginBeforeTheTokenIsDue(int status) throws Exception {
    signIn("alice");
    AccessToken token = tokens.get("alice");
    settrade.fail(
        "refresh", Fault.instead(new MockResponse.Builder().code(status).body("{}").build()), 100);
    clock.advance(Duration.ofMinutes(28).plusSeconds(30));

    assertEquals(1, settrade.count("refresh"));
    assertEquals(1, settrade.count("login"));
    assertEquals(token, tokens.get("alice"));
    assertEquals(200, account("alice").code);
    assertThrows(BrokerUnavailableException.class, () -> tokens.renew("alice"));
    assertEquals(1, settrade.count("login"));

    clock.advance(Duration.ofSeconds(40)); // past the skew

    assertNotEquals(token, tokens.get("alice"));
    assertEquals(2, settrade.count("login"));
  }

  @Test
  void refreshFailsAheadOfTheEnd_tokenRefused_loginAtOnce() throws Exception {
    signIn("alice");
    tokens.get("alice");
    settrade.fail(
        "refresh", Fault.instead(new MockResponse.Builder().code(401).body("{}").build()), 100);
    clock.advance(Duration.ofMinutes(27));
    assertEquals(1, settrade.count("login"));
    settrade.reset(); // the session has ended

    assertEquals(200, account("alice").code);

    assertEquals(2, settrade.count("login"));
  }

  /** The server takes no stamp that is further off: what its first answer tells is enough. */
  @ParameterizedTest
  @ValueSource(longs = {-120, 120})
  void localClockWrong_stampWithinTwoSecondsOfTheServers_G21(long seconds) {
    settrade.skew(Duration.ofSeconds(2));
    TokenManager off = manager(new Shifted(clock, Duration.ofSeconds(seconds)));

    off.signIn(Settrade.LIVE, "alice", grant());

    assertEquals(2, settrade.count("login"));
    settrade.reset();
    clock.advance(Duration.ofMinutes(31));
    off.provider(Settrade.LIVE).get("alice");
    assertEquals(3, settrade.count("login"), "one that is taken at once");
  }

  /** A clock whose time of day is off. */
  private record Shifted(ManualClock clock, Duration off) implements TimeSource {

    @Override
    public long wallMillis() {
      return clock.wallMillis() + off.toMillis();
    }

    @Override
    public long monotonicNanos() {
      return clock.monotonicNanos();
    }

    @Override
    public Timer after(Duration delay, Runnable task) {
      return clock.after(delay, task);
    }
  }

  @Test
  void refreshTellsNoTokenType_spellingOfTheLoginStays() {
    settrade.tokenType("bearer");
    signIn("alice");
    clock.advance(Duration.ofMinutes(30));

    AccessToken token = tokens.get("alice");

    assertEquals(1, settrade.count("refresh"));
    assertEquals("bearer", token.type());
  }

  /**
   * G6, profile RELOGIN: catches a client that gives up, or waits for a human, over a lost answer.
   */
  @Test
  void g6_answerToLoginLost_loggedInAgain() throws Exception {
    SteppedTime stepped = new SteppedTime(clock);
    TokenManager steppedManager = manager(stepped);
    settrade.fail("login", Fault.loseAnswer(), 1);

    CompletableFuture<Void> signedIn =
        CompletableFuture.runAsync(() -> steppedManager.signIn(Settrade.LIVE, "alice", grant()));
    stepped.advanceToNextRetry();
    signedIn.get(10, TimeUnit.SECONDS);

    assertEquals(2, settrade.count("login"));
    assertEquals(200, account("alice").code);
  }

  @Test
  void g6_answerToRefreshLost_sessionSavedWithoutAHuman() throws Exception {
    SteppedTime stepped = new SteppedTime(clock);
    TokenProvider steppedTokens = manager(stepped).provider(Settrade.LIVE);
    signIn("alice");
    clock.advance(Duration.ofMinutes(30));
    settrade.fail("refresh", Fault.loseAnswer(), 1);

    CompletableFuture<AccessToken> token =
        CompletableFuture.supplyAsync(() -> steppedTokens.get("alice"));
    stepped.advanceToNextRetry();
    token.get(10, TimeUnit.SECONDS);

    assertEquals(200, account("alice").code);
    assertEquals(2, settrade.count("login"));
  }

  /** Fault: a login merely because a cache is empty; two processes would knock each other out. */
  @Test
  void secondProcess_readsTheStore_noLogin() {
    signIn("alice");
    TokenProvider other = manager(clock).provider(Settrade.LIVE);

    assertEquals(tokens.get("alice"), other.get("alice"));
    assertEquals(1, settrade.count("login"));
    assertEquals(0, settrade.count("refresh"));
  }

  @Test
  void sessionHandedOver_noLogin() throws Exception {
    signIn("alice");
    AccessToken handedOver = tokens.get("alice");
    TokenManager next =
        TokenManager.builder()
            .broker(Settrade.at(Settrade.LIVE, settrade.api(), settrade.market()))
            .time(clock)
            .build();
    closed.add(next);

    next.signIn(
        Settrade.LIVE,
        "alice",
        Settrade.session(
            clientOf(credential),
            handedOver.value(),
            "canary-unknown-refresh",
            handedOver.expiresAt()));

    assertEquals(handedOver, next.provider(Settrade.LIVE).get("alice"));
    assertEquals(1, settrade.count("login"));
  }

  // ---- one live session for each credential

  /** Catches a library that logs in for each user and kills the session of the one before. */
  @Test
  void usersOfOneCredential_oneLogin_oneToken() throws Exception {
    signIn("alice");
    signIn("bob");

    assertEquals(tokens.get("alice"), tokens.get("bob"));
    assertEquals(200, account("alice").code);
    assertEquals(200, account("bob").code);
    assertEquals(1, settrade.count("login"));
  }

  @Test
  void usersOfOneCredential_tokenEnds_oneRefreshForAll() throws Exception {
    int users = 16;
    for (int i = 0; i < users; i++) {
      signIn("user-" + i);
    }
    clock.advance(Duration.ofMinutes(30));
    CyclicBarrier together = new CyclicBarrier(users);
    List<CompletableFuture<AccessToken>> asked = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < users; i++) {
      String user = "user-" + i;
      CompletableFuture<AccessToken> answer = new CompletableFuture<>();
      asked.add(answer);
      Thread thread =
          new Thread(
              () -> {
                try {
                  together.await();
                  answer.complete(tokens.get(user));
                } catch (Exception e) {
                  answer.completeExceptionally(e);
                }
              });
      threads.add(thread);
      thread.start();
    }
    Set<AccessToken> seen = new HashSet<>();
    for (CompletableFuture<AccessToken> answer : asked) {
      seen.add(answer.get(10, TimeUnit.SECONDS));
    }
    for (Thread thread : threads) {
      thread.join();
    }

    assertEquals(1, seen.size());
    assertEquals(1, settrade.count("refresh"));
    assertEquals(1, settrade.count("login"));
    assertEquals(0, settrade.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  @Test
  void oneUserSignsOut_theOtherGoesOn_nothingIsSent() throws Exception {
    signIn("alice");
    signIn("bob");
    int calls = settrade.calls().size();

    manager.signOut(Settrade.LIVE, "alice");

    assertEquals(calls, settrade.calls().size(), "there is no such call");
    assertThrows(SignInRequiredException.class, () -> tokens.get("alice"));
    assertEquals(200, account("bob").code);
    manager.signOut(Settrade.LIVE, "bob");
    assertThrows(SignInRequiredException.class, () -> tokens.get("bob"));
    clock.advance(Duration.ofMinutes(30));
    assertThrows(SignInRequiredException.class, () -> tokens.get("bob"));
    assertEquals(1, settrade.count("login"), "no login after a sign-out");
  }

  /** Whoever learns or writes whose login it is must not do so after the sign-out. */
  @ParameterizedTest
  @ValueSource(strings = {"load", "supersede"})
  void signedOutWhileTheLinkIsReadOrWritten_noTokenAfterwards(String call) {
    AtomicReference<Runnable> afterCall = new AtomicReference<>();
    TokenManager other = manager(clock, hooked(TokenStore.Kind.LINK, call, afterCall));
    signIn("alice");
    signIn("bob");

    afterCall.set(() -> other.signOut(Settrade.LIVE, "alice"));
    if (call.equals("load")) {
      assertThrows(SignInRequiredException.class, () -> other.provider(Settrade.LIVE).get("alice"));
    } else {
      other.signIn(Settrade.LIVE, "alice", grant());
    }

    assertNull(afterCall.get(), "it was called");
    assertThrows(SignInRequiredException.class, () -> other.provider(Settrade.LIVE).get("alice"));
  }

  /** Their token goes on, and is renewed for those who are still there. */
  @Test
  void signedOutWhileTheLoginIsRenewedForAll_noTokenAfterwards() {
    AtomicReference<Runnable> afterCall = new AtomicReference<>();
    TokenManager other = manager(clock, hooked(TokenStore.Kind.LOGIN, "commit", afterCall));
    other.signIn(Settrade.LIVE, "alice", grant());
    other.signIn(Settrade.LIVE, "bob", grant());
    clock.advance(Duration.ofMinutes(1));

    afterCall.set(() -> other.signOut(Settrade.LIVE, "alice"));
    assertThrows(SignInRequiredException.class, () -> other.provider(Settrade.LIVE).renew("alice"));

    assertNull(afterCall.get(), "it was called");
    assertThrows(SignInRequiredException.class, () -> other.provider(Settrade.LIVE).get("alice"));
    assertEquals(tokens.get("bob"), other.provider(Settrade.LIVE).get("bob"));
  }

  /** Who has signed in is served, and stays signed in when the store is back. */
  @ParameterizedTest
  @EnumSource(names = {"LOGIN", "LINK"})
  void signInThatCannotBeSaved_savedLater_withWhoseLoginItIs(TokenStore.Kind kind) {
    AtomicBoolean full = new AtomicBoolean(true);
    TokenManager other = manager(clock, full(kind, full));
    signInAsTimePasses(other, "alice");
    AccessToken served = other.provider(Settrade.LIVE).get("alice");

    full.set(false);
    clock.advance(Duration.ofSeconds(6));

    assertEquals(served, tokens.get("alice"));
    assertEquals(1, settrade.count("login"));
  }

  @Test
  void signInThatCannotBeSaved_signedOutBeforeItIs_staysSo() {
    AtomicBoolean full = new AtomicBoolean();
    TokenManager other = manager(clock, full(TokenStore.Kind.LOGIN, full));
    signIn("bob");
    clock.jump(Duration.ofHours(2));
    full.set(true);
    signInAsTimePasses(other, "alice");

    other.signOut(Settrade.LIVE, "alice");
    full.set(false);
    clock.advance(Duration.ofSeconds(6));

    assertThrows(SignInRequiredException.class, () -> other.provider(Settrade.LIVE).get("alice"));
    assertThrows(SignInRequiredException.class, () -> tokens.get("alice"));
    assertEquals(other.provider(Settrade.LIVE).get("bob"), tokens.get("bob"));
    assertEquals(2, settrade.count("login"), "what she brought is saved for him");
  }

  /** A dead store hides no token that is good. */
  @Test
  void signedInAnewWhileNothingCanBeWrittenOrRead_tokenInHandStays() {
    AtomicBoolean full = new AtomicBoolean();
    TokenManager other = manager(clock, full(TokenStore.Kind.LINK, full));
    other.signIn(Settrade.LIVE, "alice", grant());
    AccessToken inHand = other.provider(Settrade.LIVE).get("alice");
    full.set(true);

    assertThrows(TokenStoreException.class, () -> other.signIn(Settrade.LIVE, "alice", grant()));

    assertEquals(inHand, other.provider(Settrade.LIVE).peek("alice").orElseThrow());
  }

  private void signInAsTimePasses(TokenManager process, String user) {
    CompletableFuture<Void> signIn =
        CompletableFuture.runAsync(() -> process.signIn(Settrade.LIVE, user, grant()));
    while (!signIn.isDone()) {
      clock.advance(Duration.ofMillis(100));
      LockSupport.parkNanos(1_000_000);
    }
    signIn.join();
  }

  /** A store that takes none of a kind of record while it is full. */
  private TokenStore full(TokenStore.Kind kind, AtomicBoolean full) {
    return (TokenStore)
        Proxy.newProxyInstance(
            TokenStore.class.getClassLoader(),
            new Class<?>[] {TokenStore.class},
            (proxy, method, arguments) -> {
              if (full.get()
                  && method.getName().equals("supersede")
                  && ((TokenStore.Key) arguments[0]).kind() == kind) {
                throw new TokenStoreException(
                    TokenStoreException.Reason.WRITE_FAILED, "full", null);
              }
              return method.invoke(store, arguments);
            });
  }

  /** A store that does something as soon as it has answered a call about a kind of record. */
  private TokenStore hooked(
      TokenStore.Kind kind, String call, AtomicReference<Runnable> afterNext) {
    return (TokenStore)
        Proxy.newProxyInstance(
            TokenStore.class.getClassLoader(),
            new Class<?>[] {TokenStore.class},
            (proxy, method, arguments) -> {
              Object answer = method.invoke(store, arguments);
              if (method.getName().equals(call) && ((TokenStore.Key) arguments[0]).kind() == kind) {
                Runnable then = afterNext.getAndSet(null);
                if (then != null) {
                  then.run();
                }
              }
              return answer;
            });
  }

  @Test
  void usersOfOtherCredentials_loginsOfTheirOwn() throws Exception {
    Credential other = settrade.addUser("023", "ALGO_EQ");
    signIn("alice");
    manager.signIn(Settrade.LIVE, "bob", Settrade.grant(clientOf(other)));

    assertNotEquals(tokens.get("alice"), tokens.get("bob"));
    assertEquals(200, account("alice").code);
  }

  @Test
  void signedInWithAnotherCredential_nothingMoreComesFromTheLoginOfBefore() {
    signIn("alice");
    signIn("bob");
    Credential own = settrade.addUser("023", "ALGO_EQ");
    manager.signInAsAnyone(Settrade.LIVE, "alice", Settrade.grant(clientOf(own)));
    AccessToken mine = tokens.get("alice");
    clock.advance(Duration.ofMinutes(1));

    AccessToken bobs = tokens.renew("bob");

    assertEquals(mine, tokens.get("alice"));
    assertNotEquals(mine, bobs);
  }

  // ---- 401s

  @Test
  void sessionTakenOver_readRepaired_writeNotRepeated() throws Exception {
    signIn("alice");
    settrade.loginElsewhere(credential);

    Got read = account("alice");

    assertEquals(200, read.code);
    assertEquals(2, settrade.count("login"));
    clock.advance(Duration.ofMinutes(1));
    settrade.loginElsewhere(credential);
    Got order = order("alice");
    assertEquals(401, order.code);
    assertTrue(order.rejected.isTokenReplaced());
    assertEquals(1, settrade.count("orders"), "an order is never sent again");
    assertEquals(200, order("alice").code);
  }

  /** Catches two programs that knock each other out for ever. */
  @Test
  void sessionTakenOverAgainAndAgain_noFurtherLoginForFiveMinutes() throws Exception {
    List<TokenEvent> events = new ArrayList<>();
    manager.on(TokenEvent.SessionTakenOver.class, events::add);
    signIn("alice");
    clock.advance(Duration.ofSeconds(5)); // a manager notices its own sign-in, and starts afresh
    for (int i = 0; i < 2; i++) {
      settrade.loginElsewhere(credential);
      assertEquals(200, account("alice").code);
      clock.advance(Duration.ofMinutes(1));
    }
    settrade.loginElsewhere(credential);
    int logins = settrade.count("login");

    for (int i = 0; i < 3; i++) {
      Got refused = account("alice");
      assertEquals(401, refused.code);
      assertEquals(
          BrokerUnavailableException.Reason.SESSION_TAKEN_OVER,
          refused.rejected.failure().orElseThrow().reason());
    }

    assertEquals(logins, settrade.count("login"));
    assertEquals(1, events.size());
    clock.advance(Duration.ofMinutes(5));
    assertEquals(200, account("alice").code);
    assertEquals(logins + 1, settrade.count("login"));
  }

  // ---- the night

  /** Sheet, section 4: a new login after the reset, whatever {@code expires_in} said. */
  @Test
  void nightlyReset_loginAfterwards_noTokenFromBefore() throws Exception {
    settrade.tokenLife(Duration.ofHours(24));
    signIn("alice");
    AccessToken byDay = tokens.get("alice");
    clock.advance(Duration.ofHours(15)); // 03:00

    AccessToken atThree = tokens.get("alice");
    clock.advance(Duration.ofHours(1)); // 04:00, the simulator's reset was at 03:30
    AccessToken atFour = tokens.get("alice");

    assertNotEquals(byDay, atThree);
    assertNotEquals(atThree, atFour);
    assertEquals(200, account("alice").code);
    assertEquals(2, settrade.count("login"));
  }

  /**
   * What is renewed shortly before the reset ends at the reset: catches seven useless renewals per
   * user, and callers without a token in the seconds after it.
   */
  @Test
  void nightlyReset_busyUser_noUselessRenewals_neverWithoutAToken() {
    settrade.nightlyReset(null);
    clock.advance(Duration.ofHours(14).plusMinutes(30)); // 02:30
    signIn("alice");
    int renewals = settrade.count("refresh");

    for (int second = 0; second < 100 * 60; second++) {
      tokens.get("alice");
      clock.advance(Duration.ofSeconds(1));
    }

    renewals = settrade.count("refresh") - renewals;
    assertTrue(renewals <= 6, renewals + " renewals from 02:30 to 04:10");
    assertEquals(1, settrade.count("login"));
  }

  @Test
  void nightlyReset_withinTheHour_readRepaired() throws Exception {
    signIn("alice");
    clock.advance(Duration.ofHours(15).plusMinutes(5)); // 03:05
    tokens.get("alice");
    clock.advance(Duration.ofMinutes(26).minusMillis(1)); // 03:31, within its life

    assertEquals(200, account("alice").code);
  }

  // ---- refusals and outages

  /** G31: catches a client that hammers a login which only a human can mend. */
  @Test
  void g31_keyWithdrawn_configuration_fewLogins() {
    signIn("alice");
    settrade.deleteUser(credential);
    clock.advance(Duration.ofMinutes(30));

    for (int i = 0; i < 100; i++) {
      assertThrows(TokenException.class, () -> tokens.get("alice"));
      clock.advance(Duration.ofSeconds(1));
    }

    assertTrue(
        settrade.count("login") <= 3 && settrade.count("refresh") <= 2,
        settrade.count("login") + " logins, " + settrade.count("refresh") + " refreshes");
  }

  @Test
  void signIn_keyNotApproved_configurationAndNothingStored() {
    settrade.deleteUser(credential);

    BrokerConfigurationException refused =
        assertThrows(BrokerConfigurationException.class, () -> signIn("alice"));

    assertEquals(BrokerConfigurationException.Reason.CLIENT_REFUSED, refused.reason());
    assertTrue(String.valueOf(refused.getMessage()).contains("OA-LOGIN-002"));
    assertFalse(manager.isSignedIn(Settrade.LIVE, "alice"));
  }

  @Test
  void signIn_credentialOfTheOtherEnvironment_nothingSent() {
    assertThrows(
        BrokerConfigurationException.class,
        () -> manager.signIn(Settrade.SANDBOX, "alice", grant()));

    assertEquals(0, settrade.calls().size());
  }

  @Test
  void loginClosed_unavailable_thenWorksByItself() throws Exception {
    signIn("alice");
    settrade.reset();
    settrade.closed(LocalTime.of(12, 0), LocalTime.of(13, 0));
    clock.advance(Duration.ofMinutes(30));

    assertThrows(BrokerUnavailableException.class, () -> tokens.get("alice"));
    clock.advance(Duration.ofMinutes(30)); // 13:00

    tokens.get("alice");
    assertEquals(200, account("alice").code);
  }

  /** G30: catches an outage that hides a token which is still good. */
  @Test
  void g30_firewallAndOutage_tokenInHandServed() {
    signIn("alice");
    AccessToken inHand = tokens.get("alice");
    settrade.firewall(true);
    clock.advance(Duration.ofMinutes(26));

    assertEquals(inHand, tokens.get("alice"));
    settrade.firewall(false);
    settrade.outage(true);
    assertEquals(inHand, tokens.get("alice"));
  }

  @Test
  void anotherPersonsKey_refusedUnlessConfirmed() {
    signIn("alice");
    settrade.rename(credential, "somebody-else");
    settrade.reset();
    clock.advance(Duration.ofMinutes(30));

    SignInRequiredException refused =
        assertThrows(SignInRequiredException.class, () -> signIn("alice"));

    assertEquals(SignInRequiredException.Reason.DIFFERENT_ACCOUNT, refused.reason());
    manager.signInAsAnyone(Settrade.LIVE, "alice", grant());
    assertEquals("somebody-else", subjectOf("alice"));
  }

  /**
   * G21: catches a drifted clock that is taken for a refused credential. Further off than Settrade
   * allows, so that the first login is refused and only its date tells why.
   */
  @ParameterizedTest
  @ValueSource(longs = {-120, 120, -900, 900})
  void g21_clockOff_signedWithTheTimeOfTheServer(long seconds) {
    ManualClock drifted = new ManualClock(clock.now().plusSeconds(seconds));
    TokenManager own = manager(drifted);

    own.signIn(Settrade.LIVE, "alice", grant());
    AccessToken token = own.provider(Settrade.LIVE).get("alice");

    Duration life = Duration.between(clock.now(), token.expiresAt());
    assertTrue(life.minus(Duration.ofMinutes(30)).abs().toSeconds() <= 2, "true end: " + life);
    assertTrue(settrade.count("login") <= 2);
  }

  // ---- calls of its own

  @Test
  void validate_aliveThenDead() {
    signIn("alice");
    assertTrue(manager.validate(Settrade.LIVE, "alice") instanceof ProbeAnswer.Alive);

    settrade.loginElsewhere(credential);

    assertTrue(manager.validate(Settrade.LIVE, "alice") instanceof ProbeAnswer.Dead);
    assertEquals(1, settrade.count("login"), "it only asks");
  }

  @Test
  void stream_tokenAndSocket_repairedAfterTakeover() {
    signIn("alice");
    StreamAccess first = tokens.call("alice", Settrade.STREAM).get();
    assertEquals(
        "ws://localhost:" + settrade.api().getPort() + "/api/dispatcher/v3/023/mqtt",
        first.uri().toString());

    settrade.loginElsewhere(credential);

    StreamAccess second = tokens.call("alice", Settrade.STREAM).get();
    assertNotEquals(first.token(), second.token());
    assertEquals(2, settrade.count("login"));
  }

  @Test
  void accountCheck_asTheUser() {
    signIn("alice");

    assertTrue(
        tokens.call("alice", Settrade.equityAccount("ACCOUNT-1")) instanceof ProbeAnswer.Alive);
  }

  // ---- helpers

  private String subjectOf(String userId) {
    return String.valueOf(
        java.util.Objects.requireNonNull(manager.status(Settrade.LIVE, userId).profile())
            .subject());
  }

  private Got account(String userId) throws IOException {
    return got(
        userId,
        new Request.Builder()
            .url(tokens.apiUri("/api/seos/v3/023/accounts/ACCOUNT-1/account-info").toString())
            .build());
  }

  private Got order(String userId) throws IOException {
    return got(
        userId,
        new Request.Builder()
            .url(tokens.apiUri("/api/seos/v3/023/accounts/ACCOUNT-1/orders").toString())
            .post(RequestBody.create("{\"pin\":\"000000\"}", MediaType.get("application/json")))
            .build());
  }

  private Got got(String userId, Request request) throws IOException {
    OkHttpClient http =
        plain.newBuilder().addInterceptor(tokens.forUser(userId).interceptor()).build();
    try (Response response = http.newCall(request).execute()) {
      return new Got(response.code(), AuthRejected.of(response).orElse(null));
    }
  }

  /** A status, and what the interceptor says of it. */
  private static final class Got {

    final int code;
    final AuthRejected rejected;

    @SuppressWarnings("NullAway") // a test that asks for it knows that it is there
    Got(int code, @org.jspecify.annotations.Nullable AuthRejected rejected) {
      this.code = code;
      this.rejected = rejected;
    }
  }

  /** A manual clock that moves on when somebody waits for a retry. */
  private static final class SteppedTime implements TimeSource {

    private static final Duration LONGEST_RETRY = Duration.ofSeconds(3);

    private final ManualClock clock;
    private final BlockingQueue<Duration> retries = new LinkedBlockingQueue<>();

    SteppedTime(ManualClock clock) {
      this.clock = clock;
    }

    @Override
    public long wallMillis() {
      return clock.wallMillis();
    }

    @Override
    public long monotonicNanos() {
      return clock.monotonicNanos();
    }

    @Override
    public Timer after(Duration delay, Runnable task) {
      Timer timer = clock.after(delay, task);
      if (delay.compareTo(LONGEST_RETRY) <= 0) {
        retries.add(delay);
      }
      return timer;
    }

    void advanceToNextRetry() throws InterruptedException {
      Duration delay = retries.poll(10, TimeUnit.SECONDS);
      assertTrue(delay != null, "nobody tried again");
      if (delay != null) {
        clock.advance(delay);
      }
    }
  }
}
