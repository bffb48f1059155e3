package io.tradeauth.tradestation;

import static io.tradeauth.tradestation.TradeStation.RefreshTokens.LASTING;
import static io.tradeauth.tradestation.TradeStation.RefreshTokens.ROTATING;
import static java.nio.charset.StandardCharsets.UTF_8;
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
import io.tradeauth.testing.Simulator;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.tradestation.testing.TradeStationSimulator;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import mockwebserver3.MockResponse;
import okhttp3.HttpUrl;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** TradeStation through the engine, against its simulated servers. */
@Timeout(30)
class TradeStationManagerTest {

  private static final URI CALLBACK = URI.create("http://localhost:8080");
  private static final String STATE = "state-0123456789";
  private static final AuthorizationRequest REQUEST = AuthorizationRequest.of(CALLBACK, STATE);
  private static final Duration LIFE = Duration.ofMinutes(20);

  /** A second before a token counts as expired. */
  private static final Duration LESS_THAN_SKEW = Duration.ofSeconds(1200 - 60 - 1);

  private static final MediaType JSON = MediaType.get("application/json");

  private final ManualClock clock = ManualClock.at("2026-01-05T15:00:00Z");
  private final List<AutoCloseable> open = new ArrayList<>();
  private final List<TokenEvent> events = new CopyOnWriteArrayList<>();
  private final TokenStore store = TokenStore.inMemory();
  private TradeStationSimulator server = opened(new TradeStationSimulator(clock));
  private volatile String secret = server.key().clientSecret();
  private TokenManager manager = manager(LASTING);

