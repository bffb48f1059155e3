package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Fault;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpResponse.BodySubscribers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import okhttp3.Headers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calls with other HTTP clients: what is repeated, and what is closed (G24, G27). */
class UserTokensCallTest {

  private static final HttpClient CLIENT =
      HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NEVER).build();

  private static final class Result implements AutoCloseable {

    boolean closed;

    @Override
    public void close() {
      closed = true;
    }
  }

  @Test
  void rejected_call_runsAgainAndClosesTheFirst_G24() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      List<Result> results = new ArrayList<>();

      Result last = engine.tokens().call("alice", token -> added(results), result -> true);

      assertEquals(2, results.size());
      assertTrue(results.get(0).closed);
      assertEquals(results.get(1), last);
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void rejected_callOnce_neverRunsAgain_tokenReplaced_G24() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      List<Result> results = new ArrayList<>();

      Result only = engine.tokens().callOnce("alice", token -> added(results), result -> true);

      assertEquals(List.of(only), results);
      assertFalse(only.closed);
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void rejectedAndNoOtherToken_firstClosed() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      List<Result> results = new ArrayList<>();
      engine.get("alice");
      engine.server().endSessions("alice");

      assertThrows(
          SignInRequiredException.class,
          () -> engine.tokens().call("alice", token -> added(results), result -> true));

      assertEquals(1, results.size());
      assertTrue(results.get(0).closed, "nobody has it, and it is open");
    }
  }

  @Test
  void testThrows_resultClosed_exceptionAsItIs() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      List<Result> results = new ArrayList<>();

      assertThrows(
          IOException.class,
          () ->
              engine
                  .tokens()
                  .<Result, IOException>call(
                      "alice",
                      token -> added(results),
                      result -> {
                        throw new IOException("broken off");
                      }));

      assertTrue(results.get(0).closed);
    }
  }

  private static Result added(List<Result> results) {
    Result result = new Result();
    results.add(result);
    return result;
  }

  @ParameterizedTest
  @CsvSource({"GET,/v1/data,200,2", "HEAD,/v1/data,200,2", "POST,/v1/orders,401,1"})
  void refused_send_repeatsReadsOnly_G24(String method, String path, int status, int times)
      throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.server().endAccessTokens("alice");
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(engine.server().api() + path))
              .method(method, HttpRequest.BodyPublishers.noBody())
              .build();

      HttpResponse<String> response =
          engine.tokens().send("alice", CLIENT, request, BodyHandlers.ofString());

      assertEquals(status, response.statusCode());
      assertEquals(times, engine.server().count(call -> call.host().equals("api")));
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void refusedAgain_send_secondAnswerComesBack_firstBodyClosed() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.server().rejectAll401("alice", true);
      List<Result> bodies = new ArrayList<>();

      HttpResponse<Result> response =
          engine
              .tokens()
              .send(
                  "alice",
                  CLIENT,
                  data(engine).build(),
                  head -> BodySubscribers.replacing(added(bodies)));

      assertEquals(401, response.statusCode());
      assertEquals(2, engine.server().count(call -> call.host().equals("api")));
      assertTrue(bodies.get(0).closed);
      assertSame(bodies.get(1), response.body());
      assertFalse(bodies.get(1).closed);
    }
  }

  @Test
  void refusedAndNoOtherToken_send_401ComesBack() throws Exception {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.server().endSessions("alice");
      List<Result> bodies = new ArrayList<>();

      HttpResponse<Result> response =
          engine
              .tokens()
              .send(
                  "alice",
                  CLIENT,
                  data(engine).build(),
                  head -> BodySubscribers.replacing(added(bodies)));

      assertEquals(401, response.statusCode());
      assertEquals(1, bodies.size());
      assertFalse(bodies.get(0).closed);
      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
    }
  }

  @ParameterizedTest
  @CsvSource({"{\"error\":\"closed_address\"},1", "{\"error\":\"invalid_token\"},2"})
  void refused_send_brokerReadsTheBody_G25(String body, int exchanges) throws Exception {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(
                broker -> broker.broker(values -> values.rejection(UserTokensCallTest::meaning)))
            .start()
            .signIn("alice")) {
      engine.server().fail("data", Fault.json(401, body), 1);

      engine.tokens().send("alice", CLIENT, data(engine).build(), BodyHandlers.ofString());

      assertEquals(exchanges, engine.exchanges());
    }
  }

  static Rejection meaning(Answer answer) {
    Json json = answer.json();
    boolean token = json != null && "invalid_token".equals(json.text("error"));
    return token ? Rejection.RENEW : Rejection.NOT_THE_TOKEN;
  }

  @Test
  void send_brokersHeadersAdded_requestsOwnWin_butForTheToken() throws Exception {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(broker -> broker.profile(values -> values.header("User-Agent", "app/1")))
            .start()
            .signIn("alice")) {
      List<Headers> seen = new CopyOnWriteArrayList<>();
      engine.server().watch(request -> seen.add(request.getHeaders()));
      HttpRequest other = data(engine).header("Authorization", "Bearer canary-other").build();
      HttpRequest own = data(engine).header("User-Agent", "own/2").build();

      engine.tokens().send("alice", CLIENT, other, BodyHandlers.discarding());
      engine.tokens().send("alice", CLIENT, own, BodyHandlers.discarding());

      assertEquals(List.of("app/1"), seen.get(0).values("User-Agent"));
      assertEquals(List.of("own/2"), seen.get(1).values("User-Agent"));
      assertEquals(
          List.of("Bearer " + engine.get("alice").value()), seen.get(0).values("Authorization"));
    }
  }

  private static HttpRequest.Builder data(EngineFixture engine) {
    return HttpRequest.newBuilder(engine.tokens().apiUri("/v1/data"));
  }

  @Test
  void sendToAnotherHostOrByAFollower_refusedBeforeAnything_G27() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      HttpRequest foreign = HttpRequest.newBuilder(URI.create("https://evil.example/")).build();
      HttpRequest own = HttpRequest.newBuilder(engine.server().api()).build();
      HttpClient follower =
          HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();

      for (HttpClient client : List.of(CLIENT, follower)) {
        assertThrows(
            BrokerConfigurationException.class,
            () ->
                engine
                    .tokens()
                    .send(
                        "alice",
                        client,
                        client == CLIENT ? foreign : own,
                        BodyHandlers.discarding()));
      }
      assertEquals(0, engine.server().count(call -> call.host().equals("api")));
    }
  }
}
