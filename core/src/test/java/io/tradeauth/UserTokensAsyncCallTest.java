package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.Racers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Calls by clients that answer by a future: as {@link UserTokensCallTest}, and nobody waits. */
@Timeout(60)
class UserTokensAsyncCallTest {

  /** What a client brings, with the token that it was asked with. */
  private static final class Result implements AutoCloseable {

    final AccessToken token;
    boolean closed;

    Result(AccessToken token) {
      this.token = token;
    }

    @Override
    public void close() throws IOException {
      closed = true;
      throw new IOException("closed twice, or by the server");
    }
  }

  /** A client that answers at once. */
  private static final class Client
      implements TokenRequest<CompletableFuture<Result>, IOException> {

    final List<Result> results = new ArrayList<>();

    @Override
    public CompletableFuture<Result> run(AccessToken token) {
      Result result = new Result(token);
      results.add(result);
      return CompletableFuture.completedFuture(result);
    }
  }

  private enum Way {
    CALL,
    CALL_ONCE;

    <T> CompletableFuture<T> run(
        EngineFixture engine,
        TokenRequest<CompletableFuture<T>, ?> request,
        RejectedTest<T, ?> rejected) {
      return this == CALL
          ? engine.tokens().callAsync("alice", request, rejected)
          : engine.tokens().callOnceAsync("alice", request, rejected);
    }
  }

