package io.tradeauth.settrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Answer;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.RefreshToken;
import io.tradeauth.TokenResponse;
import io.tradeauth.settrade.testing.Credential;
import io.tradeauth.settrade.testing.SettradeSimulator;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenLedger.Kind;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The simulator understands what the module sends, and the module what the simulator answers. */
class SettradeOverHttpTest {

  private final ManualClock clock = ManualClock.at("2026-01-05T05:00:00Z");
  private final SettradeSimulator settrade = new SettradeSimulator(clock);
  private final Broker broker = Settrade.at(Settrade.LIVE, settrade.api(), settrade.market());
  private final Credential alice = settrade.addUser("023", "ALGO EQ/1", "ALICE-1");
  private final ClientCredentials client = clientOf(alice);
  private final OkHttpClient http = new OkHttpClient();

  @AfterEach
  void close() {
    http.dispatcher().executorService().shutdown();
    http.connectionPool().evictAll();
    settrade.close();
  }

  @Test
  void login_granted() {
    TokenResponse tokens = login();

    assertEquals(Duration.ofMinutes(30), tokens.expiresIn());
    assertEquals("Bearer", tokens.tokenType());
    assertEquals("person-of-" + alice.apiKey(), Objects.requireNonNull(tokens.profile()).subject());
    assertEquals(1, settrade.count("login"));
    assertEquals(alice.owner(), settrade.calls().get(0).owner());
  }

  /** Secrets of both lengths, 32 and 33 bytes; each kind is half of all keys. */
  @Test
  void login_manyKeys_allGranted() {
    for (int i = 0; i < 50; i++) {
      ClientCredentials other = clientOf(settrade.addUser("023", "ALGO_EQ"));

      assertTrue(exchange(new Grant.SignedLogin(null), other) instanceof ExchangeAnswer.Granted);
    }
  }

  @Test
  void sandboxCredential_granted() {
    Broker sandbox = Settrade.at(Settrade.SANDBOX, settrade.api(), settrade.market());
    Credential user = settrade.addUser("098", "SANDBOX");
    BrokerCall<ExchangeAnswer> call = sandbox.exchange(new Grant.SignedLogin(null));
    ClientCredentials own = Settrade.client("sandbox", "SANDBOX", user.apiKey(), user.appSecret());

    ExchangeAnswer answer =
        call.read(send(call.request(new TestContext(sandbox, own, clock.now())), null));

    assertTrue(answer instanceof ExchangeAnswer.Granted);
  }

  @Test
  void refresh_grantedOnce_thenRefused() {
    RefreshToken refreshToken = Objects.requireNonNull(login().refreshToken());
    Grant refresh = new Grant.Refresh(refreshToken, null);

    ExchangeAnswer first = exchange(refresh, client);
    ExchangeAnswer second = exchange(refresh, client);

    assertTrue(first instanceof ExchangeAnswer.Granted);
    assertEquals(
        ExchangeAnswer.Party.USER, ((ExchangeAnswer.Refused) second).party(), "log in then");
    assertEquals(1, settrade.ledger().spentTwice(Kind.REFRESH_TOKEN));
  }

  /** A clock that is off by more than Settrade allows looks like a wrong key. */
  @ParameterizedTest
  @ValueSource(longs = {-6, 6})
  void login_clockOff_refusedAndTheDateTellsBetter(long minutes) {
    BrokerCall<ExchangeAnswer> call = broker.exchange(new Grant.SignedLogin(null));
    TestContext wrong =
        new TestContext(broker, client, clock.now().plus(Duration.ofMinutes(minutes)));

    Answer answer = send(call.request(wrong), null);

    assertEquals("OA-LOGIN-002", ((ExchangeAnswer.Refused) call.read(answer)).code());
    assertEquals("Mon, 05 Jan 2026 05:00:00 GMT", answer.header("Date"));
  }

  @Test
  void probe_tokenAlive_deadAfterLoginElsewhere() {
    TokenResponse tokens = login();
    assertEquals(new ProbeAnswer.Alive(null), call(probe(), tokens));
    assertEquals(new ProbeAnswer.Alive(null), call(Settrade.equityAccount("ALICE-1"), tokens));
    assertEquals(new ProbeAnswer.Alive(null), call(Settrade.equityAccount("BOB-1"), tokens));

    settrade.loginElsewhere(alice);

    assertEquals(new ProbeAnswer.Dead("API-401"), call(probe(), tokens));
    assertEquals(
        new ProbeAnswer.Dead("API-401"), call(Settrade.derivativesAccount("ALICE-1"), tokens));
  }

  @Test
  void probe_rateLimit_tellsNothing() {
    TokenResponse tokens = login();
    settrade.rateLimit(0, 0);

    assertEquals(new ProbeAnswer.Unknown("http 429"), call(probe(), tokens));
  }

  @Test
  void stream_opensTheSocket() throws Exception {
    StreamAccess access = call(Settrade.STREAM, login()).get();
    BlockingQueue<String> opened = new ArrayBlockingQueue<>(1);

    WebSocket socket =
        http.newWebSocket(
            new Request.Builder()
                .url(access.uri().toString())
                .header("Authorization", access.authorization())
                .header("Sec-WebSocket-Protocol", "mqtt")
                .build(),
            new WebSocketListener() {
              @Override
              public void onOpen(WebSocket webSocket, Response response) {
                opened.add(response.code() + " " + response.header("Sec-WebSocket-Protocol"));
              }
            });

    assertEquals("101 mqtt", opened.poll(10, TimeUnit.SECONDS));
    socket.cancel();
  }

  private static ClientCredentials clientOf(Credential user) {
    return Settrade.client(user.brokerId(), user.appCode(), user.apiKey(), user.appSecret());
  }

  private BrokerCall<ProbeAnswer> probe() {
    return Objects.requireNonNull(broker.probe());
  }

  private TokenResponse login() {
    return ((ExchangeAnswer.Granted) exchange(new Grant.SignedLogin(null), client)).response();
  }

  private ExchangeAnswer exchange(Grant grant, ClientCredentials of) {
    BrokerCall<ExchangeAnswer> call = broker.exchange(grant);
    return call.read(send(call.request(new TestContext(broker, of, clock.now())), null));
  }

  private <T> T call(BrokerCall<T> call, TokenResponse tokens) {
    return call.read(
        send(
            call.request(new TestContext(broker, client, clock.now())),
            Objects.requireNonNull(tokens.accessToken()).value()));
  }

  /** As the engine does it. */
  private Answer send(BrokerRequest request, @Nullable String accessToken) {
    RequestBody body =
        request.body() == null
            ? null
            : RequestBody.create(
                request.body(), MediaType.get(Objects.requireNonNull(request.contentType())));
    Request.Builder wire =
        new Request.Builder().url(request.uri().toString()).method(request.method(), body);
    request.headers().forEach(wire::header);
    if (request.isAuthorized()) {
      wire.header("Authorization", "Bearer " + accessToken);
    }
    try (Response response = http.newCall(wire.build()).execute()) {
      Map<String, String> headers = new HashMap<>();
      response.headers().names().forEach(name -> headers.put(name, response.header(name, "")));
      return Answer.of(response.code(), headers, response.body().bytes()).from(request.uri());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
