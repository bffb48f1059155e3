package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.TokenLedger;
import io.tradeauth.testing.Wire;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import mockwebserver3.MockResponse;
import mockwebserver3.SocketEffect;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an exchange leaves behind when something beside it goes wrong. */
class ExchangeEdgesTest {

  private volatile boolean breaksAnswers;
  private volatile boolean breaksRequests;

  // Figures

  @Test
  void failuresInARow_areCounted_andEndWithTheFirstSuccess() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.server().fail("token", Fault.html(403), 3);
      engine.expire();
      for (int i = 0; i < 3; i++) {
        assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
        engine.clock().jump(Duration.ofMinutes(5));
      }
      engine.get("alice");
      engine.settle();

      assertEquals(
          List.of(1, 2, 3),
          engine.events(TokenEvent.RenewalFailing.class).stream()
              .map(TokenEvent.RenewalFailing::failures)
              .toList());
      assertEquals(3, engine.events(TokenEvent.Recovered.class).get(0).failures());
    }
  }

  @Test
  void renewed_tellsHowLongItTook() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.expire();
      CompletableFuture<AccessToken> got;
      try (Gate gate = engine.server().holdAnswers("token")) {
        got = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        engine.clock().advance(Duration.ofSeconds(2));
      }
      got.join();
      assertEquals(Duration.ofSeconds(2), engine.events(TokenEvent.Renewed.class).get(0).took());
    }
  }

  // Tokens that can't be saved

  @Test
  void unsaved_whoWantsAnotherThanARefusedToken_isServed_whoWantsANewOne_isTold_G3() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice")) {
      final AccessToken old = engine.get("alice");
      store.failCommits(true);
      engine.expire();
      AccessToken unsaved = engine.getAsTimePasses("alice");
      assertNotEquals(old, unsaved);

      assertEquals(unsaved, engine.tokens().getInsteadOf("alice", old));
      TokenStoreException told =
          assertThrows(TokenStoreException.class, () -> engine.tokens().renew("alice"));
      assertEquals(TokenStoreException.Reason.WRITE_FAILED, told.reason());
      assertThrows(TokenStoreException.class, () -> engine.tokens().getInsteadOf("alice", unsaved));
      store.failCommits(false);
      engine.live(Duration.ofSeconds(6));
      assertEquals(2, engine.exchanges());
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  /** It is in nobody's memory any more, and in no store yet. */
  @Test
  void unsavedAndEvicted_servedFromWhatIsKept_G3() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .manager(manager -> manager.maximumCachedUsers(1))
            .store(store)
            .start()
            .signIn("alice", "bob")) {
      engine.expire();
      store.failCommits(true);
      AccessToken alice = engine.getAsTimePasses("alice");
      AccessToken bob = engine.getAsTimePasses("bob");
      for (int i = 0; i < 3; i++) {
        assertEquals(alice, engine.get("alice"));
        assertEquals(bob, engine.get("bob"));
      }
      assertEquals(2 + 2, engine.exchanges());
      store.failCommits(false);
      engine.live(Duration.ofSeconds(6));
    }
  }

  // Another process is first

  /** What another has just replaced can't be called dead. */
  @Test
  void refusedWhileAnotherSignsIn_itsTokensAreServed_nobodyIsAsked_P13() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice");
        EngineFixture another = engine.another()) {
      engine.server().endSessions("alice");
      engine.expire();
      store.failChanges(true); // it finds out by itself
      store.beforeNextCommit(() -> another.signIn("alice"));
      AccessToken token = engine.getAsTimePasses("alice");
      assertTrue(engine.server().accepts(token.value()));
      assertEquals(0, engine.events(TokenEvent.SignInRequired.class).size());
    }
  }

  @Test
  void anotherPersonsTokensWhileAnotherSignsIn_itsTokensAreServed_nobodyIsAsked() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .broker(FakeBroker::tellsProfile)
                .store(store)
                .start()
                .signIn("alice");
        EngineFixture another = engine.another()) {
      engine.server().fail("token", Fault.after(ExchangeEdgesTest::bobs), 1);
      engine.expire();
      store.failChanges(true); // it finds out by itself
      store.beforeNextCommit(() -> another.signIn("alice"));
      AccessToken token = engine.getAsTimePasses("alice");
      assertTrue(engine.server().accepts(token.value()));
      assertEquals(0, engine.events(TokenEvent.SignInRequired.class).size());
    }
  }

  /** Returns the answer as if the tokens of alice were of bob. */
  static MockResponse bobs(MockResponse answer) {
    String body = Wire.body(answer);
    assertTrue(body.contains("alice"), "it tells whose tokens these are");
    return answer.newBuilder().body(body.replace("id-of-alice", "id-of-bob")).build();
  }

  /** What the store tells others of an exchange while it is open. */
  @Test
  void openIntent_tellsWhatIsExchanged_byAnIdOfItsOwn() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice", "bob")) {
      engine.expire();
      CompletableFuture<AccessToken> alice;
      CompletableFuture<AccessToken> bob;
      try (Gate gate = engine.server().holdAnswers("token")) {
        alice = engine.tokens().getAsync("alice");
        bob = engine.tokens().getAsync("bob");
        gate.awaitArrivals(2);
        TokenStore.Intent open = Objects.requireNonNull(engine.stored("alice").intent());
        assertEquals("Refresh", open.purpose());
        assertNotEquals(open.id(), Objects.requireNonNull(engine.stored("bob").intent()).id());
      }
      alice.join();
      bob.join();
    }
  }

  // The client's budget

  /** A turn that is not given back would let the others of an unknown client wait for ever. */
  @Test
  void nothingCouldBeSent_theNextUsersHaveTheirTurn_N2() {
    Cable cable = new Cable();
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .manager(manager -> manager.httpClient(cable.client()))
                .start();
        EngineFixture another = engine.another()) {
      List<String> users = List.of("a", "b", "c", "d", "e");
      users.forEach(engine::signIn);
      engine.expire();
      cable.cut(Integer.MAX_VALUE);
      for (String user : users) {
        assertThrows(BrokerUnavailableException.class, () -> another.getAsTimePasses(user));
      }
      assertEquals(users.size(), engine.exchanges(), "the sign-ins");
      cable.mend();
      engine.clock().jump(Duration.ofMinutes(1));
      for (String user : users) {
        assertTrue(engine.server().accepts(another.get(user).value()));
      }
    }
  }

  /** Of a process that knows nothing of the client yet, and so sends one request at a time. */
  @Test
  void stoodStillUntilItWasTooLate_theNextUserHasATurn_N2() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice", "bob");
        EngineFixture another = engine.another()) {
      engine.expire();
      store.afterNextBegin(() -> engine.clock().advance(Duration.ofSeconds(11)));
      int before = engine.exchanges();
      assertThrows(BrokerUnavailableException.class, () -> another.getAsTimePasses("alice"));
      assertEquals(before, engine.exchanges());

      assertTrue(engine.server().accepts(another.getAsTimePasses("bob").value()));
    }
  }

  /** A refusal of the user tells that the client is taken: many may go at once then. */
  @Test
  void userRefused_othersOfTheClientGoAtOnce_N2() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice", "bob", "carol");
        EngineFixture another = engine.another()) {
      engine.server().endSessions("alice");
      engine.expire();
      assertThrows(SignInRequiredException.class, () -> another.get("alice"));
      assertBothGoAtOnce(another, "bob", "carol");
    }
  }

  static void assertBothGoAtOnce(EngineFixture engine, String one, String other) {
    CompletableFuture<AccessToken> first;
    CompletableFuture<AccessToken> second;
    try (Gate gate = engine.server().holdAnswers("token")) {
      first = engine.tokens().getAsync(one);
      second = engine.tokens().getAsync(other);
      gate.awaitArrivals(2);
    }
    assertTrue(engine.server().accepts(first.join().value()));
    assertTrue(engine.server().accepts(second.join().value()));
  }

  /** Without a word of how long, the whole client is quiet for five seconds. */
  @Test
  void tooManyRequests_untoldHowLong_othersOfTheClientWaitToo_N10() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice", "bob", "carol")) {
      engine.server().fail("token", Fault.status(429), 1);
      engine.expire();
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      int before = engine.exchanges();
      BrokerUnavailableException paused =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("bob"));
      assertEquals(engine.clock().now().plusSeconds(5), paused.retryAt());
      engine.clock().jump(Duration.ofMillis(4_900));
      assertThrows(BrokerUnavailableException.class, () -> engine.get("carol"));
      assertEquals(before, engine.exchanges());
      engine.clock().jump(Duration.ofMillis(100));
      assertTrue(engine.server().accepts(engine.get("bob").value()));
    }
  }

  // Its turn

  /** Of a server that takes one request at a time. */
  private static EngineFixture oneAtATime(TokenStore store) {
    return EngineFixture.of(RotationProfile.STRICT)
        .manager(manager -> manager.maximumExchanges(1, 1))
        .store(store)
        .start()
        .signIn("alice", "bob");
  }

  @Test
  void itsTurnAtOnce_recordReadOnce() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine = oneAtATime(store)) {
      engine.expire();
      int before = store.reads();
      engine.get("alice");
      assertEquals(1, store.reads() - before);
    }
  }

  /** What it had read may be another's by then. */
  @ParameterizedTest
  @CsvSource({"9, 1", "10, 1", "11, 2"})
  void waitedForItsTurn_recordReadAgainIfThatWasLong_exchangedOnce(int seconds, int reads) {
    FailingStore store = new FailingStore();
    try (EngineFixture engine = oneAtATime(store)) {
      engine.expire();
      final int before = engine.exchanges();
      CompletableFuture<AccessToken> alice;
      CompletableFuture<AccessToken> bob;
      int readsBefore;
      try (Gate gate = engine.server().holdAnswers("token")) {
        alice = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        readsBefore = store.reads();
        bob = engine.tokens().getAsync("bob");
        engine.settleBut(1);
        engine.clock().jump(Duration.ofSeconds(seconds));
      }
      assertTrue(engine.server().accepts(alice.join().value()));
      assertTrue(engine.server().accepts(bob.join().value()));
      assertEquals(reads, store.reads() - readsBefore);
      assertEquals(2, engine.exchanges() - before);
    }
  }

  /** Not every 50 ms for as long as it takes. */
  @Test
  void anotherExchanges_lookedAtLessAndLessOften() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .settings(values -> values.maxWait(Duration.ofMinutes(2)))
            .store(store)
            .start()
            .signIn("alice")) {
      engine.expire();
      engine.beginElsewhere(TokenStore.Kind.LOGIN, "alice");
      final int before = store.reads();
      CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice");
      Instant end = engine.clock().now().plusSeconds(20);
      engine.liveUntil(Duration.ofMillis(50), () -> !engine.clock().now().isBefore(end));
      int looks = store.reads() - before;
      assertTrue(looks > 10 && looks < 20, () -> looks + " looks in 20 s");
      engine.liveUntil(Duration.ofSeconds(1), got::isDone);
      assertTrue(engine.server().accepts(got.join().value()));
    }
  }

  // A doubt

  /** A client that must rest meanwhile settles no doubt, and the next probe waits for longer. */
  @Test
  void inDoubtAndThenTheClientRests_staysInDoubt_probedWhenBothAreOver_G6_N10() {
    try (EngineFixture engine = EngineFixture.strict().signIn("alice", "bob")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);
      assertThrows(BrokerUnavailableException.class, () -> engine.getAsTimePasses("alice"));
      engine.live(Duration.ofSeconds(50));
      engine.server().fail("token", tooManyRequests(30), 1);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("bob"));
      final int before = engine.exchanges();
      engine.live(Duration.ofSeconds(15));
      assertEquals(
          BrokerUnavailableException.Reason.IN_DOUBT,
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice")).reason());
      assertEquals(before, engine.exchanges());

      engine.server().fail("token", Fault.loseAnswer(), 1);
      engine.clock().jump(Duration.ofSeconds(20));
      BrokerUnavailableException lostAgain =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, lostAgain.reason());
      assertEquals(engine.clock().now().plusSeconds(120), lostAgain.retryAt());
    }
  }

  private static Fault tooManyRequests(int seconds) {
    return Fault.instead(
        new MockResponse.Builder().code(429).setHeader("Retry-After", seconds).build());
  }

  /** A forgiving server's patience is counted from when it may have seen the token first. */
  @Test
  void answerLostAtTheEndOfTheLeeway_notRepeated_inDoubt_G6() {
    assertSentOnceAndInDoubt(
        engine ->
            answer -> {
              engine.clock().advance(Duration.ofSeconds(5));
              return answer.newBuilder().onResponseStart(new SocketEffect.CloseSocket()).build();
            });
  }

  @Test
  void answerLostShortBeforeTheEndOfTheLeeway_repeated_G6() {
    RotationProfile leeway = RotationProfile.leeway(Duration.ofSeconds(7));
    try (EngineFixture engine = EngineFixture.of(leeway).start().signIn("alice")) {
      engine.expire();
      final int before = engine.exchanges();
      engine
          .server()
          .fail(
              "token",
              Fault.after(
                  answer -> {
                    engine.clock().advance(Duration.ofSeconds(3));
                    return answer
                        .newBuilder()
                        .onResponseStart(new SocketEffect.CloseSocket())
                        .build();
                  }),
              1);

      assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
      assertEquals(2, engine.exchanges() - before);
    }
  }

  /** The pause before the next attempt counts, too. */
  @Test
  void answerLost_pauseEndsAfterTheLeeway_notRepeated_inDoubt_G6() {
    assertSentOnceAndInDoubt(
        engine ->
            answer -> new MockResponse.Builder().code(502).setHeader("Retry-After", 6).build());
  }

  private static void assertSentOnceAndInDoubt(Function<EngineFixture, Fault.Change> lose) {
    RotationProfile leeway = RotationProfile.leeway(Duration.ofSeconds(7));
    try (EngineFixture engine = EngineFixture.of(leeway).start().signIn("alice")) {
      engine.expire();
      final int before = engine.exchanges();
      engine.server().fail("token", Fault.after(lose.apply(engine)), 1);
      BrokerUnavailableException lost =
          assertThrows(BrokerUnavailableException.class, () -> engine.getAsTimePasses("alice"));
      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, lost.reason());
      assertEquals(1, engine.exchanges() - before);
      assertNotNull(engine.stored("alice").intent());
    }
  }

  /** That the client is refused afterwards does not tell what became of the first attempt. */
  @Test
  void answerLostAndThenTheClientRefused_doubtStaysOpen_G6_N9() {
    RotationProfile leeway = RotationProfile.leeway(Duration.ofSeconds(30));
    try (EngineFixture engine = EngineFixture.of(leeway).start().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);
      engine.server().fail("token", Fault.json(401, "{\"error\":\"invalid_client\"}"), 1);
      assertThrows(BrokerConfigurationException.class, () -> engine.getAsTimePasses("alice"));
      assertNotNull(engine.stored("alice").intent());
    }
  }

  // Saving

  /** Who waits for a token that can't be saved waits no longer than is set. */
  @Test
  void commitFails_tokenHandedOutWithinTheCommitTimeout_G3() {
    FailingStore store = new FailingStore();
    Duration timeout = Duration.ofSeconds(3);
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .settings(values -> values.commitTimeout(timeout))
            .store(store)
            .start()
            .signIn("alice")) {
      engine.expire();
      Instant start = engine.clock().now();
      store.failCommits(true);
      engine.getAsTimePasses("alice");
      Duration took =
          Duration.between(start, engine.events(TokenEvent.UnsavedRotation.class).get(0).at());
      assertTrue(took.compareTo(timeout) <= 0, took::toString);
      assertTrue(took.compareTo(timeout.dividedBy(2)) > 0, took::toString);
      store.failCommits(false);
      engine.live(Duration.ofSeconds(6));
    }
  }

  /** A server that goes on failing is asked less and less often. */
  @Test
  void failuresInARow_pausesGrow() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      engine.server().fail("token", Fault.html(403), 40);
      engine.expire();
      Duration longest = Duration.ZERO;
      for (int i = 0; i < 30; i++) {
        BrokerUnavailableException busy =
            assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
        Duration pause = Duration.between(engine.clock().now(), busy.retryAt());
        longest = pause.compareTo(longest) > 0 ? pause : longest;
        engine.clock().jump(Duration.ofMinutes(5));
      }
      // Each of the last 20 is between nothing and five minutes, all alike.
      assertTrue(longest.compareTo(Duration.ofMinutes(1)) > 0, longest::toString);
    }
  }

  // A broker module that fails

  /** As the usual one, until it is told to break. */
  private final class BreakingBroker extends OtherBroker {

    BreakingBroker(Broker usual) {
      super(usual);
    }

    @Override
    BrokerRequest request(BrokerRequest request) {
      return breaksRequests ? request.header("X-App", "caf\u00e9") : request;
    }

    @Override
    ExchangeAnswer read(Grant grant, Answer answer, ExchangeAnswer meaning) {
      if (breaksAnswers) {
        throw new IllegalStateException("a bug in a broker module");
      }
      return meaning;
    }
  }

  private EngineFixture withBreakingBroker() {
    return EngineFixture.of(RotationProfile.STRICT)
        .inItsPlace((server, usual) -> new BreakingBroker(usual))
        .start();
  }

  /** The server has rotated, and nobody could read what it said. */
  @Test
  void readerOfAnswersThrows_rotating_inDoubt_notSentAgainBeforeTheHold_G6() {
    try (EngineFixture engine = withBreakingBroker().signIn("alice")) {
      engine.expire();
      breaksAnswers = true;
      TokenException told =
          assertThrows(TokenException.class, () -> engine.getAsTimePasses("alice"));
      assertEquals(BrokerUnavailableException.Reason.IN_DOUBT, told.reason());
      assertNotNull(engine.stored("alice").intent());
      int before = engine.exchanges();
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      assertEquals(before, engine.exchanges());
    }
  }

  /** What may not be sent at all leaves no intent in anybody's way. */
  @Test
  void requestThatMayNotBeSent_intentTakenBack_nextOneWorks() {
    try (EngineFixture engine = withBreakingBroker().signIn("alice")) {
      engine.expire();
      breaksRequests = true;
      assertThrows(BrokerConfigurationException.class, () -> engine.get("alice"));
      assertNull(engine.stored("alice").intent());
      assertEquals(1, engine.exchanges());
      breaksRequests = false;
      engine.clock().jump(Duration.ofMinutes(1));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
    }
  }

  /** What was renewed is stored, and can't be read: a caller is told, and none waits for ever. */
  @ParameterizedTest
  @CsvSource({"false, false", "false, true", "true, false", "true, true"})
  void whatIsPublishedCantBeRead_callersAreTold_nextOneWorks(boolean isError, boolean isUnsaved) {
    FailingStore store = new FailingStore();
    AtomicReference<String> unreadable = new AtomicReference<>("");
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .store(store)
            .inItsPlace(
                (server, usual) ->
                    new OtherBroker(usual) {
                      @Override
                      public @Nullable Grant renewal(@Nullable TokenSet tokens) {
                        if (tokens != null && !isFirst(tokens, unreadable.get())) {
                          if (isError) {
                            throw new NoClassDefFoundError("a part of a broker module");
                          }
                          throw new IllegalStateException("a bug in a broker module");
                        }
                        return super.renewal(tokens);
                      }
                    })
            .start()
            .signIn("alice")) {
      unreadable.set(engine.get("alice").value());
      engine.expire();
      store.failCommits(isUnsaved);
      for (int i = 0; i < 2; i++) {
        assertThrows(TokenException.class, () -> engine.getAsTimePasses("alice"));
      }
      assertTrue(
          engine.events(TokenEvent.RenewalFailing.class).stream()
              .noneMatch(told -> told.reason() == BrokerUnavailableException.Reason.IN_DOUBT),
          "its answer came, and is saved or kept");
      store.failCommits(false);
      unreadable.set("");
      assertTrue(engine.server().accepts(engine.getAsTimePasses("alice").value()));
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  /** What a renewal has met that a sign-in has overtaken is no matter of the new login. */
  @Test
  void answerLost_signedInMeanwhile_nothingStandsInTheWay() {
    AtomicReference<@Nullable Stop> late = new AtomicReference<>();
    try (Stop reading = new Stop();
        EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .inItsPlace(
                    (server, usual) ->
                        new OtherBroker(usual) {
                          @Override
                          ExchangeAnswer read(Grant grant, Answer answer, ExchangeAnswer meaning) {
                            Stop stop = late.getAndSet(null);
                            if (stop == null) {
                              return meaning;
                            }
                            stop.reach();
                            return new ExchangeAnswer.Unclear("gone");
                          }
                        })
                .start()
                .signIn("alice")) {
      engine.clock().jump(Duration.ofMinutes(1));
      late.set(reading);
      CompletableFuture<AccessToken> renewed =
          CompletableFuture.supplyAsync(() -> engine.tokens().renew("alice"));
      reading.await();
      engine.signIn("alice");
      renewed.join();
      reading.close();
      engine.settle();

      assertEquals(
          UserStatus.State.SIGNED_IN, engine.manager().status(FakeBroker.NAME, "alice").state());
      assertEquals(0, engine.events(TokenEvent.RenewalFailing.class).size());
      ManagedTokenProvider tokens = (ManagedTokenProvider) engine.tokens();
      assertNotNull(tokens.realm().background(tokens, "alice", "alice", Demand.FRESH));
    }
  }

  private static boolean isFirst(TokenSet tokens, String first) {
    Secret token = tokens.accessToken();
    return first.isEmpty() || token == null || token.value().equals(first);
  }
}
