package io.tradeauth.tastytrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.AuthRejected;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerUnavailableException;
import io.tradeauth.CallAnswer;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Secret;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.UserProfile;
import io.tradeauth.UserStatus;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.Partner;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.testing.Wire;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import okhttp3.HttpUrl;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Users of a simulated tastytrade, kept signed in by the engine. */
class TastytradeSessionTest {

  private static final String LIVE = Tastytrade.LIVE;
  private static final URI REDIRECT = URI.create("https://app.example.com/callback");

  private final ManualClock clock = ManualClock.at("2026-03-02T14:30:00Z");
  private final TastytradeSimulator tastytrade = new TastytradeSimulator(clock);
  private final Environment live = tastytrade.live();
  private final Environment sandbox = tastytrade.sandbox();
  private final User alice = live.addUser("alice");
  private final Partner partner = live.addPartner(REDIRECT.toString());
  private final TokenManager manager =
      TokenManager.builder()
          .time(clock)
          .broker(
              at(LIVE, live),
              settings ->
                  settings.client(
                      () -> ClientCredentials.of(partner.clientId(), partner.clientSecret())))
          .broker(at(Tastytrade.SANDBOX, sandbox))
          .build();
  private final TokenProvider tokens = manager.provider(LIVE);
  private final OkHttpClient http =
      new OkHttpClient.Builder().addInterceptor(tokens.forUser("alice").interceptor()).build();

  private static Broker at(String name, Environment environment) {
    return Tastytrade.at(
        name, environment.api(), environment.authorizePage(), environment.streamer());
  }

  @BeforeEach
  void signIn() {
    manager.signIn(LIVE, "alice", grant(alice));
  }

  @AfterEach
  void close() {
    manager.close();
    http.dispatcher().cancelAll();
    http.connectionPool().evictAll();
    tastytrade.close();
  }

  @Test
  void get_signedIn_tokenThatWorksAndNoFurtherExchange() throws IOException {
    int whoseItIs = tastytrade.count(TastytradeSimulator.ACCOUNTS);
    assertEquals(1, whoseItIs, "the sign-in asks whose accounts they are");
    for (int i = 0; i < 10; i++) {
      assertEquals(200, status(get("/customers/me/accounts")));
    }
    assertEquals(1, exchanges());
    assertEquals(whoseItIs + 10, tastytrade.count(TastytradeSimulator.ACCOUNTS));
  }

  /** G9 and the sheet's first test idea; catches a provider that does not coalesce. */
  @Test
  void get_50ThreadsAtExpiry_oneExchangeAndOneToken() throws Exception {
    expire();
    ExecutorService threads = Executors.newFixedThreadPool(50);
    try {
      CyclicBarrier start = new CyclicBarrier(50);
      Callable<AccessToken> ask =
          () -> {
            start.await();
            return tokens.get("alice");
          };
      Set<String> seen = new HashSet<>();
      for (Future<AccessToken> answer : threads.invokeAll(Collections.nCopies(50, ask))) {
        seen.add(answer.get().value());
      }
      assertEquals(1, seen.size());
    } finally {
      threads.shutdownNow();
    }
    assertEquals(2, exchanges());
  }

  /**
   * Section 5: normally no refresh token comes back; catches one who overwrites it with nothing.
   */
  @Test
  void renew_noRefreshTokenAnswered_storedOneUsedAgainAndAgain() {
    for (int i = 0; i < 3; i++) {
      expire();
      tokens.get("alice");
    }
    tastytrade.echoRefreshToken(true);
    expire();
    tokens.get("alice");
    assertEquals(5, exchanges());
    assertEquals(5, tastytrade.ledger().uses(alice.refreshToken()));
  }

