package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import okhttp3.Call;
import okhttp3.Callback;
import okhttp3.Dispatcher;
import okhttp3.Interceptor;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.ResponseBody;
import okio.Buffer;
import okio.BufferedSink;
import okio.BufferedSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the interceptor sends, to whom, and what it does about a 401. */
@Timeout(60)
class BearerTokenInterceptorTest {

  private static final RequestBody ORDER =
      RequestBody.create("{\"qty\":1}", MediaType.get("application/json"));

  private static Request.Builder data(EngineFixture engine) {
    return new Request.Builder().url(engine.server().api() + "/v1/data");
  }

  private static Request order(EngineFixture engine) {
    return new Request.Builder().url(engine.server().api() + "/v1/orders").post(ORDER).build();
  }

  private static OkHttpClient.Builder alice(EngineFixture engine) {
    return new OkHttpClient.Builder()
        .addInterceptor(engine.tokens().forUser("alice").interceptor());
  }

  private static int statusOf(OkHttpClient client, Request request) throws IOException {
    try (Response response = client.newCall(request).execute()) {
      return response.code();
    }
  }

  private static CompletableFuture<Integer> enqueue(OkHttpClient client, Request request) {
    CompletableFuture<Integer> status = new CompletableFuture<>();
    client
        .newCall(request)
        .enqueue(
            new Callback() {
              @Override
              public void onFailure(Call call, IOException failure) {
                status.completeExceptionally(failure);
              }

              @Override
              public void onResponse(Call call, Response response) {
                response.close();
                status.complete(response.code());
              }
            });
    return status;
  }

  private static OkHttpClient.Builder wide() {
    Dispatcher dispatcher = new Dispatcher();
    dispatcher.setMaxRequests(500);
    dispatcher.setMaxRequestsPerHost(500);
    return new OkHttpClient.Builder().dispatcher(dispatcher).readTimeout(Duration.ofSeconds(60));
  }

  // G23

  private record Late() {}

  /** G23: the token that was refused decides, so that a late 401 triggers nothing. */
  @Test
  void twoHundredRefused_fiftyOfThemAnsweredLate_oneExchange_eachOnceMore_G23() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.server().endAccessTokens("alice");
      CountDownLatch renewed = new CountDownLatch(1);
      OkHttpClient client =
          wide()
              .addInterceptor(engine.tokens().forUser("alice").interceptor())
              .addInterceptor(
                  chain -> {
                    Response response = chain.proceed(chain.request());
                    if (chain.request().tag(Late.class) != null && response.code() == 401) {
                      await(renewed);
                    }
                    return response;
                  })
              .build();

      Gate gate = engine.server().holdRequests("data");
      List<CompletableFuture<Integer>> late =
          calls(50, () -> enqueue(client, data(engine).tag(Late.class, new Late()).build()));
      List<CompletableFuture<Integer>> early =
          calls(150, () -> enqueue(client, data(engine).build()));
      gate.awaitArrivals(200);
      gate.open();
      for (CompletableFuture<Integer> status : early) {
        assertEquals(200, status.get());
      }
      Await.until("50 late refusals", () -> engine.server().count("data") == 350);
      engine.clock().jump(Duration.ofSeconds(3));
      renewed.countDown();
      for (CompletableFuture<Integer> status : late) {
        assertEquals(200, status.get());
      }

