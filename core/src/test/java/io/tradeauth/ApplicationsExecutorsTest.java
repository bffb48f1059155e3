package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.Racers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The application's executors may be full, closed or small; nothing stops for that. */
@Timeout(60)
class ApplicationsExecutorsTest {

  private final ExecutorService pool = Executors.newCachedThreadPool();
  private volatile boolean full;
  private volatile boolean withoutThreads;

  @AfterEach
  void stop() {
    pool.shutdownNow();
  }

  private void execute(Runnable task) {
    if (full) {
      throw new RejectedExecutionException("full");
    } else if (withoutThreads) {
      throw new OutOfMemoryError("unable to create native thread");
    }
    pool.execute(task);
  }

  private static void reject(Runnable task) {
    throw new RejectedExecutionException("always");
  }

  private static Throwable failureOf(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, () -> future.get(30, TimeUnit.SECONDS))
        .getCause();
  }

  private EngineFixture onOurThreads() {
    return EngineFixture.of(RotationProfile.STRICT)
        .manager(manager -> manager.executor(this::execute))
        .start();
  }

  /** As many as run at once: none of their places is lost. */
  @Test
  void noThreadCanBeHad_whatWaitsGoesOnWhenThereIsOne() {
    List<String> users = IntStream.range(0, Lane.MOST).mapToObj(i -> "user-" + i).toList();
    try (EngineFixture engine = onOurThreads()) {
      users.forEach(engine::signIn);
      engine.expire();
      withoutThreads = true;
      List<CompletableFuture<AccessToken>> got =
          users.stream().map(engine.tokens()::getAsync).toList();
      withoutThreads = false;
      engine.clock().advance(Duration.ofSeconds(1));
      got.forEach(token -> assertTrue(engine.server().accepts(token.join().value())));
      assertEquals(2 * users.size(), engine.exchanges());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void noPlaceDuringARound_roundsGoOn(boolean noThread) {
    try (EngineFixture engine = onOurThreads();
        EngineFixture other = engine.another()) {
      engine.signIn("alice").get("alice");
      full = !noThread;
      withoutThreads = noThread;
      engine.clock().advance(Duration.ofSeconds(4));
      full = false;
      withoutThreads = false;

      other.signOut("alice");

      engine.liveUntil(Duration.ofSeconds(1), () -> engine.tokens().peek("alice").isEmpty());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void noPlaceWhileTokensAreUnsaved_savedAllTheSame(boolean noThread) {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .store(store)
            .manager(manager -> manager.executor(this::execute))
            .start()
            .signIn("alice")) {
      engine.expire();
      store.failCommits(true);
      CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
      engine.liveUntil(Duration.ofMillis(100), got::isDone);
      full = !noThread;
      withoutThreads = noThread;
      engine.clock().advance(Duration.ofSeconds(5));
      full = false;
      withoutThreads = false;
      store.failCommits(false);

      engine.liveUntil(
          Duration.ofSeconds(1),
          () -> ((ManagedTokenProvider) engine.tokens()).realm().unsaved("alice") == null);
    }
  }

  @Test
  void callersExecutorRejects_futureCompletedAllTheSame_C5() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();

      AccessToken token =
          Racers.result(engine.tokens().getAsync("alice", ApplicationsExecutorsTest::reject));

      assertTrue(engine.server().accepts(token.value()));
      assertInstanceOf(
          SignInRequiredException.class,
          failureOf(engine.tokens().getAsync("bob", ApplicationsExecutorsTest::reject)));
    }
  }

  @Test
  void callersExecutorRejects_waitedTooLong_futureCompletedAllTheSame_C5() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      try (Gate gate = engine.server().holdAnswers("token")) {
        CompletableFuture<AccessToken> got =
            engine.tokens().getAsync("alice", ApplicationsExecutorsTest::reject);
        gate.awaitArrivals(1);
        engine.clock().advance(Duration.ofSeconds(15));

        assertEquals(
            BrokerUnavailableException.Reason.WAITED_TOO_LONG,
            assertInstanceOf(BrokerUnavailableException.class, failureOf(got)).reason());
      }
    }
  }

  @Test
  void noThreadCanBeHadWhenMaxWaitIsOver_toldWhenThereIsOne_C5() {
    try (EngineFixture engine = onOurThreads()) {
      engine.signIn("alice");
      engine.expire();
      try (Gate gate = engine.server().holdAnswers("token")) {
        CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        withoutThreads = true;
        engine.clock().advance(Duration.ofSeconds(15));
        withoutThreads = false;
        engine.clock().advance(Duration.ofSeconds(1));

        assertEquals(
            BrokerUnavailableException.Reason.WAITED_TOO_LONG,
            assertInstanceOf(BrokerUnavailableException.class, failureOf(got)).reason());
      }
    }
  }

  /** As with the stack of whoever asks at its end: then nobody runs what others would wait for. */
  @Test
  void errorBeforeAnythingIsQueued_nextOneWorks_C13() {
    LookedAtTime time =
        new LookedAtTime(
            () -> {
              throw new StackOverflowError();
            });
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .server(server -> time.goBy(server.time()))
            .manager(manager -> manager.time(time))
            .start()
            .signIn("alice")) {
      for (int looks = 0; isBrokenAfter(looks, time, engine); looks++) {
        assertTrue(engine.server().accepts(engine.get("alice").value()));
        engine.settle();
      }
    }
  }

  /** Lets the thread that asks break after so many looks at the clock, if it looks that often. */
  private static boolean isBrokenAfter(int looks, LookedAtTime time, EngineFixture engine) {
    engine.expire();
    time.actAfter(looks);
    try {
      engine.get("alice");
      return false;
    } catch (StackOverflowError e) {
      return true;
    } finally {
      time.actNever();
    }
  }

  @Test
  void callbackExecutorRejects_callAsync_completedAllTheSame() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .manager(manager -> manager.callbackExecutor(ApplicationsExecutorsTest::reject))
            .start()
            .signIn("alice")) {
      engine.expire();

      AccessToken last =
          Racers.result(
              engine
                  .tokens()
                  .<AccessToken>callAsync(
                      "alice", CompletableFuture::completedFuture, token -> true));

      assertTrue(engine.server().accepts(last.value()));
    }
  }

  // A small one

  /** Finds a manager whose threads wait for what only they can do. */
  @Test
  void oneThread_callWithAnExpiredToken_isNotItsOwnObstacle() {
    ExecutorService one = Executors.newSingleThreadExecutor();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(FakeBroker::probe)
            .manager(manager -> manager.executor(one))
            .start()
            .signIn("alice")) {
      engine.expire();

      assertInstanceOf(
          ProbeAnswer.Alive.class,
          engine.tokens().call("alice", Objects.requireNonNull(engine.broker().probe())));
    } finally {
      one.shutdown();
    }
  }

  /** As above, after a 401. */
  @ParameterizedTest
  @EnumSource(
      value = Rejection.class,
      names = {"RENEW", "PROBE_FIRST"})
  void oneThread_tokenRefused_isNotItsOwnObstacle(Rejection rejection) {
    ExecutorService one = Executors.newSingleThreadExecutor();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(broker -> broker.probe().broker(values -> values.rejection(any -> rejection)))
            .manager(manager -> manager.executor(one))
            .start()
            .signIn("alice")) {
      AccessToken refused = engine.get("alice");
      engine.clock().shiftWall(Duration.ofSeconds(10));
      engine.server().endAccessTokens("alice");

      AccessToken other =
          Racers.result(
              engine
                  .tokens()
                  .callAsync("alice", CompletableFuture::completedFuture, refused::equals));

      assertTrue(engine.server().accepts(other.value()));
    } finally {
      one.shutdown();
    }
  }
}