  @AfterEach
  void close() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
  }

  // Signing in ----------------------------------------------------------------------------------

  @Test
  void signedInOnce_bothEnvironmentsHaveTheToken_eachForItsOwnHost() throws IOException {
    signIn("alice", "alice");
    int before = server.count("accounts"); // the sign-in has asked for them
    AccessToken live = provider().get("alice");
    AccessToken simulated = manager.provider(TradeStation.SANDBOX).get("alice");
    assertEquals(live.value(), simulated.value());
    assertEquals(200, accounts(TradeStation.LIVE, server.liveHost()).code());
    assertEquals(200, accounts(TradeStation.SANDBOX, server.simHost()).code());
    assertEquals(1, server.count("token"));
    IOException refused =
        assertThrows(IOException.class, () -> accounts(TradeStation.SANDBOX, server.liveHost()));
    assertEquals(
        BrokerConfigurationException.Reason.FOREIGN_HOST,
        assertInstanceOf(BrokerConfigurationException.class, refused.getCause()).reason());
    assertEquals(before + 2, server.count("accounts"));
  }

  /** Section 4, trap 4: over after 20 minutes, and it is said at once. */
  @Test
  void withoutOfflineAccess_isSaidAtSignIn_andOverAfter20Minutes() {
    signIn("alice", "alice", REQUEST.scope("openid", "ReadAccount"));
    assertFalse(last(TokenEvent.SignedIn.class).renewable());
    assertFalse(status("alice").renewable());
    clock.advance(LIFE);
    assertEquals(SignInRequiredException.Reason.EXPIRED, signInRequired("alice").reason());
    assertEquals(1, server.count("token"));
  }

  /** What the key may not have is visible, and a refresh, which tells less, changes nothing. */
  @Test
  void scopeNotGranted_isVisible_andNotJudgedByTheRefresh() {
    server.key().scopes("openid", "offline_access", "profile", "MarketData", "ReadAccount");
    signIn("alice", "alice");
    assertEquals(Set.of("Trade"), last(TokenEvent.SignedIn.class).missingScope());
    clock.advance(LIFE);
    provider().get("alice");
    assertEquals(Set.of("Trade"), status("alice").missingScope());
    assertEquals(
        Set.of("openid", "offline_access", "profile", "MarketData", "ReadAccount"),
        status("alice").scope());
    assertEquals(List.of(), all(TokenEvent.ScopeChanged.class));
  }

  /** Trap 6: the browser's old login gives another person's tokens. */
  @Test
  void codeOfAnotherPerson_isRefused_unlessAllowed() {
    signIn("alice", "alice");
    AccessToken hers = provider().get("alice");
    SignInRequiredException refused =
        assertThrows(SignInRequiredException.class, () -> signIn("alice", "bob"));
    assertEquals(SignInRequiredException.Reason.DIFFERENT_ACCOUNT, refused.reason());
    assertEquals(hers, provider().get("alice"));
    manager.signInAsAnyone(TradeStation.LIVE, "alice", code("bob", REQUEST));
    assertEquals("bob", server.ledger().owner(provider().get("alice").value()));
  }

  @Test
  void codeTwice_secondSignInIsRefused_andTheFirstStays() {
    Grant code = code("alice", REQUEST);
    manager.signIn(TradeStation.LIVE, "alice", code);
    SignInRequiredException refused =
        assertThrows(
            SignInRequiredException.class, () -> manager.signIn(TradeStation.LIVE, "bob", code));
    assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, refused.reason());
    assertTrue(manager.isSignedIn(TradeStation.LIVE, "alice"));
    assertFalse(manager.isSignedIn(TradeStation.LIVE, "bob"));
  }

  @Test
  void importedRefreshToken_isExchangedAndKept() {
    manager.signIn(
        TradeStation.LIVE, "alice", TradeStation.refreshToken(server.refreshToken("alice")));
    clock.advance(LIFE);
    assertEquals("alice", server.ledger().owner(provider().get("alice").value()));
    assertEquals(2, server.count("token"));
  }

  @Test
  void importedSet_isServedToItsOwnEnd_thenRenewed() {
    String accessToken = server.accessToken("alice");
    manager.signIn(
        TradeStation.LIVE,
        "alice",
        TradeStation.tokens(
            accessToken, server.refreshToken("alice"), clock.now().plusSeconds(300)));
    assertEquals(accessToken, provider().get("alice").value());
    assertEquals(0, server.count("token"));
    assertEquals(1, server.count("accounts"), "proven before it is taken");
    clock.advance(Duration.ofSeconds(300));
    assertNotEquals(accessToken, provider().get("alice").value());
  }

  /** Nothing is asked of the server that could tell: the access token does. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void importedSetOfAnotherPerson_isRefused(boolean withRefreshToken) {
    signIn("alice", "alice");
    AccessToken hers = provider().get("alice");
    Grant bobs =
        TradeStation.tokens(
            server.accessToken("bob"),
            withRefreshToken ? server.refreshToken("bob") : null,
            clock.now().plusSeconds(300));
    SignInRequiredException refused =
        assertThrows(
            SignInRequiredException.class, () -> manager.signIn(TradeStation.LIVE, "alice", bobs));
    assertEquals(SignInRequiredException.Reason.DIFFERENT_ACCOUNT, refused.reason());
    assertEquals(hers, provider().get("alice"));
  }

  @Test
  void importedDeadSet_isRefused() {
    SignInRequiredException refused =
        assertThrows(
            SignInRequiredException.class,
            () ->
                manager.signIn(
                    TradeStation.LIVE,
                    "alice",
                    TradeStation.tokens("canary-dead", null, clock.now().plusSeconds(300))));
    assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, refused.reason());
    assertFalse(manager.isSignedIn(TradeStation.LIVE, "alice"));
  }

  // Renewal -------------------------------------------------------------------------------------

  /** Section 12: 50 threads at expiry, one refresh. G9. */
  @Test
  void g9_expiredToken_fiftyCallers_oneRefresh() throws Exception {
    manager.close();
    ExecutorService pool = Executors.newCachedThreadPool();
    open.add(0, pool::shutdownNow);
    manager = manager(LASTING, pool);
    importGrant("alice");
    clock.advance(LIFE);
    Set<String> tokens = Set.copyOf(together(50, () -> provider().get("alice").value()));
    assertEquals(1, tokens.size());
    assertEquals(2, server.count("token"));
  }

  /** Row 11 and trap 5: neither a missing nor an empty member overwrites what is stored. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void row11_lastingKey_refreshTokenIsKept(boolean emptyMember) {
    server.emptyRefreshToken(emptyMember);
    String refreshToken = importGrant("alice");
    for (int i = 0; i < 3; i++) {
      clock.advance(LIFE);
      provider().get("alice");
    }
    assertEquals(4, server.ledger().uses(refreshToken));
  }

  /** Row 12: another process goes on with the new token, which is stored before it is used. */
  @Test
  void row12_rotatingKey_nextProcessGoesOnWithTheNewToken() {
    useRotating();
    importGrant("alice");
    for (int i = 0; i < 3; i++) {
      clock.advance(LIFE);
      provider().get("alice");
      manager.close();
      manager = manager(ROTATING);
    }
    assertEquals(4, server.count("token"));
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  /** Rows 14: idle users of a rotating key are kept signed in, until 24 hours are over. */
  @Test
  void row14_rotatingKey_idleUserIsKeptSignedIn_until24HoursAfterTheLogin() {
    useRotating();
    importGrant("alice");
    clock.advance(Duration.ofHours(24).minusSeconds(1));
    int renewals = all(TokenEvent.Renewed.class).size();
    assertTrue(renewals >= 24 * 60 / 16 - 1 && renewals <= 24 * 60 / 15, renewals + " renewals");
    assertEquals(List.of(), all(TokenEvent.SignInRequired.class));
    clock.advance(Duration.ofMinutes(20));
    assertEquals(
        SignInRequiredException.Reason.GRANT_REFUSED,
        last(TokenEvent.SignInRequired.class).reason());
    assertEquals(List.of(), all(TokenEvent.ReuseSuspected.class), "its end was known");
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  /** Row 20, a default key: success. */
  @Test
  void row20_lostAnswer_lastingKey_isTriedAgain() throws Exception {
    importGrant("alice");
    clock.advance(LIFE);
    server.fail("token", Fault.loseAnswer(), 1);
    Future<AccessToken> token = inBackground(() -> provider().get("alice"));
    await(() -> clock.timers() > 1); // the pause before the second attempt
    clock.advance(Duration.ofSeconds(1));
    assertEquals("alice", server.ledger().owner(token.get().value()));
    assertEquals(3, server.count("token"));
  }

  /**
   * Row 20, a rotating key: the token in hand is served; when it ends, and no sooner, one probe;
   * then a human is needed, and nothing more is sent. G6, G30.
   */
  @Test
  void g6_row20_lostAnswer_rotatingKey_oneProbeWhenTheTokenInHandEnds_thenSignIn() {
    useRotating();
    importGrant("alice");
    AccessToken inHand = provider().get("alice");
    server.fail("token", Fault.loseAnswer(), 1);
    clock.advance(Duration.ofMinutes(16));
    assertEquals(2, server.count("token"));
    clock.advance(LESS_THAN_SKEW.minusMinutes(16));
    assertEquals(inHand, provider().get("alice"));
    assertEquals(2, server.count("token"));
    clock.advance(Duration.ofSeconds(1));
    assertEquals(1, all(TokenEvent.SignInRequired.class).size());
    assertEquals(SignInRequiredException.Reason.ROTATION_LOST, signInRequired("alice").reason());
    clock.advance(Duration.ofHours(1));
    assertEquals(SignInRequiredException.Reason.ROTATION_LOST, signInRequired("alice").reason());
    assertEquals(3, server.count("token"));
    importGrant("alice");
    provider().get("alice");
  }

  /** Row 20: the server had done nothing, so the probe brings the next token. G6. */
  @Test
  void g6_row20_resetBeforeRotation_rotatingKey_theProbeSucceeds() {
    useRotating();
    importGrant("alice");
    server.fail("token", Fault.reset(), 1);
    clock.advance(LESS_THAN_SKEW);
    assertEquals(2, server.count("token"));
    clock.advance(Duration.ofSeconds(1));
    assertEquals(1, all(TokenEvent.Recovered.class).size());
    provider().get("alice");
    assertEquals(3, server.count("token"));
    assertEquals(0, server.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  /** Row 20, with nothing in hand: whoever asks within the hold is told that it is not clear. */
  @Test
  void g6_row20_lostAnswer_nothingInHand_nothingIsSentForTheHold() {
    useRotating();
    importGrant("alice");
    server.fail("token", Fault.loseAnswer(), 1);
    manager.close(); // nobody renews ahead while the program is down
    clock.advance(LIFE);
    manager = manager(ROTATING);
    assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, unavailable("alice").reason());
    clock.advance(Duration.ofSeconds(59));
    assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, unavailable("alice").reason());
    assertEquals(2, server.count("token"));
    clock.advance(Duration.ofSeconds(1));
    assertEquals(3, server.count("token"));
    assertEquals(SignInRequiredException.Reason.ROTATION_LOST, signInRequired("alice").reason());
  }

  /** Row 13: a second program with our old refresh token ends the login, and is suspected. */
  @Test
  void row13_refreshTokenSpentByAnother_signInRequired_andReuseSuspected() throws IOException {
    useRotating();
    String spentByUs = importGrant("alice");
    TestContext other = new TestContext(broker(ROTATING), client());
    Sender.send(other, broker(ROTATING).exchange(TradeStation.refreshToken(spentByUs)));
    clock.advance(LIFE);
    assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, signInRequired("alice").reason());
    assertEquals(1, all(TokenEvent.ReuseSuspected.class).size());
  }

  @Test
  void row15_grantDeleted_signInRequired_once() {
    importGrant("alice");
    server.deleteGrant("alice");
    clock.advance(LIFE);
    for (int i = 0; i < 3; i++) {
      assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, signInRequired("alice").reason());
    }
    assertEquals(2, server.count("token"));
  }

  /** Row 10, section 6 [A]: the client is to blame and no user. G28. */
  @Test
  void g28_row10_secretReplaced_noUserIsMarked_andTheNewSecretNeedsNoRestart() {
    importGrant("alice");
    String old = server.key().clientSecret();
    server.key().replaceSecret("canary-second-secret");
    clock.advance(LIFE);
    BrokerConfigurationException refused =
        assertThrows(BrokerConfigurationException.class, () -> provider().get("alice"));
    assertEquals(BrokerConfigurationException.Reason.CLIENT_REFUSED, refused.reason());
    assertTrue(manager.isSignedIn(TradeStation.LIVE, "alice"));
    assertFalse(String.valueOf(refused.getMessage()).contains(old));
    clock.advance(Duration.ofMinutes(5));
    secret = "canary-second-secret";
    assertEquals("alice", server.ledger().owner(provider().get("alice").value()));
  }

  /** Row 19: the token in hand is served meanwhile, and what the server asks for is honoured. */
  @Test
  void row19_throttled_tokenInHandIsServed_andNothingIsSentBefore() {
    importGrant("alice");
    AccessToken inHand = provider().get("alice");
    server.throttle(1, Duration.ofSeconds(120));
    clock.advance(Duration.ofMinutes(16));
    assertEquals(2, server.count("token"));
    assertEquals(inHand, provider().get("alice"));
    clock.advance(Duration.ofMinutes(4));
    assertNotEquals(inHand, provider().get("alice"));
    List<Simulator.Call> sent =
        server.calls().stream().filter(call -> call.endpoint().equals("token")).toList();
    assertEquals(3, sent.size());
    Duration pause = Duration.between(sent.get(1).at(), sent.get(2).at());
    assertTrue(pause.compareTo(Duration.ofSeconds(120)) >= 0, pause.toString());
  }

  // The API -------------------------------------------------------------------------------------

  @Test
  void row23_rejectedToken_readIsRepeatedOnce_orderIsNot() throws IOException {
    importGrant("alice");
    int before = server.count("accounts");
    server.rejectAccessTokens("alice");
    assertEquals(200, accounts(TradeStation.LIVE, server.liveHost()).code());
    assertEquals(before + 2, server.count("accounts"));
    assertEquals(2, server.count("token"));
    clock.advance(Duration.ofMinutes(1));
    server.rejectAccessTokens("alice");
    Response refused = order();
    assertEquals(401, refused.code());
    assertTrue(AuthRejected.of(refused).orElseThrow().isTokenReplaced());
    assertEquals(1, server.count("order"));
    assertEquals(200, order().code());
    assertEquals(3, server.count("token"));
  }

  /** Section 12: a 401 after a good refresh is not retried again. */
  @Test
  void row23_apiRefusesEvenTheFreshToken_comesBackAsItIs() throws IOException {
    importGrant("alice");
    MockResponse refusal =
        new MockResponse.Builder()
            .code(401)
            .setHeader("Content-Type", "application/json")
            .body("{\"Error\":\"Unauthorized\",\"Message\":\"wrong audience\"}")
            .build();
    server.fail("accounts", Fault.instead(refusal));
    assertEquals(401, accounts(TradeStation.LIVE, server.liveHost()).code());
    assertEquals(401, accounts(TradeStation.LIVE, server.liveHost()).code());
    assertEquals(2, server.count("token"));
    assertTrue(manager.isSignedIn(TradeStation.LIVE, "alice"));
  }

  /** Row 24, section 7: a 403 is a missing right; nothing is renewed or repeated. */
  @Test
  void row24_forbidden_comesBackAndNothingIsRenewed() throws IOException {
    signIn("alice", "alice", REQUEST.scope("openid", "offline_access", "MarketData"));
    int before = server.count("accounts");
    assertEquals(403, accounts(TradeStation.LIVE, server.liveHost()).code());
    assertEquals(before + 1, server.count("accounts"));
    assertEquals(1, server.count("token"));
  }

  @Test
  void row25_validate_tellsTheAccounts() {
    signIn("alice", "alice");
    assertInstanceOf(ProbeAnswer.Alive.class, manager.validate(TradeStation.LIVE, "alice"));
    UserStatus status = status("alice");
    UserProfile profile = status.profile();
    assertEquals("alice", profile.name());
    assertEquals("11111111", profile.accounts().get(0).number());
    assertEquals(clock.now(), status.validatedAt());
  }

  /** Sections 9 and 14: the token is checked when a stream opens, and never again. */
  @Test
  void row27_streamOpenedBeforeTheEnd_livesOnPastIt() throws IOException {
    importGrant("alice");
    OkHttpClient http =
        new OkHttpClient.Builder()
            .addInterceptor(provider().forUser("alice").interceptor())
            .build();
    URI uri = provider().apiUri("/marketdata/stream/quotes/MSFT");
    Request request = new Request.Builder().url(uri.toString()).build();
    try (Response stream = http.newCall(request).execute()) {
      clock.advance(LIFE);
      provider().get("alice");
      server.goAway();
      assertTrue(stream.body().string().endsWith("{\"StreamStatus\":\"GoAway\"}\n"));
    }
  }

  // Signing out ---------------------------------------------------------------------------------

  /** Trap 11. */
  @Test
  void g32_revoke_isRefusedWithTheUsersItWouldReach() {
    importGrant("alice");
    importGrant("bob");
    importGrant("carol");
    BrokerConfigurationException refused =
        assertThrows(
            BrokerConfigurationException.class, () -> manager.revoke(TradeStation.LIVE, "alice"));
    assertTrue(String.valueOf(refused.getMessage()).contains("[alice, bob, carol]"));
    assertEquals(0, server.count("revoke"));
    provider().get("alice");
  }

  @Test
  void g32_signOut_leavesTheOthersWorking() {
    importGrant("alice");
    importGrant("bob");
    importGrant("carol");
    manager.signOut(TradeStation.LIVE, "alice");
    clock.advance(LIFE);
    provider().get("bob");
    provider().get("carol");
    assertEquals(SignInRequiredException.Reason.SIGNED_OUT, signInRequired("alice").reason());
    assertEquals(0, server.count("revoke"));
  }

  @Test
  void g32_revokeWithConsent_endsTheLoginsOfAllUsersOfTheKey() {
    importGrant("alice");
    importGrant("bob");
    assertTrue(manager.revokeForAllUsersOfTheClient(TradeStation.LIVE, "alice"));
    assertEquals(SignInRequiredException.Reason.SIGNED_OUT, signInRequired("alice").reason());
    provider().get("bob"); // access tokens live on to their end
    clock.advance(LIFE);
    assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, signInRequired("bob").reason());
  }

  @Test
  void forget_leavesNothing() {
    importGrant("alice");
    manager.forget("alice");
    assertEquals(UserStatus.State.NEVER_SIGNED_IN, status("alice").state());
    assertEquals(List.of(), manager.users(TradeStation.SANDBOX));
  }

  // ---------------------------------------------------------------------------------------------

  private <T extends AutoCloseable> T opened(T resource) {
    open.add(resource);
    return resource;
  }

  private void useRotating() {
    server = opened(TradeStationSimulator.rotating(clock));
    manager.close();
    manager = manager(ROTATING);
  }

  private TokenManager manager(TradeStation.RefreshTokens kind) {
    return manager(kind, Runnable::run);
  }

  /**
   * Makes a manager; with an executor that runs everything where it is, background work is done
   * when {@link ManualClock#advance} returns.
   */
  private TokenManager manager(TradeStation.RefreshTokens kind, Executor executor) {
    TokenManager made =
        TokenManager.builder()
            .time(clock)
            .store(store)
            .executor(executor)
            .callbackExecutor(Runnable::run)
            .broker(broker(kind), settings -> settings.client(this::client))
            .broker(
                TradeStation.at(TradeStation.SANDBOX, kind, server.signInHost(), server.simHost()),
                settings -> settings.client(this::client))
            .build();
    made.on(TokenEvent.class, events::add);
    return opened(made);
  }

  private Broker broker(TradeStation.RefreshTokens kind) {
    return TradeStation.at(TradeStation.LIVE, kind, server.signInHost(), server.liveHost());
  }

  private ClientCredentials client() {
    return ClientCredentials.of(server.key().clientId(), secret);
  }

  private TokenProvider provider() {
    return manager.provider(TradeStation.LIVE);
  }

  private UserStatus status(String userId) {
    return manager.status(TradeStation.LIVE, userId);
  }

  private String importGrant(String userId) {
    String refreshToken = server.refreshToken(userId);
    manager.signIn(TradeStation.LIVE, userId, TradeStation.refreshToken(refreshToken));
    return refreshToken;
  }

  private void signIn(String userId, String person) {
    signIn(userId, person, REQUEST);
  }

  private void signIn(String userId, String person, AuthorizationRequest request) {
    manager.signIn(TradeStation.LIVE, userId, code(person, request));
  }

  private Grant code(String person, AuthorizationRequest request) {
    URI page = manager.authorizationUri(TradeStation.LIVE, person, request);
    HttpUrl back = HttpUrl.get(server.approve(person, page.toString()));
    assertEquals(STATE, back.queryParameter("state"));
    return TradeStation.code(back.queryParameter("code"), CALLBACK);
  }

  private SignInRequiredException signInRequired(String userId) {
    return assertThrows(SignInRequiredException.class, () -> provider().get(userId));
  }

  private BrokerUnavailableException unavailable(String userId) {
    return assertThrows(BrokerUnavailableException.class, () -> provider().get(userId));
  }

  private Response accounts(String broker, URI host) throws IOException {
    return send(broker, new Request.Builder().url(host + "/v3/brokerage/accounts").build());
  }

  private Response order() throws IOException {
    byte[] order = "{\"AccountID\":\"11111111\"}".getBytes(UTF_8);
    URI uri = provider().apiUri("/orderexecution/orders");
    return send(
        TradeStation.LIVE,
        new Request.Builder().url(uri.toString()).post(RequestBody.create(order, JSON)).build());
  }

  private Response send(String broker, Request request) throws IOException {
    OkHttpClient http =
        new OkHttpClient.Builder()
            .addInterceptor(manager.provider(broker).forUser("alice").interceptor())
            .build();
    try (Response response = http.newCall(request).execute()) {
      return response;
    }
  }

  private <T> Future<T> inBackground(Callable<T> work) {
    ExecutorService thread = Executors.newSingleThreadExecutor();
    open.add(0, thread::shutdownNow);
    return thread.submit(work);
  }

  private static <T> List<T> together(int threads, Callable<T> work)
      throws InterruptedException, ExecutionException {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    CyclicBarrier start = new CyclicBarrier(threads);
    try {
      List<T> results = new ArrayList<>();
      List<Callable<T>> tasks = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        tasks.add(
            () -> {
              start.await();
              return work.call();
            });
      }
      for (Future<T> future : pool.invokeAll(tasks)) {
        results.add(future.get());
      }
      return results;
    } finally {
      pool.shutdownNow();
    }
  }

  private <E extends TokenEvent> List<E> all(Class<E> type) {
    List<E> found = new ArrayList<>();
    events.stream().filter(type::isInstance).map(type::cast).forEach(found::add);
    return found;
  }

  private <E extends TokenEvent> E last(Class<E> type) {
    List<E> found = all(type);
    return found.get(found.size() - 1);
  }

  /** Lets the manager's own threads catch up; the class's time-out ends a wait in vain. */
  private static void await(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      assertFalse(Thread.interrupted(), "waited in vain");
      Thread.yield();
    }
  }
}
