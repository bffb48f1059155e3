package io.tradeauth.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerRequest;
import io.tradeauth.BrokerUnavailableException;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.RefreshToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.Secret;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.SignOut;
import io.tradeauth.TokenException;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.TokenSet;
import io.tradeauth.TokenStore;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Pattern;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What every {@link Broker} must keep to, proven through the engine against its simulator (G41). A
 * broker's own test extends this and adds what is peculiar to it; JUnit 5 must be on the class
 * path.
 *
 * <p>Each test names the fault that it finds.
 */
public abstract class BrokerContract {

  private static final String ALICE = "alice";
  private static final String BOB = "bob";
  private static final int CALLERS = 16;
  private static final String UNKNOWN_PASSWORD = "canary-password-of-alice";
  private static final String OTHER_REFRESH_TOKEN = "canary-refresh-token-of-the-contract";

  private final List<RecordedRequest> requests = new CopyOnWriteArrayList<>();
  private final Workers workers = new Workers();
  private final TokenStore store = TokenStore.inMemory();
  private final List<TokenManager> managers = new ArrayList<>();
  private final OkHttpClient plain = new OkHttpClient();
  private Broker broker;
  private TokenManager manager;

  /** For subclasses. */
  protected BrokerContract() {}

  // What a subclass tells -----------------------------------------------------------------------

  /** Returns the simulator, the same during a test; it is closed after it. */
  protected abstract Simulator simulator();

  /** Returns the clock that the simulator lives by. */
  protected abstract ManualClock clock();

  /** Returns the broker at the simulator. */
  protected abstract Broker broker();

  /** Returns the broker's environments as in production. */
  protected abstract List<Broker> environments();

  /** Lets {@code user} sign in elsewhere and returns what that brings: a new one at each call. */
  protected abstract Grant grant(String user);

  /** Returns the client of a user, as the application's settings have it. */
  protected abstract ClientCredentials client(String user);

  /** Returns a path of the API that answers a GET of {@code user} with 200. */
  protected abstract String apiPath(String user);

  /** Returns the headers that the broker demands of each request, and what they must look like. */
  protected Map<String, Pattern> requiredHeaders() {
    return Map.of();
  }

  /** Returns the endpoints, as the log names them, that tokens are had from. */
  protected Set<String> tokenEndpoints() {
    return Set.of("token");
  }

  /** Returns whether tokens are renewed without their user. */
  protected boolean renewable() {
    return true;
  }

  /**
   * Returns whether the client credentials are all that a user has, so that {@link #endGrant} ends
   * them: then the owner of the client is told.
   */
  protected boolean grantIsTheClient() {
    return false;
  }

  /** Lets the API refuse the access tokens that {@code user} has now; the grant lives. */
  protected abstract void endAccessTokens(String user);

  /** Ends everything that {@code user} has: only a new sign-in helps. */
  protected abstract void endGrant(String user);

  @BeforeEach
  final void start() {
    broker = broker();
    simulator().watch(requests::add);
    manager = manager();
  }

  @AfterEach
  final void stop() {
    managers.forEach(TokenManager::close);
    workers.close();
    plain.dispatcher().executorService().shutdown();
    plain.connectionPool().evictAll();
    simulator().close();
  }

  private TokenManager manager() {
    TokenManager made =
        TokenManager.builder()
            .time(clock())
            .store(store)
            .executor(workers)
            .callbackExecutor(Runnable::run)
            .closeTimeout(Duration.ofMillis(100))
            .broker(broker, settings -> settings.clientOf(this::client))
            .build();
    managers.add(made);
    return made;
  }

  // Tokens --------------------------------------------------------------------------------------

  @Test
  void signedIn_get_tokenThatTheApiTakes() throws IOException {
    signIn(ALICE);

    assertEquals(200, call(get(ALICE), ALICE));
  }

  @Test
  void signedIn_manyGets_nothingMoreIsSent() {
    signIn(ALICE);
    int sent = requests.size();

    for (int i = 0; i < 100; i++) {
      get(ALICE);
    }

    assertEquals(sent, requests.size());
  }

  @Test
  void neverSignedIn_get_signInRequiredAndNothingSent() {
    SignInRequiredException refusal = assertThrows(SignInRequiredException.class, () -> get(ALICE));

    assertEquals(SignInRequiredException.Reason.NOT_SIGNED_IN, refusal.reason());
    assertEquals(broker.profile().name(), refusal.broker());
    assertEquals(List.of(), requests);
  }

