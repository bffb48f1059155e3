package io.tradeauth.upstox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.AuthRejected;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerUnavailableException;
import io.tradeauth.CallAnswer;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenEvent;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.TokenStore;
import io.tradeauth.UserProfile;
import io.tradeauth.UserStatus;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger;
import io.tradeauth.upstox.testing.UpstoxSimulator;
import io.tradeauth.upstox.testing.UpstoxWebhook;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import mockwebserver3.MockResponse;
import mockwebserver3.MockWebServer;
import okhttp3.HttpUrl;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Upstox's users kept signed in, against the simulator, by the whole library. */
class UpstoxTest {

  private static final String CLIENT = "0f8c2a54-3b1d-4e77-9a20-5d6e7f801234";
  private static final URI REDIRECT = URI.create("http://127.0.0.1:8700/callback");
  private static final String STATE = "canary-state-0001";

  /** 09:30 in India. */
  private final ManualClock clock = ManualClock.at("2025-11-25T04:00:00Z");

  private final UpstoxSimulator upstox = new UpstoxSimulator(clock);
  private final AtomicInteger loads = new AtomicInteger();
  private final TokenStore store = counted(TokenStore.inMemory());
  private final List<TokenEvent> events = new ArrayList<>();
  private final TokenManager manager = manager(ClientCredentials.of(CLIENT, "canary-secret"));
  private final TokenProvider tokens = manager.provider(Upstox.LIVE);
  private final OkHttpClient http =
      new OkHttpClient.Builder().addInterceptor(tokens.forUser("asha").interceptor()).build();

  UpstoxTest() {
    upstox.addUser("AB1234");
    upstox.addUser("CD5678");
    upstox.addApp(CLIENT, "canary-secret", REDIRECT.toString(), "AB1234");
    manager.on(TokenEvent.class, events::add);
  }

  /** Counts how often a login is read; a client's budget is looked after apart from it. */
  private TokenStore counted(TokenStore inMemory) {
    return (TokenStore)
        Proxy.newProxyInstance(
            TokenStore.class.getClassLoader(),
            new Class<?>[] {TokenStore.class},
            (proxy, method, arguments) -> {
              boolean load = method.getName().equals("load");
              if (load && ((TokenStore.Key) arguments[0]).kind() != TokenStore.Kind.BUDGET) {
                loads.incrementAndGet();
              }
              return method.invoke(inMemory, arguments);
            });
  }

  private TokenManager manager(ClientCredentials client) {
    return TokenManager.builder()
        .broker(
            Upstox.liveForTests(upstox.api(), upstox.orders()), settings -> settings.client(client))
        .broker(Upstox.sandboxForTests(upstox.sandbox()))
        .broker(Upstox.analyticsForTests(upstox.api()))
        .store(store)
        .time(clock)
        .callbackExecutor(Runnable::run)
        .build();
  }

  @AfterEach
  void close() {
    manager.close();
    upstox.close();
    http.connectionPool().evictAll();
  }

  @Test
  void signedIn_tokenWorksUntilHalfPastThree() throws IOException {
    signIn("AB1234");
    assertEquals(200, profile());
    assertEquals(Instant.parse("2025-11-25T22:00:00Z"), tokens.get("asha").expiresAt());

    clock.setWall(Instant.parse("2025-11-25T21:59:49Z"));
    assertEquals(200, profile());

    clock.setWall(Instant.parse("2025-11-25T21:59:50Z"));
    SignInRequiredException needed =
        assertThrows(SignInRequiredException.class, () -> tokens.get("asha"));
    assertEquals(SignInRequiredException.Reason.EXPIRED, needed.reason());
    assertEquals(1, upstox.count("token"));
  }

