package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a 401 means for a token that nothing but a sign-in can replace (G25). */
class RejectedWithoutRenewalTest {

  private static EngineFixture engine(Rejection rejection, boolean probe) {
    return engine(rejection, probe, TokenStore.inMemory());
  }

  private static EngineFixture engine(Rejection rejection, boolean probe, TokenStore store) {
    EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .broker(
                broker ->
                    (probe ? broker.probe() : broker).broker(b -> b.rejection(a -> rejection)))
            .store(store)
            .start();
    return signIn(engine, engine);
  }

  private static EngineFixture signIn(EngineFixture engine, EngineFixture process) {
    return process.signIn(
        "alice",
        FakeBroker.imported(
            engine.server(), "alice", engine.clock().now().plus(Duration.ofMinutes(15))));
  }

  private static void assertKept(EngineFixture engine, AccessToken token) {
    assertEquals(
        UserStatus.State.SIGNED_IN, engine.manager().status(FakeBroker.NAME, "alice").state());
    assertEquals(token, engine.get("alice"));
    try (EngineFixture restarted = engine.another()) {
      assertEquals(token, restarted.get("alice"));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"RENEW", "PROBE_FIRST"})
  void insteadOf_alive_tokenKept_refusalComesBack_G25(Rejection rejection) {
    try (EngineFixture engine = engine(rejection, true)) {
      AccessToken token = engine.get("alice");
      int probes = engine.server().count("whoami");

      BrokerUnavailableException refused =
          assertThrows(
              BrokerUnavailableException.class, () -> engine.tokens().getInsteadOf("alice", token));

      assertEquals(
          BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN, refused.reason());
      assertEquals(1, engine.server().count("whoami") - probes);
      assertKept(engine, token);
    }
  }

  /** The question whether the token is to blame may hang, in the store or a vault as well. */
  @Test
  void callAsync_questionHangs_callersWaitNoLongerThanTheyMay() {
    try (EngineFixture engine = engine(Rejection.PROBE_FIRST, true);
        Gate gate = engine.server().holdRequests("whoami")) {
      engine.get("alice");
      CompletableFuture<String> repeated =
          engine
              .tokens()
              .callAsync("alice", token -> CompletableFuture.completedFuture("401"), r -> true);
      CompletableFuture<String> once =
          engine
              .tokens()
              .callOnceAsync("alice", token -> CompletableFuture.completedFuture("401"), r -> true);
      gate.awaitArrivals(1);
      assertFalse(repeated.isDone() || once.isDone());

      engine.advance(Duration.ofSeconds(16));

      BrokerUnavailableException failure =
          assertInstanceOf(
              BrokerUnavailableException.class,
              assertThrows(CompletionException.class, repeated::join).getCause());
      assertEquals(BrokerUnavailableException.Reason.WAITED_TOO_LONG, failure.reason());
      assertEquals("401", once.join());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"RENEW", "PROBE_FIRST"})
  void insteadOf_dead_signInRequired(Rejection rejection) {
    try (EngineFixture engine = engine(rejection, true)) {
      AccessToken token = engine.get("alice");
      engine.server().endAccessTokens("alice");

      SignInRequiredException gone =
          assertThrows(
              SignInRequiredException.class, () -> engine.tokens().getInsteadOf("alice", token));

      assertEquals(SignInRequiredException.Reason.GRANT_REFUSED, gone.reason());
      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));
    }
  }

  /** What another process has just replaced is not called dead. */
  @ParameterizedTest
  @EnumSource(names = {"RENEW", "PROBE_FIRST"})
  void insteadOf_deadWhileAnotherSignsIn_itsTokenServed_nobodyIsAsked(Rejection rejection) {
    FailingStore store = new FailingStore();
    try (EngineFixture engine = engine(rejection, true, store);
        EngineFixture another = engine.another()) {
      AccessToken token = engine.get("alice");
      engine.server().endAccessTokens("alice");
      store.beforeNextCommit(() -> signIn(engine, another));

      AccessToken served = engine.tokens().getInsteadOf("alice", token);

      assertTrue(engine.server().accepts(served.value()));
      assertEquals(0, engine.events(TokenEvent.SignInRequired.class).size());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"RENEW", "PROBE_FIRST"})
  void insteadOf_noProbe_tokenKept(Rejection rejection) {
    try (EngineFixture engine = engine(rejection, false)) {
      AccessToken token = engine.get("alice");

      assertThrows(
          BrokerUnavailableException.class, () -> engine.tokens().getInsteadOf("alice", token));

      assertKept(engine, token);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"RENEW", "PROBE_FIRST"})
  void call_noProbe_its401ComesBack_tokenKept(Rejection rejection) throws Exception {
    try (EngineFixture engine = engine(rejection, false)) {
      AccessToken token = engine.get("alice");
      engine.server().fail("data", Fault.status(401), 1);
      OkHttpClient http =
          new OkHttpClient.Builder()
              .addInterceptor(engine.tokens().forUser("alice").interceptor())
              .build();

      try (Response response =
          http.newCall(
                  new Request.Builder().url(engine.tokens().apiUri("/v1/data").toURL()).build())
              .execute()) {
        assertEquals(401, response.code());
        assertTrue(AuthRejected.of(response).orElseThrow().failure().isEmpty());
      }
      assertKept(engine, token);
    }
  }

  @Test
  void insteadOf_pastItsEnd_expired_nothingAsked() {
    try (EngineFixture engine = engine(Rejection.RENEW, true)) {
      AccessToken token = engine.get("alice");
      engine.expire();
      int probes = engine.server().count("whoami");

      SignInRequiredException over =
          assertThrows(
              SignInRequiredException.class, () -> engine.tokens().getInsteadOf("alice", token));

      assertEquals(SignInRequiredException.Reason.EXPIRED, over.reason());
      assertEquals(probes, engine.server().count("whoami"));
    }
  }
}