  @Test
  void twoUsers_eachHasItsOwnToken() throws IOException {
    signIn(ALICE);
    signIn(BOB);

    assertNotEquals(get(ALICE), get(BOB));
    assertEquals(200, call(get(BOB), BOB));
  }

  /** G9. */
  @Test
  void expired_manyCallers_renewedExactlyOnce() throws IOException {
    signIn(ALICE);
    AccessToken before = get(ALICE);
    int sent = exchanges();
    expire(before);

    if (!renewable()) {
      assertEquals(
          SignInRequiredException.Reason.EXPIRED,
          assertThrows(SignInRequiredException.class, () -> get(ALICE)).reason());
      assertEquals(sent, exchanges());
      return;
    }
    try (Racers racers = new Racers(CALLERS)) {
      Set<AccessToken> tokens = new HashSet<>(racers.race(racer -> tokens().get(ALICE)));

      assertEquals(1, tokens.size());
      assertFalse(tokens.contains(before));
    }
    assertEquals(sent + 1, exchanges());
    assertEquals(200, call(get(ALICE), ALICE));
  }

  @Test
  void manyLives_theRefreshTokenIsKeptOrReplacedRightly_noUserNeeded() throws IOException {
    assumeTrue(renewable());
    signIn(ALICE);
    for (int life = 0; life < 5; life++) {
      AccessToken token = get(ALICE);
      assertEquals(200, call(token, ALICE), "life " + life);
      expire(token);
    }

    assertEquals(0, simulator().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
  }

  @Test
  void refusedByTheApi_replacedIfThatIsPossible_elseSignInRequired() throws IOException {
    signIn(ALICE);
    AccessToken before = get(ALICE);
    live(Duration.ofSeconds(10));
    int sent = exchanges();
    endAccessTokens(ALICE);
    assertNotEquals(200, call(before, ALICE), "the simulator should refuse the token");

    int status = callAs(ALICE);

    if (renewable()) {
      assertEquals(200, status);
      assertNotEquals(before, get(ALICE));
      assertTrue(exchanges() > sent);
    } else {
      assertEquals(401, status);
      assertThrows(SignInRequiredException.class, () -> get(ALICE));
      assertEquals(sent, exchanges());
    }
  }

  @Test
  void restarted_sameStore_worksWithoutSignIn() throws IOException {
    signIn(ALICE);
    AccessToken before = get(ALICE);
    int sent = exchanges();
    restart();

    assertEquals(before, get(ALICE));
    assertEquals(sent, exchanges());

    if (renewable()) {
      expire(before);
      restart();
      assertEquals(200, call(get(ALICE), ALICE));
    }
  }

  @Test
  void signedOut_get_signInRequiredAlsoAfterARestart() {
    signIn(ALICE);
    get(ALICE);

    manager.signOut(broker.profile().name(), ALICE);
    int sent = requests.size();

    assertThrows(SignInRequiredException.class, () -> get(ALICE));
    restart();
    assertThrows(SignInRequiredException.class, () -> get(ALICE));
    assertEquals(sent, requests.size());
  }

  // Failures ------------------------------------------------------------------------------------

  /** G30. */
  @Test
  void outage_tokenInHandIsServed_andNobodyMustSignIn() throws IOException {
    signIn(ALICE);
    AccessToken before = get(ALICE);
    tokenEndpoints().forEach(endpoint -> simulator().fail(endpoint, Fault.status(503)));
    clock().advance(part(before, 0.85));
    workers.awaitRest();

    assertEquals(before, get(ALICE));
    live(Duration.ofSeconds(2));
    assertEquals(before, get(ALICE));

    assumeTrue(renewable());
    expire(before);
    assertThrows(BrokerUnavailableException.class, () -> get(ALICE));
    simulator().heal();
    assertEquals(200, call(getSooner(Duration.ofMinutes(15)), ALICE));
  }

  @Test
  void answerLost_nothingIsSpentThatCannotBeHadAgain() throws IOException {
    RotationProfile.Kind kind = broker.profile().rotation().kind();
    assumeTrue(
        renewable() && (kind == RotationProfile.Kind.NONE || kind == RotationProfile.Kind.RELOGIN));
    signIn(ALICE);
    tokenEndpoints().forEach(endpoint -> simulator().fail(endpoint, Fault.loseAnswer(), 1));
    expire(get(ALICE));

    assertEquals(200, call(getSooner(Duration.ofMinutes(5)), ALICE));
  }

  @Test
  void grantEnded_signInRequired_andNothingMoreIsSent() {
    assumeTrue(!grantIsTheClient());
    signIn(ALICE);
    AccessToken before = get(ALICE);
    endGrant(ALICE);
    expire(before);

    SignInRequiredException refusal = assertThrows(SignInRequiredException.class, () -> get(ALICE));

    assertEquals(
        renewable()
            ? SignInRequiredException.Reason.GRANT_REFUSED
            : SignInRequiredException.Reason.EXPIRED,
        refusal.reason());
    int sent = exchanges();
    for (int i = 0; i < 20; i++) {
      live(Duration.ofSeconds(20));
      assertThrows(SignInRequiredException.class, () -> get(ALICE));
    }
    restart();
    assertThrows(SignInRequiredException.class, () -> get(ALICE));
    assertEquals(sent, exchanges());
  }

  /** G31. */
  @Test
  void clientEnded_itsOwnerIsTold_andHardlyAnythingMoreIsSent() {
    assumeTrue(grantIsTheClient());
    signIn(ALICE);
    AccessToken before = get(ALICE);
    endGrant(ALICE);
    expire(before);
    assertThrows(BrokerConfigurationException.class, () -> get(ALICE));

    int sent = exchanges();
    for (int i = 0; i < 14; i++) {
      live(Duration.ofSeconds(20));
      TokenException failure = assertThrows(TokenException.class, () -> get(ALICE));
      assertFalse(failure instanceof SignInRequiredException);
    }
    assertTrue(exchanges() - sent <= 4, () -> exchanges() - sent + " more in 280 s");
  }

  @Test
  void grantOfAKindItDoesNotTake_refusedClearlyAndNothingSent() {
    Grant unknown =
        new Grant.PasswordSession("alice", Secret.of(UNKNOWN_PASSWORD), null, client(ALICE));

    IllegalArgumentException clear =
        assertThrows(IllegalArgumentException.class, () -> broker.exchange(unknown));
    assertTrue(String.valueOf(clear.getMessage()).contains(broker.profile().name()));
    assertFalse(String.valueOf(clear.getMessage()).contains(UNKNOWN_PASSWORD));
    assertThrows(
        BrokerConfigurationException.class,
        () -> manager.signIn(broker.profile().name(), ALICE, unknown));
    assertEquals(List.of(), requests);
  }

  // Where a token goes --------------------------------------------------------------------------

  /** G27. */
  @Test
  void foreignHost_neverGetsTheToken() throws IOException {
    signIn(ALICE);
    AccessToken token = get(ALICE);
    try (FakeAuthorizationServer foreign = FakeAuthorizationServer.constant(clock())) {
      URI elsewhere = foreign.api().resolve("/v1/data");
      for (URI uri :
          List.of(
              elsewhere,
              URI.create("https://example.com/"),
              URI.create("https://127.0.0.1.example.com/"),
              URI.create("https://user@" + broker.profile().hosts().main().getAuthority() + "/"))) {
        assertThrows(
            BrokerConfigurationException.class, () -> token.authorizationFor(uri), uri::toString);
      }
      OkHttpClient client = clientOf(ALICE);
      IOException refusal =
          assertThrows(IOException.class, () -> statusOf(client, request(elsewhere)));
      assertInstanceOf(BrokerConfigurationException.class, refusal.getCause());
      assertEquals(List.of(), foreign.calls());
    }
  }

  /** G27. */
  @Test
  void redirectToAForeignHost_neverCarriesTheToken() throws IOException {
    signIn(ALICE);
    get(ALICE);
    List<RecordedRequest> strayed = new CopyOnWriteArrayList<>();
    try (FakeAuthorizationServer foreign = FakeAuthorizationServer.constant(clock())) {
      foreign.watch(strayed::add);
      callAs(ALICE);
      List<Simulator.Call> calls = simulator().calls();
      simulator()
          .fail(
              calls.get(calls.size() - 1).endpoint(),
              Fault.instead(
                  new MockResponse.Builder()
                      .code(302)
                      .setHeader("Location", foreign.api() + "/v1/data")
                      .build()));

      // What a foreign host answers is thrown away.
      IOException refusal = assertThrows(IOException.class, () -> callAs(ALICE));

      assertInstanceOf(BrokerConfigurationException.class, refusal.getCause());
      for (RecordedRequest request : strayed) {
        assertEquals(null, request.getHeaders().get("Authorization"));
      }
    }
  }

  /** G27. */
  @Test
  void callsWithTheToken_goOnlyToTheBrokersOwnHosts() {
    List<BrokerCall<?>> calls = new ArrayList<>();
    if (broker.probe() != null) {
      calls.add(broker.probe());
    }
    SignOut signOut = broker.signOut();
    if (signOut != null) {
      calls.add(signOut.call());
    }
    for (BrokerCall<?> call : calls) {
      BrokerRequest request = call.request(new Context(broker));
      if (request.isAuthorized()) {
        assertTrue(
            broker.profile().hosts().contains(request.uri()),
            () -> "a token would go to " + request.uri().getHost());
      }
    }
  }

  @Test
  void environments_everyEndpointIsHttps() {
    Set<String> names = new HashSet<>();
    int endpoints = 0;
    for (Broker environment : environments()) {
      String name = environment.profile().name();
      assertTrue(name.matches("[a-z0-9][a-z0-9-]*"), name);
      assertTrue(names.add(name), () -> "two environments are called " + name);
      String hosts = environment.profile().hosts().toString();
      assertFalse(hosts.contains("http://"), hosts);
      for (URI uri : endpointsOf(environment)) {
        assertEquals("https", uri.getScheme(), uri::toString);
        endpoints++;
      }
    }
    assertTrue(endpoints > 0);
    assertTrue(names.contains(broker.profile().name()), names::toString);
  }

  private List<URI> endpointsOf(Broker environment) {
    List<URI> uris = new ArrayList<>();
    try {
      URI page =
          environment.authorizationUri(
              AuthorizationRequest.of(
                  URI.create("https://app.example.com/callback"), "canary-state-0123456789"),
              client(ALICE));
      if (page != null) {
        uris.add(page);
      }
    } catch (IllegalArgumentException | BrokerConfigurationException e) {
      // It wants more of a request than the contract knows of; its own test asks for the page.
    }
    try {
      uris.add(environment.exchange(grant(ALICE)).request(new Context(environment)).uri());
    } catch (IllegalArgumentException | BrokerConfigurationException e) {
      // This environment takes other grants or clients than the one at the simulator.
    }
    SignOut signOut = environment.signOut();
    for (BrokerCall<?> call :
        Arrays.asList(environment.probe(), signOut == null ? null : signOut.call())) {
      if (call != null) {
        try {
          uris.add(call.request(new Context(environment)).uri());
        } catch (BrokerConfigurationException e) {
          // As before.
        }
      }
    }
    return uris;
  }

  @Test
  void everyRequest_hasTheRequiredHeaders_andNoSecretInItsAddress() throws IOException {
    signIn(ALICE);
    AccessToken token = get(ALICE);
    callAs(ALICE);
    if (renewable()) {
      expire(token);
      get(ALICE);
    }
    assertFalse(requests.isEmpty());
    for (RecordedRequest request : requests) {
      requiredHeaders()
          .forEach(
              (name, form) -> {
                String value = String.valueOf(request.getHeaders().get(name));
                String where = request.getUrl().encodedPath();
                assertTrue(form.matcher(value).matches(), () -> where + ": " + name + ": " + value);
              });
      assertShowsNoSecret(request.getUrl().toString());
    }
  }

  // Secrets -------------------------------------------------------------------------------------

  @Test
  void whateverIsPrinted_noSecretInIt() {
    Grant grant = grant(ALICE);
    manager.signIn(broker.profile().name(), ALICE, grant);
    AccessToken token = get(ALICE);
    TokenSet tokens = tokenSet(token);
    List<Object> things = new ArrayList<>();
    things.add(broker);
    things.add(broker.profile());
    things.add(grant);
    things.add(token);
    things.add(tokens);
    things.add(client(ALICE));
    things.add(manager.status(broker.profile().name(), ALICE));
    things.add(manager);
    things.add(tokens());
    things.add(tokens().forUser(ALICE));
    Grant renewal = broker.renewal(tokens);
    if (renewal != null) {
      BrokerCall<ExchangeAnswer> call = broker.exchange(renewal);
      things.add(renewal);
      things.add(call);
      things.add(call.request(new Context(broker)));
    }
    endGrant(ALICE);
    expire(token);
    things.add(assertThrows(TokenException.class, () -> get(ALICE)));

    things.forEach(thing -> assertShowsNoSecret(String.valueOf(thing)));
  }

  private void assertShowsNoSecret(String text) {
    List<String> secrets = new ArrayList<>(simulator().ledger().secrets());
    client(ALICE).secret().ifPresent(secret -> secrets.add(secret.value()));
    secrets.add(OTHER_REFRESH_TOKEN);
    for (String secret : secrets) {
      // Nothing so short is a secret that somebody would look for.
      assertFalse(secret.length() >= 8 && text.contains(secret), "a secret is shown");
    }
  }

  // Helpers -------------------------------------------------------------------------------------

  private TokenProvider tokens() {
    return manager.provider(broker.profile().name());
  }

  private void signIn(String user) {
    Grant grant = grant(user);
    requests.clear(); // of the user's browser
    manager.signIn(broker.profile().name(), user, grant);
  }

  private void restart() {
    workers.awaitRest();
    manager = manager();
  }

  /** Gets a token and lets time go by while that waits, as it does in life. */
  private AccessToken get(String user) {
    CompletableFuture<AccessToken> token = tokens().getAsync(user);
    for (int seconds = 0; seconds < 60 && !token.isDone(); seconds++) {
      live(Duration.ofSeconds(1));
    }
    try {
      return Racers.result(token.orTimeout(10, java.util.concurrent.TimeUnit.SECONDS));
    } catch (AssertionError e) {
      Throwable cause = e.getCause();
      while (cause instanceof CompletionException && cause.getCause() != null) {
        cause = cause.getCause();
      }
      if (cause instanceof TokenException) {
        throw (TokenException) cause;
      }
      throw e;
    }
  }

  /** Asks again and again until there is a token; being told to sign in is not acceptable. */
  private AccessToken getSooner(Duration atMost) {
    Instant end = clock().now().plus(atMost);
    while (true) {
      try {
        return get(ALICE);
      } catch (BrokerUnavailableException e) {
        if (clock().now().isAfter(end)) {
          throw e;
        }
        live(Duration.ofSeconds(5));
      }
    }
  }

  private void live(Duration span) {
    workers.awaitRest();
    for (long left = span.toMillis(); left > 0; left -= 1000) {
      clock().advance(Duration.ofMillis(Math.min(1000, left)));
      workers.awaitRest();
    }
  }

  /** Lets the machine sleep until a token has ended, so that nothing is renewed on the way. */
  private void expire(AccessToken token) {
    workers.awaitRest();
    clock().shiftWall(part(token, 1).plusSeconds(1));
  }

  private Duration part(AccessToken token, double part) {
    long left = Duration.between(clock().now(), token.expiresAt()).toMillis();
    return Duration.ofMillis((long) (left * part));
  }

  private int exchanges() {
    return simulator().count(call -> tokenEndpoints().contains(call.endpoint()));
  }

  private OkHttpClient clientOf(String user) {
    return plain.newBuilder().addInterceptor(tokens().forUser(user).interceptor()).build();
  }

  /** Calls the API with a token as it is. */
  private int call(AccessToken token, String user) throws IOException {
    URI uri = tokens().apiUri(apiPath(user));
    Request.Builder request =
        request(uri).newBuilder().header("Authorization", token.authorizationFor(uri));
    broker.profile().headers().forEach(request::header);
    return statusOf(plain, request.build());
  }

  /** Calls the API through the interceptor. */
  private int callAs(String user) throws IOException {
    return statusOf(clientOf(user), request(tokens().apiUri(apiPath(user))));
  }

  private static Request request(URI uri) {
    return new Request.Builder().url(uri.toString()).build();
  }

  private static int statusOf(OkHttpClient client, Request request) throws IOException {
    try (Response response = client.newCall(request).execute()) {
      return response.code();
    }
  }

  private TokenSet tokenSet(AccessToken token) {
    return new TokenSet(
        Secret.of(token.value()),
        token.type(),
        clock().now(),
        clock().now(),
        token.expiresAt(),
        RefreshToken.of(OTHER_REFRESH_TOKEN),
        null,
        Set.of(),
        Map.of(),
        null);
  }

  /** What a call is built with outside the engine. */
  private final class Context implements CallContext {

    private final Broker environment;

    Context(Broker environment) {
      this.environment = environment;
    }

    @Override
    public String userId() {
      return ALICE;
    }

    @Override
    public ClientCredentials client() {
      return BrokerContract.this.client(ALICE);
    }

    @Override
    public @Nullable TokenSet tokens() {
      return new TokenSet(
          Secret.of("canary-access-token-of-the-contract"),
          "Bearer",
          now(),
          now(),
          Instant.MAX,
          RefreshToken.of(OTHER_REFRESH_TOKEN),
          null,
          Set.of(),
          Map.of(),
          null);
    }

    @Override
    public URI apiUri(String path) {
      return environment.profile().hosts().uri(path);
    }

    @Override
    public Instant now() {
      return clock().now();
    }

    @Override
    public byte[] random(int count) {
      return new byte[count];
    }
  }
}