  /** G6: the profile is NONE, so a lost answer is asked for again, three times at most. */
  @Test
  void renew_answerLost_sameTokenSentAgain() {
    expire();
    tastytrade.fail(TastytradeSimulator.TOKEN, Fault.loseAnswer(), 2);
    assertTrue(eventually(tokens.getAsync("alice")).value().contains("canary"));
    assertEquals(4, exchanges());

    expire();
    tastytrade.fail(TastytradeSimulator.TOKEN, Fault.loseAnswer());
    failure(BrokerUnavailableException.class, tokens.getAsync("alice"));
    assertEquals(7, exchanges());
  }

  /** Section 12.6 and row 14: an outage costs nobody's credentials. */
  @Test
  void renew_outage_tokenInHandServedAndGoodAfterwards() {
    tastytrade.fail(TastytradeSimulator.TOKEN, Fault.html(502));
    clock.shiftWall(Duration.ofSeconds(800));
    for (int i = 0; i < 5; i++) {
      tokens.get("alice");
    }
    clock.shiftWall(Duration.ofSeconds(100));
    failure(BrokerUnavailableException.class, tokens.getAsync("alice"));
    assertTrue(manager.isSignedIn(LIVE, "alice"));

    tastytrade.heal();
    clock.shiftWall(Duration.ofMinutes(5));
    clock.advance(Duration.ofMinutes(5));
    assertTrue(eventually(tokens.getAsync("alice")).value().contains("canary"));
  }

  @Test
  void renew_throttled_laterWithoutLosingTheUser() {
    expire();
    tastytrade.throttle(TastytradeSimulator.TOKEN, 1);
    failure(BrokerUnavailableException.class, tokens.getAsync("alice"));
    clock.advance(Duration.ofMinutes(1));
    eventually(tokens.getAsync("alice"));
    assertEquals(3, exchanges());
  }

  /** Section 12.2 and row 1: a page of the proxy is nobody's dead token. */
  @Test
  void renew_proxyPage_configurationToMendAndUserUntouched() {
    expire();
    tastytrade.fail(TastytradeSimulator.TOKEN, Fault.html(401), 1);

    BrokerConfigurationException failure =
        failure(BrokerConfigurationException.class, tokens.getAsync("alice"));

    assertEquals(BrokerConfigurationException.Reason.CLIENT_REFUSED, failure.reason());
    assertTrue(manager.isSignedIn(LIVE, "alice"));
    clock.advance(Duration.ofSeconds(30));
    eventually(tokens.getAsync("alice"));
  }

  /** Row 7 and section 10: never loop on a dead grant, or the address is blocked for 8 hours. */
  @Test
  void renew_grantDeleted_oneQuestionThenTheUserMustSignIn() {
    tastytrade.blockAfter(1);
    alice.deleteGrant();
    expire();
    for (int i = 0; i < 20; i++) {
      SignInRequiredException failure =
          assertThrows(SignInRequiredException.class, () -> tokens.get("alice"));
      assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, failure.reason());
      clock.shiftWall(Duration.ofMinutes(1));
    }
    assertEquals(2, exchanges());