      assertEquals(1 + 1, engine.exchanges());
      assertEquals(400, engine.server().count("data"));
      assertEquals(200, engine.server().count(call -> call.status() == 401));
    }
  }

  private static <T> List<T> calls(int count, java.util.function.Supplier<T> call) {
    return IntStream.range(0, count).mapToObj(i -> call.get()).toList();
  }

  private static void await(CountDownLatch latch) {
    try {
      assertTrue(latch.await(30, TimeUnit.SECONDS));
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  // G24

  /** G24: an order is sent once; the token is replaced for the next time. */
  @Test
  void orderRefused_sentOnce_tokenReplaced_ownRetrySucceeds_G24() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      OkHttpClient client = alice(engine).build();
      engine.server().endAccessTokens("alice");

      try (Response response = client.newCall(order(engine)).execute()) {
        assertEquals(401, response.code());
        AuthRejected rejected = AuthRejected.of(response).orElseThrow();
        assertTrue(rejected.isTokenReplaced());
        assertTrue(rejected.failure().isEmpty());
        assertTrue(response.body().string().contains("invalid_token"), "the body is the caller's");
      }
      assertEquals(1, engine.server().count("orders"));
      assertEquals(0, engine.server().orders("alice"));

      assertEquals(201, statusOf(client, order(engine)));
      assertEquals(2, engine.server().count("orders"));
      assertEquals(1, engine.server().orders("alice"));
      assertEquals(2, engine.exchanges());
    }
  }

  /** G24: reads are repeated once, and a second 401 comes back. */
  @ParameterizedTest
  @ValueSource(strings = {"GET", "HEAD"})
  void readRefused_repeatedOnce_G24(String method) throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      OkHttpClient client = alice(engine).build();
      engine.server().endAccessTokens("alice");
      Request request = data(engine).method(method, null).build();

      assertEquals(200, statusOf(client, request));
      assertEquals(2, engine.server().count("data"));

      engine.server().rejectAll401("alice", true);
      engine.clock().jump(Duration.ofSeconds(31));
      assertEquals(401, statusOf(client, request));
      assertEquals(4, engine.server().count("data"));
    }
  }

  /** G24: who may repeat what, and what can't be repeated at all. */
  @ParameterizedTest
  @CsvSource({
    "GET,,READS,,2",
    "HEAD,,READS,,2",
    "POST,plain,READS,,1",
    "PUT,plain,READS,,1",
    "DELETE,plain,READS,,1",
    "OPTIONS,,READS,,1",
    "POST,plain,ALL,,2",
    "DELETE,plain,ALL,,2",
    "POST,plain,READS,ALL,2",
    "POST,plain,NOTHING,ALL,2",
    "GET,,NOTHING,,1",
    "GET,,READS,NOTHING,1",
    "POST,plain,ALL,NOTHING,1",
    "POST,plain,ALL,READS,1",
    "GET,,ALL,READS,2",
    "POST,one-shot,ALL,ALL,1",
    "POST,duplex,ALL,ALL,1"
  })
  void refused_repeatedOrNot_G24_P18(
      String method, String body, Repeat client, Repeat tag, int times) throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      List<String> sent = new ArrayList<>();
      OkHttpClient http =
          new OkHttpClient.Builder()
              .addInterceptor(engine.tokens().forUser("alice").interceptor(client))
              .addInterceptor(
                  chain -> {
                    sent.add(chain.request().header("Authorization"));
                    return canned(chain, 401, ResponseBody.create("", null));
                  })
              .build();
      Request.Builder request = data(engine).method(method, body(body));
      if (tag != null) {
        request.tag(Repeat.class, tag);
      }

      try (Response response = http.newCall(request.build()).execute()) {
        assertEquals(401, response.code());
        assertEquals(
            times == 1, AuthRejected.of(response).map(AuthRejected::isTokenReplaced).orElse(false));
      }

      assertEquals(times, sent.size());
      assertEquals(times, sent.stream().distinct().count(), "the same token again");
      assertEquals(2, engine.exchanges());
    }
  }

  /** P18: whoever is forbidden something is not asked who it is. */
  @ParameterizedTest
  @EnumSource(Repeat.class)
  void forbidden_returnedAsItIs_sentOnce_noExchange_P18(Repeat repeat) throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.server().fail("data", Fault.status(403), 2);
      engine.server().fail("orders", Fault.status(403), 2);
      OkHttpClient client =
          new OkHttpClient.Builder()
              .addInterceptor(engine.tokens().forUser("alice").interceptor(repeat))
              .build();

      assertEquals(403, statusOf(client, data(engine).build()));
      assertEquals(403, statusOf(client, order(engine)));

      assertEquals(1, engine.server().count("data"));
      assertEquals(1, engine.server().count("orders"));
      assertEquals(1, engine.exchanges());
    }
  }

  private static RequestBody body(String kind) {
    if (kind == null) {
      return null;
    }
    return new RequestBody() {
      @Override
      public MediaType contentType() {
        return null;
      }

      @Override
      public void writeTo(BufferedSink sink) {}

      @Override
      public boolean isOneShot() {
        return kind.equals("one-shot");
      }

      @Override
      public boolean isDuplex() {
        return kind.equals("duplex");
      }
    };
  }

  private static Response canned(Interceptor.Chain chain, int status, ResponseBody body) {
    return new Response.Builder()
        .request(chain.request())
        .protocol(Protocol.HTTP_1_1)
        .code(status)
        .message("")
        .body(body)
        .build();
  }

  /** G24: OkHttp itself does not resend an order either when a reused connection dies under it. */
  @ParameterizedTest
  @CsvSource({"POST,1", "GET,2"})
  void connectionDiesUnderARequest_onlyReadsResent_G24(String method, int times) throws Exception {
    AtomicInteger asked = new AtomicInteger();
    try (RawServer server =
        new RawServer(
            (request, out, self) -> {
              if (request.head().contains("/ask") && asked.incrementAndGet() == 1) {
                throw new IOException("closes");
              }
              out.write(RawServer.answer("200 OK", "", "{}").getBytes(StandardCharsets.US_ASCII));
            })) {
      OkHttpClient client = fixed(server.uri("")).build();
      assertEquals(
          200, statusOf(client, new Request.Builder().url(server.uri("/warm").toString()).build()));
      Request request =
          new Request.Builder()
              .url(server.uri("/ask").toString())
              .method(method, method.equals("POST") ? ORDER : null)
              .build();

      if (times == 1) {
        assertThrows(IOException.class, () -> statusOf(client, request));
      } else {
        assertEquals(200, statusOf(client, request));
      }

      assertEquals(2, server.requests().get(1).connection(), "not the same connection");
      assertEquals(times, asked.get());
    }
  }

  /** G24: nor when the server invites to send it again, here or elsewhere. */
  @ParameterizedTest
  @CsvSource({
    "POST,503 Busy,1",
    "DELETE,503 Busy,1",
    "GET,503 Busy,2",
    "POST,408 Timeout,1",
    "DELETE,408 Timeout,1",
    "POST,421 Misdirected,1",
    "POST,307 Elsewhere,1",
    "DELETE,307 Elsewhere,1",
    "GET,307 Elsewhere,2",
    "POST,308 Elsewhere,1",
    "PUT,308 Elsewhere,1"
  })
  void serverInvitesToRepeat_onlyReadsAre_answerComesBack_G24(
      String method, String status, int times) throws Exception {
    String invitation = RawServer.answer(status, "Retry-After: 0\r\nLocation: /again\r\n", "");
    String done = RawServer.answer("200 OK", "", "{}");
    try (RawServer server =
        new RawServer(
            (request, out, self) ->
                out.write(
                    (request.number() == 1 ? invitation : done)
                        .getBytes(StandardCharsets.US_ASCII)))) {
      OkHttpClient client = fixed(server.uri("")).build();
      boolean hasBody = method.equals("POST") || method.equals("PUT");
      Request request =
          new Request.Builder()
              .url(server.uri("/orders").toString())
              .method(method, hasBody ? ORDER : null)
              .build();

      int expected = times == 1 ? Integer.parseInt(status.substring(0, 3)) : 200;
      assertEquals(expected, statusOf(client, request));

      assertEquals(times, server.requests().size());
      assertEquals(hasBody ? "{\"qty\":1}" : "", server.requests().get(0).body());
    }
  }

  /** G24: whoever has chosen so gets what OkHttp does by itself, too. */
  @Test
  void serverInvitesToRepeat_chosen_repeated_G24() throws Exception {
    try (RawServer server =
        RawServer.answering(RawServer.answer("503 Busy", "Retry-After: 0\r\n", ""))) {
      Request request =
          new Request.Builder()
              .url(server.uri("/orders").toString())
              .tag(Repeat.class, Repeat.ALL)
              .post(ORDER)
              .build();

      assertEquals(503, statusOf(fixed(server.uri("")).build(), request));

      assertEquals(2, server.requests().size());
    }
  }

  private static OkHttpClient.Builder fixed(URI... hosts) {
    AccessToken token = AccessToken.of("canary-fixed", Instant.MAX, ApiHosts.of(List.of(hosts)));
    return new OkHttpClient.Builder()
        .addInterceptor(TokenProvider.fixed(token).forUser("alice").interceptor());
  }

  // G25

  /** G25: an API that refuses everything costs an exchange in 30 seconds, and then none. */
  @Test
  void everythingRefused_thousandRequestsInAMinute_fewExchangesThenNone_G25_P17() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.server().rejectAll401("alice", true);
      OkHttpClient client = alice(engine).build();

      for (int i = 0; i < 1_000; i++) {
        assertEquals(401, statusOf(client, data(engine).build()));
        engine.clock().jump(Duration.ofMillis(60));
      }
      List<Instant> exchanges =
          engine.server().calls().stream()
              .filter(call -> call.endpoint().equals("token"))
              .map(FakeAuthorizationServer.Call::at)
              .toList();
      for (int i = 2; i < exchanges.size(); i++) {
        Duration apart = Duration.between(exchanges.get(i - 1), exchanges.get(i));
        assertTrue(apart.compareTo(Duration.ofSeconds(30)) >= 0, exchanges::toString);
      }
      assertEquals(1 + 2, exchanges.size());
      assertEquals(1_000 + 2, engine.server().count("data"), "only with another token once more");

      for (int i = 0; i < 29; i++) {
        try (Response response = client.newCall(data(engine).build()).execute()) {
          BrokerUnavailableException why =
              (BrokerUnavailableException)
                  AuthRejected.of(response).flatMap(AuthRejected::failure).orElseThrow();
          assertEquals(
              BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN, why.reason());
          assertTrue(why.retryAt().isAfter(engine.clock().now()));
        }
        engine.clock().jump(Duration.ofSeconds(10));
      }
      assertEquals(1 + 2, engine.exchanges());

      engine.server().rejectAll401("alice", false);
      assertEquals(
          200, statusOf(client, data(engine).build()), "the token in hand is still served");
    }
  }

  /** G25: NOT_THE_TOKEN leaves the token alone. */
  @Test
  void notTheToken_returnedAsItIs_noExchange_G25() throws Exception {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(b -> b.broker(v -> v.rejection(answer -> Rejection.NOT_THE_TOKEN)))
            .start()
            .signIn("alice")) {
      engine.server().rejectAll401("alice", true);
      OkHttpClient client = alice(engine).build();

      try (Response response = client.newCall(data(engine).build()).execute()) {
        assertEquals(401, response.code());
        AuthRejected rejected = AuthRejected.of(response).orElseThrow();
        assertFalse(rejected.isTokenReplaced());
        assertTrue(rejected.failure().isEmpty());
      }
      assertEquals(1, engine.exchanges());
      assertEquals(1, engine.server().count("data"));
    }
  }

  @ParameterizedTest
  @CsvSource({"{\"error\":\"closed_address\"},1", "{\"error\":\"invalid_token\"},2"})
  void refused_brokerReadsTheBody_soDoesTheCaller_G25(String body, int exchanges) throws Exception {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(b -> b.broker(v -> v.rejection(UserTokensCallTest::meaning)))
            .start()
            .signIn("alice")) {
      engine.server().fail("data", Fault.json(401, body), 1);
      OkHttpClient client = alice(engine).build();

      try (Response response = client.newCall(data(engine).build()).execute()) {
        assertEquals(exchanges == 1 ? 401 : 200, response.code());
        assertTrue(exchanges == 2 || response.body().string().equals(body));
      }
      assertEquals(exchanges, engine.exchanges());
    }
  }

  /** G25: PROBE_FIRST asks once for all who doubt; a token that lives is kept. */
  @Test
  void probeFirst_tokenLives_oneProbeForAll_keptAnd401Returned_G25() throws Exception {
    try (EngineFixture engine = probing()) {
      int before = engine.server().count("whoami");
      AccessToken token = engine.get("alice");
      engine.server().fail("data", Fault.status(401));
      OkHttpClient client =
          wide().addInterceptor(engine.tokens().forUser("alice").interceptor()).build();
      Gate gate = engine.server().holdRequests("whoami");

      List<CompletableFuture<Integer>> all = calls(40, () -> enqueue(client, data(engine).build()));
      gate.awaitArrivals(1);
      Await.until("all refused", () -> engine.server().count("data") == 40);
      gate.open();
      for (CompletableFuture<Integer> status : all) {
        assertEquals(401, status.get());
      }
      for (int i = 0; i < 40; i++) {
        assertEquals(401, statusOf(client, data(engine).build()));
      }

      assertEquals(before + 1, engine.server().count("whoami"));
      assertEquals(80, engine.server().count("data"), "repeated");
      assertEquals(1, engine.exchanges());
      assertEquals(token, engine.get("alice"));

      engine.clock().jump(Duration.ofSeconds(31));
      assertEquals(401, statusOf(client, data(engine).build()));
      assertEquals(before + 2, engine.server().count("whoami"), "believed for too long");
    }
  }

  /** G25: PROBE_FIRST renews what the probe says is dead. */
  @Test
  void probeFirst_tokenDead_renewedAndRepeated_G25() throws Exception {
    try (EngineFixture engine = probing()) {
      engine.server().endAccessTokens("alice");

      assertEquals(200, statusOf(alice(engine).build(), data(engine).build()));

      assertEquals(2, engine.exchanges());
    }
  }

  /** G25: PROBE_FIRST learns nothing from a probe that fails: the token is kept. */
  @Test
  void probeFirst_probeFails_tokenKept_G25() throws Exception {
    try (EngineFixture engine = probing()) {
      engine.server().fail("data", Fault.status(401));
      engine.server().fail("whoami", Fault.html(502));

      assertEquals(401, statusOf(alice(engine).build(), data(engine).build()));

      assertEquals(1, engine.exchanges());
    }
  }

  private static EngineFixture probing() {
    return EngineFixture.of(RotationProfile.STRICT)
        .broker(b -> b.probe().broker(v -> v.rejection(answer -> Rejection.PROBE_FIRST)))
        .start()
        .signIn("alice");
  }

  /** G25: where a second login ends the first, three refusals in an hour mean a second program. */
  @Test
  void relogin_refusedThreeTimesInAnHour_sessionTakenOver_G25() throws Exception {
    try (EngineFixture engine = EngineFixture.of(RotationProfile.RELOGIN).start().signIn("alice")) {
      OkHttpClient client = alice(engine).build();
      for (int i = 0; i < 2; i++) {
        engine.server().endAccessTokens("alice");
        assertEquals(200, statusOf(client, data(engine).build()));
        engine.clock().jump(Duration.ofMinutes(2));
      }
      int before = engine.exchanges();

      engine.server().endAccessTokens("alice");
      for (int i = 0; i < 10; i++) {
        try (Response response = client.newCall(data(engine).build()).execute()) {
          assertEquals(401, response.code());
          BrokerUnavailableException why =
              (BrokerUnavailableException)
                  AuthRejected.of(response).flatMap(AuthRejected::failure).orElseThrow();
          assertEquals(BrokerUnavailableException.Reason.SESSION_TAKEN_OVER, why.reason());
        }
        engine.clock().jump(Duration.ofSeconds(29));
      }
      assertEquals(before, engine.exchanges());
      assertEquals(1, engine.events(TokenEvent.SessionTakenOver.class).size());

      engine.clock().jump(Duration.ofSeconds(11));
      assertEquals(200, statusOf(client, data(engine).build()));
      assertEquals(before + 1, engine.exchanges());
    }
  }

  // G27

  /** G27, A5: what is not a listed host over TLS gets no token and no connection. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://api.example.com/",
        "https://api.example.com:444/",
        "https://api.example.com:80/",
        "https://api.example.com./",
        "https://evil.example/",
        "https://api.example.com.evil.example/",
        "https://api.example.com@evil.example/",
        "https://evil.example/?https://api.example.com/",
        "https://evil.example\\@api.example.com/",
        "https://evilapi.example.com/",
        "https://xapi.example.com/",
        "https://\u0430pi.example.com/",
        "https://api.example\u3002com.evil.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://sim.example.com/"
      })
  void foreignHost_refusedBeforeAnythingIsSent_G27(String url) {
    List<Request> sent = new ArrayList<>();
    OkHttpClient client = recording(sent, URI.create("https://api.example.com"));

    IOException refused =
        assertThrows(
            IOException.class, () -> statusOf(client, new Request.Builder().url(url).build()));

    BrokerConfigurationException cause =
        assertInstanceOf(BrokerConfigurationException.class, refused.getCause());
    assertEquals(BrokerConfigurationException.Reason.FOREIGN_HOST, cause.reason());
    assertEquals(List.of(), sent);
    assertFalse(refused.toString().contains("canary"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "https://api.example.com",
        "https://API.example.com/x",
        "https://api.example.com:443//evil.example/x",
        "https://stream.example.com:8443/"
      })
  void ownHost_getsTheToken_G27(String url) throws Exception {
    List<Request> sent = new ArrayList<>();
    OkHttpClient client =
        recording(
            sent,
            URI.create("https://api.example.com"),
            URI.create("https://stream.example.com:8443"));

    assertEquals(200, statusOf(client, new Request.Builder().url(url).build()));
    assertEquals("Bearer canary-fixed", sent.get(0).header("Authorization"));
  }

  private static OkHttpClient recording(List<Request> sent, URI... hosts) {
    return fixed(hosts)
        .addInterceptor(
            chain -> {
              sent.add(chain.request());
              return canned(chain, 200, ResponseBody.create("", null));
            })
        .build();
  }

  /** G27, A5: the same for what makes headers of its own. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://api.example.com/",
        "https://api.example.com:444/",
        "https://api.example.com./",
        "//api.example.com/",
        "/accounts",
        "api.example.com",
        "https:///x",
        "https:x",
        "https://user@api.example.com/",
        "https://api.example.com@evil.example/",
        "ws://api.example.com/",
        "ftp://api.example.com/",
        "https://xn--pi-7lc.example.com/",
        "https://api_.example.com/",
        "HTTPSX://api.example.com/",
        "wshttps://api.example.com/"
      })
  void foreignAddress_noHeader_G27(String uri) {
    AccessToken token =
        AccessToken.of("canary-a", Instant.MAX, ApiHosts.of("https://api.example.com"));

    BrokerConfigurationException refused =
        assertThrows(
            BrokerConfigurationException.class, () -> token.authorizationFor(URI.create(uri)));

    assertEquals(BrokerConfigurationException.Reason.FOREIGN_HOST, refused.reason());
    assertFalse(refused.toString().contains("canary"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "https://api.example.com",
        "wss://api.example.com/s",
        "HTTPS://API.example.com:443/"
      })
  void ownAddress_header_G27(String uri) {
    AccessToken token =
        AccessToken.of("canary-a", Instant.MAX, ApiHosts.of("https://api.example.com"));

    assertEquals("Bearer canary-a", token.authorizationFor(URI.create(uri)));
  }

  /** G27, A5: a redirect to another host carries no token, and what it brings is thrown away. */
  @ParameterizedTest
  @ValueSource(ints = {300, 301, 302, 303, 307, 308})
  void redirectToAnotherHost_noTokenThere_typedError_G27(int status) throws Exception {
    try (RawServer other = RawServer.answering(RawServer.answer("200 OK", "", "{}"));
        RawServer api = redirecting(status, other.uri("/x"))) {
      OkHttpClient client = fixed(api.uri("")).build();

      IOException refused =
          assertThrows(
              IOException.class,
              () -> statusOf(client, new Request.Builder().url(api.uri("/a").toString()).build()));

      assertInstanceOf(BrokerConfigurationException.class, refused.getCause());
      assertEquals("Bearer canary-fixed", api.requests().get(0).header("Authorization"));
      for (RawServer.Seen seen : other.requests()) {
        assertFalse((seen.head() + seen.body()).contains("canary"), seen.head());
      }
      assertEquals(
          0,
          client.connectionPool().connectionCount()
              - client.connectionPool().idleConnectionCount());
    }
  }

  /** A redirect on the same host is an answer of the broker's. */
  @ParameterizedTest
  @ValueSource(ints = {301, 302, 307, 308})
  void redirectOnTheSameHost_followed(int status) throws Exception {
    try (RawServer api = redirecting(status, null)) {
      OkHttpClient client = fixed(api.uri("")).build();

      assertEquals(
          200, statusOf(client, new Request.Builder().url(api.uri("/a").toString()).build()));
      assertEquals("Bearer canary-fixed", api.requests().get(1).header("Authorization"));
    }
  }

  /** A redirect to another of the broker's hosts loses the token; its 401 says nothing of it. */
  @Test
  void redirectWithinTheBroker_refusedForLackOfAToken_tokenKept() throws Exception {
    try (RawServer second = RawServer.answering(RawServer.answer("401 No", "", ""));
        RawServer first = redirecting(302, second.uri("/x"))) {
      List<AccessToken> replaced = new ArrayList<>();
      TokenSource source = new CountingSource(replaced, first.uri(""), second.uri(""));
      OkHttpClient client =
          new OkHttpClient.Builder()
              .addInterceptor(new BearerTokenInterceptor(user -> source, source, Repeat.READS))
              .build();

      try (Response response =
          client.newCall(new Request.Builder().url(first.uri("/a").toString()).build()).execute()) {
        assertEquals(401, response.code());
        assertFalse(AuthRejected.of(response).orElseThrow().isTokenReplaced());
      }
      assertEquals(List.of(), replaced);
    }
  }

  private static RawServer redirecting(int status, URI target) {
    return new RawServer(
        (request, out, self) -> {
          boolean again = request.head().startsWith("GET /again");
          URI location = target == null ? self.uri("/again") : target;
          String text =
              again
                  ? RawServer.answer("200 OK", "", "{}")
                  : RawServer.answer(status + " Moved", "Location: " + location + "\r\n", "");
          out.write(text.getBytes(StandardCharsets.US_ASCII));
        });
  }

  /** A source that has one token and takes note of who wants another. */
  private static final class CountingSource implements TokenSource {

    private final List<AccessToken> replaced;
    private final ApiHosts hosts;

    CountingSource(List<AccessToken> replaced, URI... hosts) {
      this.replaced = replaced;
      this.hosts = ApiHosts.of(List.of(hosts));
    }

    @Override
    public AccessToken get() {
      return AccessToken.of("canary-counted", Instant.MAX, hosts);
    }

    @Override
    public CompletableFuture<AccessToken> getAsync() {
      return CompletableFuture.completedFuture(get());
    }

    @Override
    public AccessToken replace(AccessToken rejected, Answer answer) {
      replaced.add(rejected);
      throw new IllegalStateException("a bug");
    }

    @Override
    public CompletableFuture<AccessToken> replaceAsync(AccessToken rejected) {
      return CompletableFuture.failedFuture(new IllegalStateException("a bug"));
    }

    @Override
    public ApiHosts hosts() {
      return hosts;
    }

    @Override
    public java.util.Map<String, String> headers() {
      return java.util.Map.of();
    }
  }

  // Failures

  /** A failure is an IOException for the callback; nothing reaches the uncaught handler. */
  @Test
  void noToken_enqueued_callbackGetsIoException_nothingUncaught() throws Exception {
    List<Throwable> uncaught = new CopyOnWriteArrayList<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> uncaught.add(failure));
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      OkHttpClient client =
          new OkHttpClient.Builder().addInterceptor(engine.tokens().interceptor()).build();
      Request nobody = data(engine).tag(RequestUser.class, new RequestUser("nobody")).build();

      assertInstanceOf(SignInRequiredException.class, failure(client, nobody).getCause());
      assertInstanceOf(
          BrokerConfigurationException.class, failure(client, data(engine).build()).getCause());
      assertInstanceOf(
          BrokerConfigurationException.class,
          failure(
                  client,
                  new Request.Builder()
                      .url("https://evil.example/")
                      .tag(RequestUser.class, new RequestUser("alice"))
                      .build())
              .getCause());
      engine.manager().close();
      assertInstanceOf(BrokerUnavailableException.class, failure(client, nobody).getCause());
      client.dispatcher().executorService().shutdown();
      assertTrue(client.dispatcher().executorService().awaitTermination(10, TimeUnit.SECONDS));
      assertEquals(List.of(), uncaught);
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
  }

  private static IOException failure(OkHttpClient client, Request request) throws Exception {
    try {
      int status = enqueue(client, request).get();
      throw new AssertionError("answered with " + status);
    } catch (ExecutionException e) {
      return assertInstanceOf(IOException.class, e.getCause());
    }
  }

  /** The bug of another is an IOException, too, and the refusal is closed. */
  @Test
  void replacingFailsUnexpectedly_ioException_refusalClosed() {
    List<AccessToken> replaced = new ArrayList<>();
    TokenSource source = new CountingSource(replaced, URI.create("https://api.example.com"));
    Closing body = new Closing();
    OkHttpClient client =
        new OkHttpClient.Builder()
            .addInterceptor(new BearerTokenInterceptor(user -> source, source, Repeat.READS))
            .addInterceptor(chain -> canned(chain, 401, body))
            .build();

    assertThrows(
        IOException.class,
        () -> statusOf(client, new Request.Builder().url("https://api.example.com/").build()));

    assertEquals(1, replaced.size());
    assertTrue(body.closed, "leaks its connection");
  }

  /** The response of the first try is closed before the second. */
  @Test
  void repeated_firstResponseClosed() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      Closing body = new Closing();
      OkHttpClient client =
          alice(engine)
              .addInterceptor(
                  chain -> {
                    if (body.used) {
                      assertTrue(body.closed, "leaks its connection");
                      return canned(chain, 200, ResponseBody.create("", null));
                    }
                    body.used = true;
                    return canned(chain, 401, body);
                  })
              .build();

      assertEquals(200, statusOf(client, data(engine).build()));
      assertTrue(body.closed);
    }
  }

  private static final class Closing extends ResponseBody {

    volatile boolean used;
    volatile boolean closed;
    private final Buffer content = new Buffer().writeUtf8("refused");

    @Override
    public MediaType contentType() {
      return null;
    }

    @Override
    public long contentLength() {
      return -1;
    }

    @Override
    public BufferedSource source() {
      return content;
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  /** A 401 whose user can't be helped comes back with the reason. */
  @Test
  void refusedAndSignInRequired_401WithTheReason() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.server().endSessions("alice");

      try (Response response = alice(engine).build().newCall(data(engine).build()).execute()) {
        assertEquals(401, response.code());
        AuthRejected rejected = AuthRejected.of(response).orElseThrow();
        assertFalse(rejected.isTokenReplaced());
        assertInstanceOf(SignInRequiredException.class, rejected.failure().orElseThrow());
        assertFalse(rejected.toString().contains("canary"));
      }
    }
  }

  /** Without a user nothing is sent; with one the tag decides. */
  @Test
  void userFromTheTag_missingOne_refusedBeforeSending() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice", "bob")) {
      OkHttpClient client =
          new OkHttpClient.Builder().addInterceptor(engine.tokens().interceptor()).build();

      IOException refused =
          assertThrows(IOException.class, () -> statusOf(client, data(engine).build()));
      BrokerConfigurationException cause =
          assertInstanceOf(BrokerConfigurationException.class, refused.getCause());
      assertEquals(BrokerConfigurationException.Reason.USER_MISSING, cause.reason());
      assertEquals(0, engine.server().count("data"));

      for (String user : List.of("alice", "bob")) {
        Request request = data(engine).tag(RequestUser.class, new RequestUser(user)).build();
        assertEquals(200, statusOf(client, request));
        assertEquals(1, engine.server().count("data", user));
      }
    }
  }

  /** The broker's headers are added; the request's own win; its Authorization does not. */
  @Test
  void headers_brokersAdded_requestsOwnWin() throws Exception {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(b -> b.profile(p -> p.header("User-Agent", "app/1")))
            .start()
            .signIn("alice")) {
      List<Request> sent = new ArrayList<>();
      OkHttpClient client =
          alice(engine)
              .addInterceptor(
                  chain -> {
                    sent.add(chain.request());
                    return chain.proceed(chain.request());
                  })
              .build();

      statusOf(client, data(engine).header("Authorization", "Bearer canary-other").build());
      statusOf(client, data(engine).header("User-Agent", "own/2").build());

      assertEquals("app/1", sent.get(0).header("User-Agent"));
      assertEquals("own/2", sent.get(1).header("User-Agent"));
      assertEquals(
          List.of("Bearer " + engine.get("alice").value()),
          sent.get(0).headers().values("Authorization"));
    }
  }

  /**
   * RELIABILITY 4.7: calls that wait for a token hold all slots of the application's dispatcher,
   * and the token request runs nevertheless.
   */
  @Test
  void dispatcherFullOfWaitingCalls_tokenRequestRuns() throws Exception {
    Dispatcher narrow = new Dispatcher();
    narrow.setMaxRequests(2);
    narrow.setMaxRequestsPerHost(2);
    OkHttpClient host = new OkHttpClient.Builder().dispatcher(narrow).build();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .manager(m -> m.httpClient(host))
            .start()
            .signIn("alice")) {
      engine.expire();
      OkHttpClient client =
          host.newBuilder().addInterceptor(engine.tokens().forUser("alice").interceptor()).build();

      List<CompletableFuture<Integer>> all = calls(10, () -> enqueue(client, data(engine).build()));
      for (CompletableFuture<Integer> status : all) {
        assertEquals(200, status.get(20, TimeUnit.SECONDS));
      }
      assertEquals(2, engine.exchanges());
      assertNotNull(engine.get("alice"));
    }
  }
}