  /** G17: a token of yesterday is dead, whatever the store says, and nobody need be asked. */
  @Test
  void startedTheNextMorning_tokenOfYesterdayIsNotServed() {
    signIn("AB1234");
    clock.shiftWall(Duration.ofHours(24));
    int calls = upstox.calls().size();
    try (TokenManager next = manager(ClientCredentials.of(CLIENT, "canary-secret"))) {
      assertThrows(SignInRequiredException.class, () -> next.provider(Upstox.LIVE).get("asha"));
    }
    assertEquals(calls, upstox.calls().size());
  }

  /** What only a human can renew is not tried in the background: an hour before the end, no I/O. */
  @Test
  void lastHours_manyGets_nothingIsReadOrSent() {
    signIn("AB1234");
    AccessToken token = tokens.get("asha");
    clock.setWall(Instant.parse("2025-11-25T21:00:00Z"));
    int calls = upstox.calls().size();
    loads.set(0);
    for (int i = 0; i < 100; i++) {
      assertEquals(token, tokens.get("asha"));
    }
    assertEquals(0, loads.get());
    assertEquals(calls, upstox.calls().size());
  }

  /** G22: a wish for a longer life than is left is no reason to fail. */
  @Test
  void longerLifeWished_tokenInHandIsServed() {
    signIn("AB1234");
    clock.setWall(Instant.parse("2025-11-25T21:00:00Z"));
    assertEquals(tokens.get("asha"), tokens.getLasting("asha", Duration.ofHours(3)));
  }

  @Test
  void signedInAgainNextDay_newTokenIsServed() throws IOException {
    signIn("AB1234");
    clock.shiftWall(Duration.ofHours(24));
    signIn("AB1234");
    assertEquals(200, profile());
    assertEquals(Instant.parse("2025-11-26T22:00:00Z"), tokens.get("asha").expiresAt());
  }

  @Test
  void signedIn_profileIsKept() {
    signIn("AB1234");
    UserStatus status = manager.status(Upstox.LIVE, "asha");
    UserProfile owner = status.profile();
    assertEquals("AB1234", owner.subject());
    assertEquals("ab1234@example.com", owner.email());
    assertEquals(Set.of("D", "CO", "I"), owner.products());
    assertEquals(List.of(new UserProfile.Account("AB1234", "individual", null)), owner.accounts());
    assertFalse(status.renewable());
    assertEquals(0, upstox.count("profile"));
  }

