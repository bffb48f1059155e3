package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.TokenLedger;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.junit.jupiter.api.Test;

/** The fixture that other tests stand on, with the engine that they test. */
class EngineFixtureTest {

  @Test
  void signedIn_get_tokenThatTheApiTakes() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      AccessToken token = engine.get("alice");

      assertTrue(engine.server().accepts(token.value()));
      assertEquals(1, engine.exchanges());
    }
  }

  @Test
  void expired_get_renewedOnce() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      AccessToken before = engine.get("alice");
      engine.expire();

      AccessToken after = engine.get("alice");

      assertNotEquals(before, after);
      assertTrue(engine.server().accepts(after.value()));
      assertEquals(2, engine.exchanges());
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  @Test
  void code_signIn_works() {
    try (EngineFixture engine = EngineFixture.constant()) {
      engine.signIn("alice", FakeBroker.code(engine.server(), "alice"));

      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void strictServer_secondUse_sessionEnds() {
    try (EngineFixture engine = EngineFixture.strict()) {
      String refreshToken = engine.server().refreshToken("alice");
      engine.signIn("alice", new Grant.Refresh(refreshToken));
      AccessToken token = engine.get("alice");

      assertThrows(
          SignInRequiredException.class,
          () -> engine.signIn("mallory", new Grant.Refresh(refreshToken)));

      assertFalse(engine.server().accepts(token.value()));
      assertFalse(engine.server().hasSession("alice"));
    }
  }

  @Test
  void heldAnswer_get_waitsForIt() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      CompletableFuture<AccessToken> waiting;
      try (Gate gate = engine.server().holdAnswers("token")) {
        waiting = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        assertFalse(waiting.isDone());
      }

      assertTrue(engine.server().accepts(waiting.join().value()));
    }
  }

  @Test
  void rejectedToken_interceptor_repairs() throws IOException {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      OkHttpClient http =
          new OkHttpClient.Builder()
              .addInterceptor(engine.tokens().forUser("alice").interceptor())
              .build();
      engine.get("alice");
      engine.advance(java.time.Duration.ofSeconds(10));
      engine.server().endAccessTokens("alice");

      try (Response response =
          http.newCall(
                  new Request.Builder().url(engine.tokens().apiUri("/v1/data").toString()).build())
              .execute()) {
        assertEquals(200, response.code());
      }
      assertEquals(2, engine.server().count("data"));
      assertEquals(2, engine.exchanges());
    }
  }
}