    alice.createGrant("read trade");
    manager.signIn(LIVE, "alice", grant(alice));
    tokens.get("alice");
    assertEquals(3, exchanges());
  }

  @Test
  void renew_secretRegenerated_signInWithTheNewGrant() {
    alice.regenerateSecret();
    expire();
    assertThrows(SignInRequiredException.class, () -> tokens.get("alice"));
    alice.createGrant("read trade");
    manager.signIn(LIVE, "alice", grant(alice));
    assertEquals(UserStatus.State.SIGNED_IN, manager.status(LIVE, "alice").state());
  }

  /** Row 8: a wrong secret is for the owner to mend; nothing of the user is touched. */
  @Test
  void signIn_wrongSecret_configurationAndOthersGoOn() {
    User bob = live.addUser("bob");
    Grant wrong = Tastytrade.grant("0".repeat(40), bob.refreshToken());
    for (int i = 0; i < 5; i++) {
      assertThrows(TokenException.class, () -> manager.signIn(LIVE, "bob", wrong));
    }
    assertEquals(UserStatus.State.NEVER_SIGNED_IN, manager.status(LIVE, "bob").state());
    assertEquals(3, exchanges());
    expire();
    tokens.get("alice");
    assertEquals(4, exchanges());
  }

  /** Row 12: a good grant, before the market opens. */
  @Test
  void signIn_sandboxBeforeTheMarket_successAMomentLater() {
    User bob = sandbox.addUser("bob");
    tastytrade.preOpen(1);
    assertThrows(
        BrokerUnavailableException.class,
        () -> manager.signIn(Tastytrade.SANDBOX, "bob", grant(bob)));
    manager.signIn(Tastytrade.SANDBOX, "bob", grant(bob));
    manager.provider(Tastytrade.SANDBOX).get("bob");
  }

  @Test
  void renew_sandboxBeforeTheMarket_neverMarkedAndGoodInTheEnd() {
    User bob = sandbox.addUser("bob");
    manager.signIn(Tastytrade.SANDBOX, "bob", grant(bob));
    tastytrade.preOpen(2);
    expire();
    TokenProvider cert = manager.provider(Tastytrade.SANDBOX);
    for (int i = 0; i < 2; i++) {
      failure(BrokerUnavailableException.class, cert.getAsync("bob"));
      assertTrue(manager.isSignedIn(Tastytrade.SANDBOX, "bob"));
      clock.shiftWall(Duration.ofMinutes(5));
      clock.advance(Duration.ofMinutes(5));
    }
    assertTrue(eventually(cert.getAsync("bob")).value().contains("canary"));
  }

  /** Section 5: "retry first, then permanent": no sandbox opens later than two hours. */
  @Test
  void renew_neverACustomer_signInRequiredAfterTwoHours_thenNothingIsSent() {
    User bob = sandbox.addUser("bob");
    manager.signIn(Tastytrade.SANDBOX, "bob", grant(bob));
    tastytrade.preOpen(1_000);
    expire();
    TokenProvider cert = manager.provider(Tastytrade.SANDBOX);
    for (int minute = 0; minute < 120; minute += 5) {
      failure(BrokerUnavailableException.class, cert.getAsync("bob"));
      clock.shiftWall(Duration.ofMinutes(5));
      clock.advance(Duration.ofMinutes(5));
    }
    for (int i = 0; i < 3 && manager.isSignedIn(Tastytrade.SANDBOX, "bob"); i++) {
      cert.getAsync("bob").handle((token, failure) -> true).join();
      clock.shiftWall(Duration.ofMinutes(5));
      clock.advance(Duration.ofMinutes(5));
    }

    failure(SignInRequiredException.class, cert.getAsync("bob"));
    int sent = exchanges();
    failure(SignInRequiredException.class, cert.getAsync("bob"));
    assertEquals(sent, exchanges());
  }

  /** Row 11 and section 12.8: the environments are two worlds. */
  @Test
  void signIn_grantOfTheOtherEnvironment_refusedAndNothingStored() {
    User bob = sandbox.addUser("bob");
    assertThrows(SignInRequiredException.class, () -> manager.signIn(LIVE, "bob", grant(bob)));
    assertEquals(UserStatus.State.NEVER_SIGNED_IN, manager.status(LIVE, "bob").state());
    assertThrows(SignInRequiredException.class, () -> manager.provider(LIVE).get("bob"));
  }

  @Test
  void signIn_password_saysWhatToDoAndSendsNothing() {
    TokenException refused =
        assertThrows(
            TokenException.class,
            () ->
                manager.signIn(
                    LIVE,
                    "bob",
                    new Grant.PasswordSession("bob", Secret.of("canary"), null, null)));
    assertFalse(String.valueOf(refused.getMessage()).contains("canary"));
    assertEquals(1, exchanges());
    assertEquals(0, tastytrade.count(TastytradeSimulator.SESSIONS));
  }

  /** Alice's orders never go to Bob's account. */
  @Test
  void signIn_anotherPersonsGrant_refusedUnlessAllowed() {
    User bob = live.addUser("bob");
    SignInRequiredException refused =
        assertThrows(
            SignInRequiredException.class, () -> manager.signIn(LIVE, "alice", grant(bob)));
    assertEquals(SignInRequiredException.Reason.DIFFERENT_ACCOUNT, refused.reason());
    expire();
    tokens.get("alice");
    assertEquals(2, tastytrade.ledger().uses(alice.refreshToken()));

    manager.signInAsAnyone(LIVE, "alice", grant(bob));
    UserProfile now = Objects.requireNonNull(manager.status(LIVE, "alice").profile());
    assertEquals(bob.externalId(), now.subject());
  }

  @Test
  void signIn_importedTokens_servedWithoutExchangeThenRenewed() {
    User bob = live.addUser("bob");
    manager.signIn(LIVE, "bob", grant(bob));
    AccessToken old = tokens.get("bob");
    manager.forget("bob");

    manager.signIn(
        LIVE,
        "bob",
        Tastytrade.tokens(bob.clientSecret(), bob.refreshToken(), old.value(), old.expiresAt()));
    assertEquals(old, tokens.get("bob"));
    assertEquals(2, exchanges());
    expire();
    assertNotEquals(old, tokens.get("bob"));
    assertEquals(3, exchanges());
  }

  @Test
  void signIn_importedAccessTokenDead_refreshTokenDecides() {
    User bob = live.addUser("bob");
    Grant imported =
        Tastytrade.tokens(
            bob.clientSecret(), bob.refreshToken(), "canary", clock.now().plusSeconds(600));
    manager.signIn(LIVE, "bob", imported);
    assertTrue(manager.validate(LIVE, "bob") instanceof ProbeAnswer.Alive);
    assertEquals(1, tastytrade.ledger().uses(bob.refreshToken()));

    User carol = live.addUser("carol");
    carol.deleteGrant();
    assertThrows(
        SignInRequiredException.class,
        () ->
            manager.signIn(
                LIVE,
                "carol",
                Tastytrade.tokens(
                    carol.clientSecret(),
                    carol.refreshToken(),
                    "canary",
                    clock.now().plusSeconds(600))));
  }

  @Test
  void signIn_partnersCode_renewedWithThePartnersSecret() throws IOException {
    User bob = live.addUser("bob");
    manager.signIn(LIVE, "bob", codeOf(bob));
    assertEquals(
        bob.externalId(), Objects.requireNonNull(manager.status(LIVE, "bob").profile()).subject());
    expire();
    tokens.get("bob");
    assertEquals(0, tastytrade.ledger().spentTwice(Kind.CODE));

    partner.regenerateSecret();
    expire();
    assertThrows(SignInRequiredException.class, () -> tokens.get("bob"));
  }

  /** G6: never a second attempt with a code. */
  @Test
  void signIn_codesAnswerLost_codeSentOnce() throws IOException {
    User bob = live.addUser("bob");
    for (Fault fault : List.of(Fault.loseAnswer(), Fault.truncate(), Fault.html(502))) {
      Grant code = codeOf(bob);
      int before = exchanges();
      tastytrade.fail(TastytradeSimulator.TOKEN, fault);
      SignInRequiredException lost =
          assertThrows(SignInRequiredException.class, () -> manager.signIn(LIVE, "bob", code));
      assertEquals(SignInRequiredException.Reason.CODE_LOST, lost.reason());
      assertEquals(before + 1, exchanges());
      tastytrade.heal();
    }
    assertEquals(0, tastytrade.ledger().spentTwice(Kind.CODE));
  }

  @Test
  void validate_alive_accountsKept() {
    assertInstanceOf(ProbeAnswer.Alive.class, manager.validate(LIVE, "alice"));
    UserProfile profile = Objects.requireNonNull(manager.status(LIVE, "alice").profile());
    assertEquals(
        alice.accounts(), profile.accounts().stream().map(UserProfile.Account::number).toList());
    assertEquals(alice.externalId(), profile.subject());
  }

  /** G23: a refused token is replaced once, and the read repeated once. */
  @Test
  void read_tokenRevoked_replacedAndRepeatedOnce() throws IOException {
    for (boolean unauthorized : new boolean[] {false, true}) {
      tastytrade.sayUnauthorized(unauthorized);
      clock.shiftWall(Duration.ofSeconds(31));
      clock.advance(Duration.ofSeconds(31));
      alice.revokeAccessTokens();
      int before = exchanges();
      int reads = tastytrade.count(TastytradeSimulator.ACCOUNTS);
      assertEquals(200, status(get("/customers/me/accounts")));
      assertEquals(before + 1, exchanges());
      assertEquals(reads + 2, tastytrade.count(TastytradeSimulator.ACCOUNTS));
    }
  }

  /** G24: an order is never repeated; the next one works. */
  @Test
  void order_tokenRevoked_sentOnceAndTheNextOneWorks() throws IOException {
    clock.shiftWall(Duration.ofSeconds(31));
    alice.revokeAccessTokens();
    Request order =
        new Request.Builder()
            .url(live.api() + "/accounts/" + alice.accounts().get(0) + "/orders")
            .post(RequestBody.create("{}", null))
            .build();
    try (Response response = http.newCall(order).execute()) {
      assertEquals(401, response.code());
      assertTrue(AuthRejected.of(response).orElseThrow().isTokenReplaced());
    }
    assertEquals(1, tastytrade.count(TastytradeSimulator.ORDERS));
    assertEquals(0, live.orders());
    assertEquals(201, status(order));
    assertEquals(1, live.orders());
  }

  /** G25: a page is about the request, not about the token. */
  @Test
  void read_proxyPage_handedBackAndNothingRenewed() throws IOException {
    try (Response response =
        http.newCall(get("/customers/me").newBuilder().header("User-Agent", "nameless").build())
            .execute()) {
      assertEquals(401, response.code());
      assertFalse(AuthRejected.of(response).orElseThrow().isTokenReplaced());
    }
    assertEquals(1, exchanges());
  }

  /** Section 2: the mandatory header is there without the application's doing. */
  @Test
  void everyRequest_userAgentOfTheLibrary() throws IOException {
    List<String> seen = new ArrayList<>();
    OkHttpClient watched =
        http.newBuilder()
            .addNetworkInterceptor(
                chain -> {
                  seen.add(String.valueOf(chain.request().header("User-Agent")));
                  return chain.proceed(chain.request());
                })
            .build();
    watched.newCall(get("/customers/me")).execute().close();
    assertEquals(List.of("tradeauth/0.1"), seen);
  }

  /** G27: a live token is refused to the sandbox, and to everybody else. */
  @Test
  void read_otherHost_refusedBeforeSending() {
    for (String url : List.of(sandbox.api() + "/customers/me", "https://api.tastyworks.com/")) {
      IOException refused =
          assertThrows(
              IOException.class,
              () -> http.newCall(new Request.Builder().url(url).build()).execute());
      assertInstanceOf(BrokerConfigurationException.class, refused.getCause());
    }
    assertEquals(0, tastytrade.count(TastytradeSimulator.CUSTOMER));
  }

  @Test
  void call_quoteTokenAndCustomer_whateverTheAccessToken() {
    QuoteToken first = tokens.call("alice", Tastytrade.QUOTE_TOKEN).get();
    clock.shiftWall(Duration.ofSeconds(31));
    alice.revokeAccessTokens();
    QuoteToken second = tokens.call("alice", Tastytrade.QUOTE_TOKEN).get();
    assertEquals(first.token(), second.token());
    assertEquals("alice@example.com", tokens.call("alice", Tastytrade.CUSTOMER).get().email());

    alice.notOnboarded();
    assertInstanceOf(CallAnswer.Refused.class, tokens.call("alice", Tastytrade.QUOTE_TOKEN));
  }

  /** Section 9: a stream outlives the token, so each message carries the current one. */
  @Test
  void accountStreamer_heartbeatWithTheCurrentToken_goesOnAfterExpiry() throws Exception {
    BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    WebSocket socket =
        new OkHttpClient()
            .newWebSocket(
                new Request.Builder().url(live.streamer().toString()).build(),
                new WebSocketListener() {
                  @Override
                  public void onMessage(WebSocket webSocket, String text) {
                    answers.add(text);
                  }
                });
    assertEquals("ok", say(socket, answers, "connect").get("status"));
    expire();
    assertEquals("ok", say(socket, answers, "heartbeat").get("status"));
    socket.cancel();
  }

  private Map<String, String> say(WebSocket socket, BlockingQueue<String> answers, String action)
      throws InterruptedException {
    String authorization = tokens.get("alice").authorizationFor(live.streamer());
    socket.send(
        """
        {"action":"%s","value":["%s"],"auth-token":"%s","request-id":1}"""
            .formatted(action, alice.accounts().get(0), authorization));
    return Wire.json(Objects.requireNonNull(answers.poll(5, TimeUnit.SECONDS), "no answer"));
  }

  /** Section 3: tastytrade has no revoke endpoint, and the module does not pretend to. */
  @Test
  void signOut_onlyHere_andRevokeSaysSo() {
    assertThrows(BrokerConfigurationException.class, () -> manager.revoke(LIVE, "alice"));
    int calls = tastytrade.calls().size();
    manager.signOut(LIVE, "alice");
    SignInRequiredException out =
        assertThrows(SignInRequiredException.class, () -> tokens.get("alice"));
    assertEquals(SignInRequiredException.Reason.SIGNED_OUT, out.reason());
    assertEquals(calls, tastytrade.calls().size());
  }

  // ---- helpers

  private static Grant grant(User user) {
    return Tastytrade.grant(user.clientSecret(), user.refreshToken());
  }

  private Grant codeOf(User user) throws IOException {
    live.approve(user);
    URI page =
        manager.authorizationUri(
            LIVE, user.name(), AuthorizationRequest.of(REDIRECT, "canary-0123456789abcdef"));
    OkHttpClient browser = new OkHttpClient.Builder().followRedirects(false).build();
    try (Response response =
        browser.newCall(new Request.Builder().url(page.toString()).build()).execute()) {
      HttpUrl back = HttpUrl.get(Objects.requireNonNull(response.header("Location")));
      return Tastytrade.code(Objects.requireNonNull(back.queryParameter("code")), REDIRECT);
    }
  }

  /** Only the wall clock: whether a token has ended, and no timer on the way. */
  private void expire() {
    clock.shiftWall(Duration.ofSeconds(900));
  }

  private int exchanges() {
    return tastytrade.count(TastytradeSimulator.TOKEN);
  }

  private Request get(String path) {
    return new Request.Builder().url(tokens.apiUri(path).toString()).build();
  }

  private int status(Request request) throws IOException {
    try (Response response = http.newCall(request).execute()) {
      return response.code();
    }
  }

  /** Moves the monotonic clock until the pauses between attempts are over. */
  private <T> T eventually(CompletableFuture<T> future) {
    try {
      return settled(future).get();
    } catch (ExecutionException | InterruptedException e) {
      throw new AssertionError("no token", e);
    }
  }

  private <X extends TokenException> X failure(Class<X> type, CompletableFuture<?> future) {
    return assertInstanceOf(
        type, assertThrows(ExecutionException.class, () -> settled(future).get()).getCause());
  }

  private <T> CompletableFuture<T> settled(CompletableFuture<T> future) {
    for (int i = 0; i < 500 && !future.isDone(); i++) {
      try {
        future.get(20, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        clock.advance(Duration.ofMillis(100));
      } catch (ExecutionException e) {
        return future;
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
    assertTrue(future.isDone(), "not done");
    return future;
  }
}