  /** Section 2: a second submit, as a reloaded page sends it, costs nothing that was had before. */
  @Test
  void codeUsedTwice_refusedAndFirstTokenStays() throws IOException {
    String code = code("AB1234");
    manager.signIn(Upstox.LIVE, "asha", Upstox.code(code, REDIRECT));
    SignInRequiredException refused =
        assertThrows(
            SignInRequiredException.class,
            () -> manager.signIn(Upstox.LIVE, "asha", Upstox.code(code, REDIRECT)));
    assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, refused.reason());
    assertEquals(200, profile());
  }

  /** G6: a code is never sent twice, whatever is lost. */
  @Test
  void answerLost_codeIsNotSentAgain() throws IOException {
    signIn("AB1234");
    List<Fault> faults =
        List.of(
            Fault.loseAnswer(),
            Fault.reset(),
            Fault.truncate(),
            UpstoxSimulator.halfDocument(),
            UpstoxSimulator.outage(),
            Fault.html(502),
            UpstoxSimulator.serverFault(),
            UpstoxSimulator.edgeBlock(),
            UpstoxSimulator.tokenThrottled());
    for (Fault fault : faults) {
      int before = upstox.count("token");
      upstox.fail("token", fault, 1);
      Grant code = Upstox.code(code("AB1234"), REDIRECT);
      assertThrows(RuntimeException.class, () -> manager.signIn(Upstox.LIVE, "asha", code));
      assertEquals(before + 1, upstox.count("token"));
      clock.advance(Duration.ofMinutes(1));
    }
    assertEquals(0, upstox.ledger().spentTwice(TokenLedger.Kind.CODE));
    assertEquals(200, profile());
  }

  @Test
  void answerLost_userIsToldToSignInAgain() {
    upstox.fail("token", Fault.loseAnswer(), 1);
    SignInRequiredException lost =
        assertThrows(SignInRequiredException.class, () -> signIn("AB1234"));
    assertEquals(SignInRequiredException.Reason.CODE_LOST, lost.reason());
  }

  /** Section 10: the code is spent, so it is of no use to try later with the same one. */
  @Test
  void tokenEndpointBusyOrFaulty_codeIsLost_laterSignInWorks() {
    for (Fault fault : List.of(UpstoxSimulator.tokenThrottled(), UpstoxSimulator.serverFault())) {
      upstox.fail("token", fault, 1);
      SignInRequiredException lost =
          assertThrows(SignInRequiredException.class, () -> signIn("AB1234"));
      assertEquals(SignInRequiredException.Reason.CODE_LOST, lost.reason());
      clock.advance(Duration.ofMinutes(5));
    }
    assertFalse(manager.isSignedIn(Upstox.LIVE, "asha"));
    signIn("AB1234");
  }

  @Test
  void edgeBlocks_codeIsNotSpent() {
    upstox.fail("token", UpstoxSimulator.edgeBlock(), 1);
    assertThrows(BrokerUnavailableException.class, () -> signIn("AB1234"));
    clock.advance(Duration.ofMinutes(5));
    signIn("AB1234");
  }

  /** P14: the settings are wrong, not the user. */
  @Test
  void secretReplacedAtUpstox_clientIsToBlame() throws IOException {
    signIn("AB1234");
    upstox.replaceSecret(CLIENT, "canary-newer");
    BrokerConfigurationException refused =
        assertThrows(BrokerConfigurationException.class, () -> signIn("AB1234"));
    assertEquals(BrokerConfigurationException.Reason.CLIENT_REFUSED, refused.reason());
    assertTrue(refused.getMessage().contains("UDAPI100069"));
    assertEquals(200, profile());
  }

  @Test
  void anotherPersonSignsIn_refusedUnlessAllowed() throws IOException {
    signIn("AB1234");
    AccessToken first = tokens.get("asha");
    SignInRequiredException refused =
        assertThrows(SignInRequiredException.class, () -> signIn("CD5678"));
    assertEquals(SignInRequiredException.Reason.DIFFERENT_ACCOUNT, refused.reason());
    assertEquals(first, tokens.get("asha"));
    manager.signInAsAnyone(Upstox.LIVE, "asha", Upstox.code(code("CD5678"), REDIRECT));
    assertEquals("CD5678", manager.status(Upstox.LIVE, "asha").profile().subject());
  }

  /** A personal app: its key and secret come with the sign-in and stay with the user. */
  @Test
  void ownApp_travelsWithTheSignIn() throws IOException {
    upstox.addApp("own-app", "canary-own", REDIRECT.toString(), "CD5678");
    ClientCredentials own = ClientCredentials.of("own-app", "canary-own");
    URI page = manager.authorizationUri(Upstox.LIVE, own, AuthorizationRequest.of(REDIRECT, STATE));
    String code = HttpUrl.get(upstox.signIn(page, "CD5678")).queryParameter("code");
    manager.signIn(Upstox.LIVE, "charu", Upstox.code(code, REDIRECT).client(own));
    assertEquals("CD5678", manager.status(Upstox.LIVE, "charu").profile().subject());
    upstox.notifier("own-app", URI.create("https://hooks.example.com/canary"));
    assertEquals(
        Instant.parse("2025-11-25T22:00:00Z"),
        tokens.call("charu", Upstox.APPROVAL).get().expiresAt());
  }

  // The extended token

  @Test
  void extendedToken_readsWhatItMay_alsoAfterTheCut() throws IOException {
    signIn("AB1234");
    assertEquals(200, holdings(tokens.get("asha", Upstox.EXTENDED)));
    clock.setWall(Instant.parse("2025-11-26T05:00:00Z"));
    assertThrows(SignInRequiredException.class, () -> tokens.get("asha"));
    assertEquals(200, holdings(tokens.get("asha", Upstox.EXTENDED)));
    clock.setWall(Instant.parse("2026-11-25T05:00:00Z"));
    assertThrows(SignInRequiredException.class, () -> tokens.get("asha", Upstox.EXTENDED));
  }

  @Test
  void extendedToken_keptByLaterSignIns_replacedOnRequest() {
    signIn("AB1234");
    AccessToken first = tokens.get("asha", Upstox.EXTENDED);
    signIn("AB1234");
    assertEquals(first, tokens.get("asha", Upstox.EXTENDED));
    manager.signIn(Upstox.LIVE, "asha", Upstox.codeForNewExtendedToken(code("AB1234"), REDIRECT));
    assertNotEquals(first, tokens.get("asha", Upstox.EXTENDED));
  }

  @Test
  void extendedToken_oldApp_nobodyHasOne() {
    upstox.withoutExtendedTokens(CLIENT);
    signIn("AB1234");
    assertThrows(SignInRequiredException.class, () -> tokens.get("asha", Upstox.EXTENDED));
  }

  // 401s

  /** G25, section 12.3: orders refused though the token lives. One probe tells, and it is kept. */
  @Test
  void ordersRefusedThoughTokenLives_tokenIsKept() throws Exception {
    signIn("AB1234");
    AccessToken token = tokens.get("asha");
    upstox.fail("place", UpstoxSimulator.deniedToken());
    try (Response answer = place()) {
      assertEquals(401, answer.code());
      assertTrue(answer.body().string().contains("UDAPI100050"));
      assertFalse(AuthRejected.of(answer).orElseThrow().isTokenReplaced());
    }
    assertEquals(1, upstox.count("place"));
    assertEquals(1, upstox.count("profile"));
    assertEquals(token, tokens.get("asha"));
  }

  /** G25: however many are refused, nobody signs in anew, and no order is sent twice. */
  @Test
  void manyOrdersRefusedThoughTokenLives_nothingIsSentTwice() throws Exception {
    signIn("AB1234");
    AccessToken token = tokens.get("asha");
    upstox.fail("place", UpstoxSimulator.deniedToken());
    int callers = 16;
    ExecutorService threads = Executors.newFixedThreadPool(callers);
    try {
      List<Future<Integer>> statuses = new ArrayList<>();
      for (int i = 0; i < callers; i++) {
        statuses.add(threads.submit(() -> place(http)));
      }
      for (Future<Integer> status : statuses) {
        assertEquals(401, status.get(20, TimeUnit.SECONDS));
      }
    } finally {
      threads.shutdownNow();
    }
    assertEquals(callers, upstox.count("place"));
    assertTrue(upstox.count("profile") <= callers);
    assertEquals(token, tokens.get("asha"));
  }

  @Test
  void tokenEndedAtUpstox_signInRequiredAndRemembered() throws IOException {
    signIn("AB1234");
    upstox.endTokens("AB1234");
    assertEquals(401, profile());
    SignInRequiredException needed =
        assertThrows(SignInRequiredException.class, () -> tokens.get("asha"));
    assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, needed.reason());
    assertTrue(events.stream().anyMatch(event -> event instanceof TokenEvent.SignInRequired));
    int calls = upstox.calls().size();
    assertThrows(IOException.class, this::profile);
    assertEquals(calls, upstox.calls().size());
    signIn("AB1234");
    assertEquals(200, profile());
  }

  /** Section 12.1. */
  @Test
  void addressChanged_oldTokenIsGone() throws IOException {
    signIn("AB1234");
    Request change =
        new Request.Builder()
            .url(tokens.apiUri("/v2/user/ip").toString())
            .put(json("{\"primary_ip\":\"203.0.113.44\"}"))
            .build();
    http.newCall(change).execute().close();
    assertInstanceOf(ProbeAnswer.Dead.class, manager.validate(Upstox.LIVE, "asha"));
  }

  @Test
  void validate_livingToken_tellsWhose() {
    signIn("AB1234");
    ProbeAnswer.Alive alive =
        assertInstanceOf(ProbeAnswer.Alive.class, manager.validate(Upstox.LIVE, "asha"));
    assertEquals("AB1234", alive.profile().subject());
    assertEquals(clock.now(), manager.status(Upstox.LIVE, "asha").validatedAt());
  }

  @Test
  void validate_atNightOrInAnOutage_saysNothingAgainstTheToken() {
    signIn("AB1234");
    clock.setWall(Instant.parse("2025-11-25T19:00:00Z"));
    assertInstanceOf(ProbeAnswer.Alive.class, manager.validate(Upstox.LIVE, "asha"));
    upstox.fail("profile", UpstoxSimulator.outage(), 1);
    assertInstanceOf(ProbeAnswer.Unknown.class, manager.validate(Upstox.LIVE, "asha"));
  }

  // Sign-out

  @Test
  void signedOut_sessionIsEndedAtUpstox() throws IOException {
    signIn("AB1234");
    AccessToken token = tokens.get("asha");
    assertTrue(manager.revoke(Upstox.LIVE, "asha"));
    assertEquals(1, upstox.count("logout"));
    assertEquals(401, holdings(token));
    assertThrows(SignInRequiredException.class, () -> tokens.get("asha"));
  }

  /** Section 7: a 401 on logout means that it is gone already. */
  @Test
  void signedOut_sessionWasGone_isDone() {
    signIn("AB1234");
    upstox.endTokens("AB1234");
    assertTrue(manager.revoke(Upstox.LIVE, "asha"));
  }

  @Test
  void signedOut_upstoxIsDown_hereItIsDone() {
    signIn("AB1234");
    upstox.fail("logout", UpstoxSimulator.outage(), 1);
    manager.signOut(Upstox.LIVE, "asha");
    assertThrows(SignInRequiredException.class, () -> tokens.get("asha"));
  }

  // Calls of Upstox's own

  /** Section 9: a new URL for every connection; each is good for one. */
  @Test
  void marketFeed_oneSocketEach() throws Exception {
    signIn("AB1234");
    for (int i = 0; i < 2; i++) {
      SocketUrl socket = tokens.call("asha", Upstox.MARKET_FEED).get();
      assertEquals(101, connect(socket.uri()));
    }
    assertEquals(101, connect(tokens.call("asha", Upstox.PORTFOLIO_FEED).get().uri()));
    assertEquals(0, upstox.ledger().spentTwice(TokenLedger.Kind.OTHER));
  }

  @Test
  void marketFeed_refused_codeIsTold() {
    signIn("AB1234");
    upstox.fail("market-feed", UpstoxSimulator.throttled(), 1);
    assertEquals(
        new CallAnswer.Refused<SocketUrl>(429, "UDAPI10005"),
        tokens.call("asha", Upstox.MARKET_FEED));
  }

  // Approval

  /** G44: approved in the app, posted to the notifier, proven by a profile call, stored. */
  @Test
  void approved_deliveredTokenIsServed() throws Exception {
    try (MockWebServer notifier = notifier()) {
      ApprovalRequest asked = tokens.call("asha", Upstox.APPROVAL).get();
      assertEquals(Instant.parse("2025-11-25T22:00:00Z"), asked.expiresAt());
      upstox.approve(CLIENT);
      String body = posted(notifier);
      manager.signIn(Upstox.LIVE, "asha", Upstox.delivered(body, CLIENT, clock.now()));
      assertEquals(1, upstox.count("profile"));
      assertEquals(200, profile());
      assertEquals("AB1234", manager.status(Upstox.LIVE, "asha").profile().subject());

      // A duplicate changes nothing.
      AccessToken token = tokens.get("asha");
      manager.signIn(Upstox.LIVE, "asha", Upstox.delivered(body, CLIENT, clock.now()));
      assertEquals(token, tokens.get("asha"));
    }
  }

  /** G44: forgeries are never stored. */
  @Test
  void forgedDelivery_nothingIsStored() throws Exception {
    try (MockWebServer notifier = notifier()) {
      tokens.call("asha", Upstox.APPROVAL).get();
      UpstoxWebhook webhook = upstox.approve(CLIENT);
      notifier.takeRequest(10, TimeUnit.SECONDS);

      String otherToken = webhook.withAccessToken("canary-forged").body();
      Grant forged = Upstox.delivered(otherToken, CLIENT, clock.now());
      assertThrows(
          SignInRequiredException.class, () -> manager.signIn(Upstox.LIVE, "asha", forged));

      String otherUser = webhook.withUserId("CD5678").body();
      Grant foreign = Upstox.delivered(otherUser, CLIENT, clock.now());
      assertThrows(
          SignInRequiredException.class, () -> manager.signIn(Upstox.LIVE, "asha", foreign));
      assertFalse(manager.isSignedIn(Upstox.LIVE, "asha"));
    }
  }

  /** A delivery is a read: it is asked again if its answer is lost. */
  @Test
  void deliveryProof_answerLost_isAskedAgain() {
    String token = upstox.consoleToken("AB1234");
    String body =
        """
        {"client_id":"%s","user_id":"AB1234","access_token":"%s","token_type":"Bearer",\
        "expires_at":"1764108000000","issued_at":"1764043200000","message_type":"access_token"}"""
            .formatted(CLIENT, token);
    int timers = clock.timers();
    upstox.fail("profile", Fault.loseAnswer(), 1);
    CompletableFuture<Void> signIn =
        CompletableFuture.runAsync(
            () -> manager.signIn(Upstox.LIVE, "asha", Upstox.delivered(body, CLIENT, clock.now())));
    while (clock.timers() == timers && !signIn.isDone()) {
      Thread.onSpinWait(); // until the next attempt is ordered
    }
    clock.advance(Duration.ofSeconds(1));
    signIn.join();
    assertEquals(2, upstox.count("profile"));
    assertEquals(token, tokens.get("asha").value());
  }

  // Console tokens

  @Test
  void consoleToken_imported_provenAndCutAtHalfPastThree() throws IOException {
    manager.signIn(Upstox.LIVE, "asha", Upstox.token(upstox.consoleToken("AB1234")));
    assertEquals(1, upstox.count("profile"));
    assertEquals(200, profile());
    assertEquals("AB1234", manager.status(Upstox.LIVE, "asha").profile().subject());
    assertEquals(Instant.parse("2025-11-25T22:00:00Z"), tokens.get("asha").expiresAt());
    assertThrows(
        SignInRequiredException.class,
        () -> manager.signIn(Upstox.LIVE, "asha", Upstox.token("canary-unknown")));
    assertEquals(200, profile());
  }

  @Test
  void analyticsToken_imported_lastsPastTheCutAndIsProvenFromAnywhere() {
    upstox.callsFromElsewhere(true);
    manager.signIn(Upstox.ANALYTICS, "asha", Upstox.token(upstox.analyticsToken("AB1234")));
    assertThrows(
        SignInRequiredException.class,
        () -> manager.signIn(Upstox.ANALYTICS, "asha", Upstox.token("canary-unknown")));
    TokenProvider analytics = manager.provider(Upstox.ANALYTICS);
    clock.shiftWall(Duration.ofDays(200));
    assertInstanceOf(CallAnswer.Given.class, analytics.call("asha", Upstox.MARKET_FEED));
    assertThrows(SignInRequiredException.class, () -> tokens.get("asha"));
    clock.shiftWall(Duration.ofDays(165));
    assertThrows(SignInRequiredException.class, () -> analytics.get("asha"));
  }

  @Test
  void sandboxToken_imported_ordersInTheSandboxOnly() throws IOException {
    manager.signIn(Upstox.SANDBOX, "asha", Upstox.token(upstox.sandboxToken("AB1234")));
    TokenProvider sandbox = manager.provider(Upstox.SANDBOX);
    OkHttpClient client =
        new OkHttpClient.Builder().addInterceptor(sandbox.forUser("asha").interceptor()).build();
    clock.shiftWall(Duration.ofDays(20));
    Request order =
        new Request.Builder()
            .url(sandbox.apiUri("/v3/order/place").toString())
            .post(json("{}"))
            .build();
    try (Response answer = client.newCall(order).execute()) {
      assertEquals(200, answer.code());
    }
    Request live = order.newBuilder().url(upstox.orders() + "/v3/order/place").build();
    assertThrows(IOException.class, () -> client.newCall(live).execute());
    assertEquals(1, upstox.count("place"));
    assertThrows(
        BrokerConfigurationException.class,
        () ->
            manager.authorizationUri(
                Upstox.SANDBOX,
                ClientCredentials.of(CLIENT, "canary-secret"),
                AuthorizationRequest.of(REDIRECT, STATE)));
  }

  private void signIn(String customer) {
    manager.signIn(Upstox.LIVE, "asha", Upstox.code(code(customer), REDIRECT));
  }

  private String code(String customer) {
    URI page =
        manager.authorizationUri(Upstox.LIVE, "asha", AuthorizationRequest.of(REDIRECT, STATE));
    HttpUrl back = HttpUrl.get(upstox.signIn(page, customer));
    assertEquals(STATE, back.queryParameter("state"));
    return back.queryParameter("code");
  }

  private int profile() throws IOException {
    Request request =
        new Request.Builder().url(tokens.apiUri("/v2/user/profile").toString()).build();
    try (Response answer = http.newCall(request).execute()) {
      return answer.code();
    }
  }

  private int holdings(AccessToken token) throws IOException {
    URI uri = tokens.apiUri("/v2/portfolio/long-term-holdings");
    Request request =
        new Request.Builder()
            .url(uri.toString())
            .header("Authorization", token.authorizationFor(uri))
            .build();
    try (Response answer = new OkHttpClient().newCall(request).execute()) {
      return answer.code();
    }
  }

  private Response place() throws IOException {
    return http.newCall(order()).execute();
  }

  private int place(OkHttpClient client) throws IOException {
    try (Response answer = client.newCall(order()).execute()) {
      return answer.code();
    }
  }

  private Request order() {
    return new Request.Builder().url(upstox.orders() + "/v3/order/place").post(json("{}")).build();
  }

  private static RequestBody json(String text) {
    return RequestBody.create(text, MediaType.get("application/json"));
  }

  private MockWebServer notifier() throws IOException {
    MockWebServer notifier = new MockWebServer();
    notifier.enqueue(new MockResponse.Builder().body("ok").build());
    notifier.start();
    upstox.notifier(CLIENT, notifier.url("/canary").uri());
    return notifier;
  }

  private static String posted(MockWebServer notifier) throws InterruptedException {
    return notifier.takeRequest(10, TimeUnit.SECONDS).getBody().utf8();
  }

  private static int connect(URI uri) throws Exception {
    CompletableFuture<Integer> status = new CompletableFuture<>();
    WebSocket socket =
        new OkHttpClient()
            .newWebSocket(
                new Request.Builder().url(uri.toString()).build(),
                new WebSocketListener() {
                  @Override
                  public void onOpen(WebSocket webSocket, Response response) {
                    status.complete(response.code());
                  }

                  @Override
                  public void onFailure(WebSocket webSocket, Throwable failure, Response response) {
                    status.complete(response == null ? 0 : response.code());
                  }
                });
    try {
      return status.get(10, TimeUnit.SECONDS);
    } finally {
      socket.cancel();
    }
  }
}