  private static Throwable failureOf(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, () -> future.get(30, TimeUnit.SECONDS))
        .getCause();
  }

  @Test
  void rejected_call_runsAgainOnceWithAnotherToken_firstClosed_G24() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      Client client = new Client();

      Result last = Racers.result(Way.CALL.run(engine, client, result -> true));

      assertEquals(2, client.results.size());
      assertTrue(client.results.get(0).closed);
      assertSame(client.results.get(1), last);
      assertFalse(last.closed);
      assertNotEquals(client.results.get(0).token, last.token);
      assertTrue(engine.server().accepts(last.token.value()));
      assertEquals(2, engine.exchanges());
    }
  }

  @Test
  void rejected_callOnce_neverRunsAgain_tokenReplaced_G24() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      Client client = new Client();

      Result only = Racers.result(Way.CALL_ONCE.run(engine, client, result -> true));

      assertEquals(List.of(only), client.results);
      assertFalse(only.closed);
      assertEquals(2, engine.exchanges());
      assertNotEquals(only.token, engine.get("alice"));
    }
  }

  @Test
  void rejectedAndNoOtherToken_call_firstClosed_failureTyped() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      Client client = new Client();
      engine.server().endSessions("alice");

      Throwable failure = failureOf(Way.CALL.run(engine, client, result -> true));

      assertInstanceOf(SignInRequiredException.class, failure);
      assertEquals(1, client.results.size());
      assertTrue(client.results.get(0).closed, "nobody has it, and it is open");
    }
  }

  @Test
  void rejectedAndNoOtherToken_callOnce_resultHandedBack_G24() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      Client client = new Client();
      engine.server().endSessions("alice");

      Result only = Racers.result(Way.CALL_ONCE.run(engine, client, result -> true));

      assertEquals(List.of(only), client.results);
      assertFalse(only.closed);
      assertEquals(2, engine.exchanges());
    }
  }

  @ParameterizedTest
  @EnumSource
  void notTheToken_resultHandedBack_noExchange_G25(Way way) {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(
                broker -> broker.broker(values -> values.rejection(a -> Rejection.NOT_THE_TOKEN)))
            .start()
            .signIn("alice")) {
      Client client = new Client();

      Result only = Racers.result(way.run(engine, client, result -> true));

      assertEquals(List.of(only), client.results);
      assertFalse(only.closed);
      assertEquals(1, engine.exchanges());
    }
  }

  @ParameterizedTest
  @EnumSource
  void accepted_handedBack_noExchange(Way way) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      Client client = new Client();

      Result only = Racers.result(way.run(engine, client, result -> false));

      assertEquals(List.of(only), client.results);
      assertFalse(only.closed);
      assertEquals(1, engine.exchanges());
    }
  }

  @ParameterizedTest
  @EnumSource
  void requestThrows_itsOwnException_noExchange(Way way) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      IOException thrown = new IOException("not even begun");

      CompletableFuture<Result> call =
          way.run(
              engine,
              token -> {
                throw thrown;
              },
              result -> true);

      assertSame(thrown, failureOf(call));
      assertEquals(1, engine.exchanges());
    }
  }

  @ParameterizedTest
  @EnumSource
  void requestFails_itsOwnException_noExchange(Way way) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      IOException failure = new IOException("broken off");

      CompletableFuture<Result> call =
          way.run(engine, token -> CompletableFuture.failedFuture(failure), result -> true);

      assertSame(failure, failureOf(call));
      assertEquals(1, engine.exchanges());
    }
  }

  @ParameterizedTest
  @EnumSource
  void testThrows_resultClosed_exceptionAsItIs(Way way) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      Client client = new Client();
      IOException thrown = new IOException("can't be read");

      CompletableFuture<Result> call =
          way.run(
              engine,
              client,
              result -> {
                throw thrown;
              });

      assertSame(thrown, failureOf(call));
      assertTrue(client.results.get(0).closed);
    }
  }

  @ParameterizedTest
  @EnumSource
  void nobodySignedIn_failureInTheFuture_nothingRun(Way way) {
    try (EngineFixture engine = EngineFixture.strict()) {
      Client client = new Client();

      assertInstanceOf(
          SignInRequiredException.class, failureOf(way.run(engine, client, result -> true)));
      assertEquals(List.of(), client.results);
    }
  }

  @ParameterizedTest
  @EnumSource
  void cancelledWhileItWaitsForAToken_notRun_anotherIsServed_C5(Way way) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      Client client = new Client();
      CompletableFuture<Result> patient;
      try (Gate gate = engine.server().holdAnswers("token")) {
        CompletableFuture<Result> cancelled = way.run(engine, client, result -> false);
        patient = way.run(engine, client, result -> false);
        gate.awaitArrivals(1);
        cancelled.cancel(true);
      }

      assertTrue(engine.server().accepts(Racers.result(patient).token.value()));
      assertEquals(1, client.results.size());
      assertEquals(2, engine.exchanges());
    }
  }

  @ParameterizedTest
  @EnumSource
  void cancelledWhileItsTokenIsReplaced_anotherIsServed_C5(Way way) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      AccessToken refused = engine.get("alice");
      engine.server().endAccessTokens("alice");
      CompletableFuture<Result> patient;
      try (Gate gate = engine.server().holdAnswers("token")) {
        CompletableFuture<Result> cancelled =
            way.run(engine, new Client(), result -> result.token.equals(refused));
        patient = Way.CALL.run(engine, new Client(), result -> result.token.equals(refused));
        gate.awaitArrivals(1);
        cancelled.cancel(true);
      }

      assertTrue(engine.server().accepts(Racers.result(patient).token.value()));
      assertEquals(2, engine.exchanges());
    }
  }

  /** Whoever has withdrawn an order must not find it sent. */
  @Test
  void cancelledWhileItsTokenIsReplaced_call_notRunAgain_firstClosed() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.get("alice");
      engine.server().endAccessTokens("alice");
      Client client = new Client();
      try (Gate gate = engine.server().holdAnswers("token")) {
        CompletableFuture<Result> cancelled = Way.CALL.run(engine, client, result -> true);
        gate.awaitArrivals(1);
        cancelled.cancel(true);
      }
      engine.settle();

      assertEquals(1, client.results.size());
      assertTrue(client.results.get(0).closed, "nobody has it, and it is open");
    }
  }

  @Test
  void cancelledWhileItsTokenIsReplaced_callOnce_resultClosed() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.get("alice");
      engine.server().endAccessTokens("alice");
      Client client = new Client();
      try (Gate gate = engine.server().holdAnswers("token")) {
        CompletableFuture<Result> cancelled = Way.CALL_ONCE.run(engine, client, result -> true);
        gate.awaitArrivals(1);
        cancelled.cancel(true);
      }
      engine.settle();

      assertTrue(client.results.get(0).closed, "nobody has it, and it is open");
    }
  }

  @ParameterizedTest
  @EnumSource
  void cancelledWhileItRuns_resultThatComesLateClosed(Way way) {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      CompletableFuture<Result> late = new CompletableFuture<>();
      way.run(engine, token -> late, result -> false).cancel(true);
      Result result = new Result(engine.get("alice"));

      late.complete(result);

      assertTrue(result.closed, "nobody has it, and it is open");
    }
  }
}
