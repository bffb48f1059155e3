package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Level;
import okhttp3.OkHttpClient;
import org.junit.jupiter.api.Test;

/** What closing a manager waits for, what forgetting a user leaves, and what failures tell. */
class ManagerLifeTest {

  private static final TokenStore.Key ALICE =
      new TokenStore.Key(TokenStore.Kind.LOGIN, FakeBroker.NAME, "alice");

  private final FailingStore store = new FailingStore();

  private EngineFixture.Builder strict() {
    return EngineFixture.of(RotationProfile.STRICT).store(store);
  }

  // Closing

  @Test
  void close_signInUnderWay_waitedFor_saved() {
    EngineFixture engine = strict().start();
    CompletableFuture<Void> signIn;
    CompletableFuture<Void> closing;
    try (Gate gate = engine.server().holdAnswers("token")) {
      signIn = CompletableFuture.runAsync(() -> engine.signIn("alice"));
      gate.awaitArrivals(1);
      closing = CompletableFuture.runAsync(() -> engine.manager().close());
      Await.until("it closes", () -> isClosed(engine));
      assertFalse(closing.isDone());
    }
    closing.join();
    signIn.join();
    assertEquals(TokenStore.State.ACTIVE, stored().content().state());
    engine.close();
  }

  private static boolean isClosed(EngineFixture engine) {
    TokenException failure = assertThrows(TokenException.class, () -> engine.get("nobody"));
    return failure.reason() == BrokerUnavailableException.Reason.CLOSED;
  }

  private TokenStore.StoredRecord stored() {
    TokenStore.StoredRecord record = store.load(ALICE);
    if (record == null) {
      throw new AssertionError("nothing is stored");
    }
    return record;
  }

  @Test
  void close_signInTakesTooLong_saysWho() {
    EngineFixture engine =
        strict().manager(manager -> manager.closeTimeout(Duration.ofMillis(50))).start();
    CompletableFuture<Void> signIn;
    try (LogLines log = new LogLines();
        Gate gate = engine.server().holdAnswers("token")) {
      signIn = CompletableFuture.runAsync(() -> engine.signIn("alice"));
      gate.awaitArrivals(1);
      engine.manager().close();
      List<String> said = log.at(Level.WARNING);
      assertTrue(said.stream().anyMatch(line -> line.contains("[alice]")), said::toString);
    }
    signIn.handle((done, failure) -> true).join();
    engine.close();
  }

  @Test
  void okHttpTwiceOnTheClassPath_warned_onceSilent() throws Exception {
    URL one = OkHttpClient.class.getResource("/okhttp3/OkHttpClient.class");
    assertEquals(List.of(), saidOf(List.of(one)));
    List<String> said = saidOf(List.of(one, one));
    assertEquals(1, said.size());
    assertTrue(said.get(0).startsWith("OkHttp is on the class path 2 times"), said::toString);
  }

  private static List<String> saidOf(List<URL> copies) {
    try (LogLines log = new LogLines()) {
      TokenManager.warnOfTwoOkHttps(
          new ClassLoader() {
            @Override
            public Enumeration<URL> getResources(String name) {
              return Collections.enumeration(copies);
            }
          });
      return log.at(Level.WARNING);
    }
  }

  // Forgetting

  @Test
  void forget_recordThatCannotBeRead_isRemoved() {
    try (EngineFixture engine = strict().start().signIn("alice")) {
      byte[] rubbish = "rubbish".getBytes(StandardCharsets.UTF_8);
      TokenStore.Content content = stored().content();
      store.supersede(
          ALICE, new TokenStore.Content(content.state(), content.since(), rubbish, rubbish));
      engine.clock().advance(Duration.ofSeconds(10));
      engine.settle();
      assertThrows(TokenException.class, () -> engine.get("alice"));

      engine.manager().forget("alice");

      assertNull(store.load(ALICE));
    }
  }

  @Test
  void forget_tokensThatCouldNotBeSaved_notSavedAfterwards() {
    try (EngineFixture engine = strict().start().signIn("alice")) {
      engine.expire();
      store.failCommits(true);
      CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
      engine.liveUntil(Duration.ofMillis(100), got::isDone);
      got.join();

      engine.manager().forget("alice");

      store.failCommits(false);
      engine.live(Duration.ofMinutes(1));
      assertNull(store.load(ALICE));
    }
  }

  @Test
  void forget_signInWhoseAnswerWasLost_leavesNoIntent() {
    try (EngineFixture engine = strict().start()) {
      engine.server().fail("token", Fault.loseAnswer(), 1);
      assertThrows(TokenException.class, () -> engine.signIn("alice"));
      assertEquals(1, store.list(TokenStore.Kind.SIGN_IN, FakeBroker.NAME).size());

      engine.manager().forget("alice");

      assertEquals(List.of(), store.list(TokenStore.Kind.SIGN_IN, FakeBroker.NAME));
    }
  }

  @Test
  void signOut_tokensThatCouldNotBeSaved_sessionEndedWithThese() {
    try (EngineFixture engine =
        strict().broker(broker -> broker.revokes(SignOut.Reach.USER)).start().signIn("alice")) {
      engine.expire();
      store.failCommits(true);
      CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
      engine.liveUntil(Duration.ofMillis(100), got::isDone);
      store.failCommits(false);

      engine.signOut("alice");

      assertFalse(engine.server().hasSession("alice"));
    }
  }

  // What failures tell

  @Test
  void storeBreaksWithWordsOfItsOwn_callerIsToldItsClassOnly_G36() {
    try (EngineFixture engine = strict().start().signIn("alice")) {
      String words = "canary-in-a-message";
      store.breakReads(new IllegalStateException(words));
      TokenException failure =
          assertThrows(
              TokenException.class, () -> engine.manager().status(FakeBroker.NAME, "alice"));
      store.breakReads(null);
      for (Throwable next = failure; next != null; next = next.getCause()) {
        assertFalse(String.valueOf(next.getMessage()).contains(words));
      }
      assertTrue(failure.getMessage().contains("IllegalStateException"), failure::getMessage);
    }
  }

  /** The scan that watches all tests would find the words in the log. */
  @Test
  void storeBreaksWithWordsOfItsOwn_budgetCannotBeWritten_logTellsItsClassOnly_G36() {
    try (EngineFixture engine = strict().start()) {
      CompletableFuture<Void> signIn;
      try (Gate gate = engine.server().holdAnswers("token")) {
        signIn = CompletableFuture.runAsync(() -> engine.signIn("alice"));
        gate.awaitArrivals(1);
        store.breakReads(new IllegalStateException("canary-in-a-message"));
      }
      engine.liveUntil(Duration.ofMillis(100), signIn::isDone);
      signIn.join();
      store.breakReads(null);
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  @Test
  void preload_completedOnTheApplicationsExecutor() {
    Queue<Runnable> callbacks = new ConcurrentLinkedQueue<>();
    try (EngineFixture engine =
        strict().manager(manager -> manager.callbackExecutor(callbacks::add)).start()) {
      engine.signIn("alice");
      try (EngineFixture started = engine.another()) {
        CompletableFuture<Void> loaded =
            started.manager().preload(FakeBroker.NAME, List.of("alice"));
        started.settle();
        assertFalse(loaded.isDone());
        callbacks.forEach(Runnable::run);
        assertTrue(loaded.isDone());
      }
    }
  }
}
