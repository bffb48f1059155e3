package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.ManualClock;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The engine and its clocks, which may jump, sleep or be wrong. */
class ClockTest {

  /** As far apart are exchanges that nobody waits for. */
  private static final Duration PACE = Duration.ofMillis(20);

  @Test
  void storedTokenThatMustBeDead_signInRequired_nothingSent_G17() {
    try (EngineFixture yesterday =
        EngineFixture.of(RotationProfile.NONE)
            .broker(
                broker ->
                    broker.profile(
                        profile ->
                            profile.expiry(
                                Expiry.asTold()
                                    .orElse(Duration.ofDays(2))
                                    .noLaterThanDaily(
                                        LocalTime.of(3, 30), ZoneId.of("Asia/Kolkata")))))
            .server(server -> server.life(Duration.ofDays(2)))
            .start()) {
      yesterday.signIn(
          "alice",
          FakeBroker.imported(
              yesterday.server(), "alice", yesterday.clock().now().plus(Duration.ofDays(2))));
      int before = yesterday.server().calls().size();
      yesterday.clock().jump(Duration.ofHours(18));

      try (EngineFixture today = yesterday.another()) {
        SignInRequiredException ended =
            assertThrows(SignInRequiredException.class, () -> today.get("alice"));
        assertEquals(SignInRequiredException.Reason.EXPIRED, ended.reason());
        assertEquals(Instant.parse("2026-01-05T22:00:00Z"), ended.since());
        assertEquals(before, today.server().calls().size());
      }
    }
  }

  @Test
  void sameTokenUntilShortlyBeforeItsEnd_atMostTwoExchangesPerLife_G19() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .server(
                server ->
                    server.life(Duration.ofSeconds(1800)).sameTokenUntil(Duration.ofSeconds(30)))
            .settings(settings -> settings.renewAhead(Duration.ofSeconds(300)))
            .start()
            .signIn("alice")) {
      AccessToken first = engine.get("alice");
      int before = engine.exchanges();
      for (int second = 0; second < 1770; second++) {
        engine.clock().advance(Duration.ofSeconds(1));
        int sent = engine.exchanges();
        assertEquals(first, engine.get("alice"));
        Await.until("no flight is left", () -> flights(engine) == 0 || engine.exchanges() > sent);
        Await.until("no flight is left", () -> flights(engine) == 0);
      }
      assertTrue(engine.exchanges() - before <= 2, (engine.exchanges() - before) + " exchanges");
      engine.clock().advance(Duration.ofSeconds(40));
      assertNotEquals(first, engine.get("alice"));
    }
  }

  /** Asked all along, at two hundred points of each life. */
  @ParameterizedTest
  @ValueSource(longs = {20, 300, 900, 1200, 86_400})
  void anyLife_askedAllAlong_renewedOnceInEachLife_betweenFiveAndFiftyPercentLeft_G18(
      long seconds) {
    Duration life = Duration.ofSeconds(seconds);
    Duration step = life.dividedBy(200);
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .server(server -> server.life(life))
            .start()
            .signIn("alice")) {
      AccessToken token = engine.get("alice");
      int before = engine.exchanges();
      int renewed = 0;
      for (Duration at = Duration.ZERO;
          at.compareTo(life.multipliedBy(5)) < 0;
          at = at.plus(step)) {
        engine.advance(step);
        engine.settle();
        assertTrue(engine.server().accepts(engine.get("alice").value()));
        engine.settle();
        AccessToken newest = engine.get("alice");
        if (!newest.equals(token)) {
          renewed++;
          Duration left = Duration.between(engine.clock().now(), token.expiresAt());
          double part = (double) left.toMillis() / life.toMillis();
          assertTrue(part >= 0.05 && part <= 0.5, part + " of the life left");
          token = newest;
        }
        assertEquals(renewed, engine.exchanges() - before, "one exchange for each life");
      }
      assertTrue(renewed >= 5 && renewed <= 10, renewed + " renewals in five lives");
    }
  }

  private static int flights(EngineFixture engine) {
    return ((ManagedTokenProvider) engine.tokens()).realm().flightsUnderWay();
  }

  @Test
  void wallClockAheadEightHours_allRenewedWithinThirtySeconds_paced_foregroundFirst_G20_T1() {
    try (EngineFixture engine = EngineFixture.strict()) {
      List<String> users = IntStream.range(0, 200).mapToObj(i -> "user-" + i).toList();
      users.forEach(engine::signIn);
      users.forEach(engine::get);
      int before = engine.exchanges();

      engine.clock().shiftWall(Duration.ofHours(8));
      List<Integer> sent = new ArrayList<>();
      for (Duration at = Duration.ZERO; at.toSeconds() < 30; at = at.plus(PACE)) {
        engine.advance(PACE);
        engine.settle();
        if (flights(engine) > 0 && sent.isEmpty()) {
          assertForegroundIsServedWhileTheClockStands(engine, users);
        }
        if (flights(engine) > 0 || !sent.isEmpty()) {
          sent.add(engine.exchanges());
        }
      }

      assertEquals(200, engine.exchanges() - before);
      for (int i = 0; i + 50 < sent.size(); i++) {
        assertTrue(sent.get(i + 50) - sent.get(i) <= 50, "more than 50 within a second");
      }
      users.forEach(user -> assertTrue(engine.server().accepts(engine.get(user).value())));
      assertEquals(200, engine.exchanges() - before);
    }
  }

  /** Nothing in the background begins while the clock stands: who is behind it waits for ever. */
  private static void assertForegroundIsServedWhileTheClockStands(
      EngineFixture engine, List<String> users) {
    assertTrue(flights(engine) > 150, "they wait for their turn");
    List<String> waiting =
        users.stream().filter(user -> engine.tokens().peek(user).isEmpty()).toList();
    String last = waiting.get(waiting.size() - 1);
    AccessToken token = engine.get(last);
    assertTrue(token.expiresAt().isAfter(engine.clock().now()));
    assertTrue(flights(engine) > 150, "the others still wait");
  }

  @Test
  void wallClockBackOneHour_noTokenServedPastItsTrueEnd_G20_T2() {
    try (EngineFixture engine = EngineFixture.constant().signIn("alice")) {
      AccessToken first = engine.get("alice");
      engine.server().fail("token", io.tradeauth.testing.Fault.html(403), 1000);
      engine.clock().shiftWall(Duration.ofHours(-1));
      engine.clock().jump(engine.server().life().minusSeconds(100));
      assertEquals(first, engine.get("alice"), "by the clock that was not set it still lives");
      engine.clock().jump(Duration.ofSeconds(100));
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {-120, 120, -3600})
  void localClockWrong_endOfDayRuleFollowsTheServer_G21(long offset) {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .broker(
                broker ->
                    broker.profile(
                        profile ->
                            profile.expiry(
                                Expiry.asTold()
                                    .noLaterThanDaily(LocalTime.of(12, 0), ZoneId.of("UTC")))))
            .server(server -> server.life(Duration.ofDays(2)))
            .start()) {
      engine.server().dateOffset(Duration.ofSeconds(offset));
      engine.signIn("teller");
      engine.signIn(
          "alice",
          FakeBroker.imported(
              engine.server(), "alice", engine.clock().now().plus(Duration.ofDays(2))));
      AccessToken token = engine.get("alice");
      assertEquals(Instant.parse("2026-01-05T12:00:00Z"), token.expiresAt());

      Duration trueLife =
          Duration.between(engine.clock().now().plusSeconds(offset), token.expiresAt());
      engine.clock().jump(trueLife.minusSeconds(300));
      assertEquals(token, engine.tokens().peek("alice").orElseThrow());
      engine.clock().jump(Duration.ofSeconds(295));
      assertTrue(
          engine.tokens().peek("alice").isEmpty(), "not used in the last 5 s of its true life");
    }
  }

  @Test
  void serversDateIsAbsurd_localClockCounts_G21() {
    try (EngineFixture engine = EngineFixture.strict()) {
      engine.server().dateOffset(Duration.ofDays(-400));
      engine.signIn("alice");

      assertEquals(
          engine.clock().now().plus(engine.server().life()), engine.get("alice").expiresAt());
      assertTrue(engine.tokens().peek("alice").isPresent());
    }
  }

  /** What is stored is told by the server's clock, as far as the one who writes has heard of it. */
  @ParameterizedTest
  @ValueSource(longs = {-7200, -120, 120, 7200})
  void storedByAHostWhoseClockIsWrong_usedToItsTrueEndAndNoLonger_T3(long ahead) {
    try (EngineFixture engine = EngineFixture.strict();
        TokenManager writer = managerBy(clockAhead(engine, Duration.ofSeconds(ahead)), engine);
        TokenManager reader = managerBy(new Timerless(engine.clock()), engine)) {
      writer.signIn(FakeBroker.NAME, "alice", FakeBroker.grant(engine.server(), "alice"));
      Instant end = engine.clock().now().plus(engine.server().life());
      TokenProvider tokens = reader.provider(FakeBroker.NAME);

      AccessToken token = tokens.get("alice");

      assertTrue(Duration.between(token.expiresAt(), end).abs().toSeconds() <= 1);
      engine.clock().jump(engine.server().life().minusSeconds(65));
      assertEquals(token, tokens.peek("alice").orElseThrow());
      engine.clock().jump(Duration.ofSeconds(10));
      assertTrue(tokens.peek("alice").isEmpty(), "within the skew");
    }
  }

  /** Whoever has a wrong clock and has not heard of it yet sends a dead token, once. */
  @Test
  void readByAHostWhoseClockIsWrong_401Repairs_T3() throws Exception {
    try (EngineFixture writer = EngineFixture.strict().signIn("alice");
        TokenManager reader = managerBy(clockAhead(writer, Duration.ofHours(-2)), writer)) {
      writer.expire();
      HttpClient client = HttpClient.newHttpClient();
      TokenProvider tokens = reader.provider(FakeBroker.NAME);

      HttpResponse<Void> response =
          tokens.send(
              "alice",
              client,
              HttpRequest.newBuilder(tokens.apiUri("/v1/data")).build(),
              HttpResponse.BodyHandlers.discarding());

      assertEquals(200, response.statusCode());
      assertEquals(2, writer.exchanges());
    }
  }

  private static TimeSource clockAhead(EngineFixture engine, Duration ahead) {
    return new ManualClock(engine.clock().now().plus(ahead));
  }

  /** Makes a manager over the same store and server that lives by a clock of its own. */
  private static TokenManager managerBy(TimeSource time, EngineFixture engine) {
    return TokenManager.builder()
        .time(time)
        .store(engine.store())
        .broker(engine.broker(), settings -> settings.client(FakeBroker.client()))
        .build();
  }

  /** A process that was stopped after its intent may have been given up by the others. */
  @Test
  void stoppedBetweenIntentAndSending_nothingSent_theNextGetRenews_T4_X16() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice")) {
      engine.expire();
      store.afterNextBegin(() -> engine.clock().jump(Duration.ofSeconds(11)));

      BrokerUnavailableException late =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));

      assertEquals(BrokerUnavailableException.Reason.UNREACHABLE, late.reason());
      assertEquals(1, engine.exchanges());
      engine.clock().jump(Duration.ofSeconds(10));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertEquals(2, engine.exchanges());
    }
  }

  /** What the store had was good when it was looked at. */
  @Test
  void sleptBetweenALookAndItsAnswer_renewed_T1() {
    Queue<Runnable> callbacks = new ConcurrentLinkedQueue<>();
    try (EngineFixture engine =
            EngineFixture.of(RotationProfile.STRICT)
                .settings(settings -> settings.maxWait(Duration.ofHours(1)))
                .start()
                .signIn("alice");
        EngineFixture other = engine.another()) {
      CompletableFuture<AccessToken> got = other.tokens().getAsync("alice", callbacks::add);
      other.settle();
      engine.expire();
      while (!got.isDone()) {
        Runnable next = callbacks.poll();
        if (next != null) {
          next.run();
        } else {
          other.settle();
        }
      }

      assertTrue(engine.server().accepts(got.join().value()));
      assertEquals(2, engine.exchanges());
    }
  }

  /** Timers make it better, never right: an engine whose timers never fire is as safe. */
  @Test
  void timersNeverFire_everyGetIsServed_aDoubtIsResolved_T6() {
    ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
    try (FakeAuthorizationServer server = FakeAuthorizationServer.strict(clock);
        TokenManager manager =
            TokenManager.builder()
                .time(new Timerless(clock))
                .broker(
                    FakeBroker.at(server).build(), settings -> settings.client(FakeBroker.client()))
                .build()) {
      manager.signIn(FakeBroker.NAME, "alice", FakeBroker.grant(server, "alice"));
      TokenProvider tokens = manager.provider(FakeBroker.NAME);
      for (int life = 0; life < 5; life++) {
        clock.jump(server.life());
        assertTrue(server.accepts(tokens.get("alice").value()));
      }
      assertEquals(1 + 5, server.count("token"));

      clock.jump(server.life());
      server.fail("token", Fault.reset(), 1);
      assertThrows(BrokerUnavailableException.class, () -> tokens.get("alice"));
      clock.jump(Duration.ofSeconds(61));
      assertTrue(server.accepts(tokens.get("alice").value()));
    }
  }

  /** Whoever asks so has a thread that must not wait. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4})
  void tokenEndsBetweenTwoLooks_getAsyncDoesNotWait_C5(int looks) {
    AtomicReference<EngineFixture> started = new AtomicReference<>();
    LookedAtTime time =
        new LookedAtTime(() -> started.get().clock().shiftWall(Duration.ofMinutes(3)));
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .server(server -> time.goBy(server.time()))
            .manager(manager -> manager.time(time))
            .start()
            .signIn("alice")) {
      started.set(engine);
      CompletableFuture<AccessToken> got;
      try (Gate gate = engine.server().holdAnswers("token")) {
        engine.clock().shiftWall(engine.server().life().minusMinutes(2));
        time.actAfter(looks);
        got = engine.tokens().getAsync("alice");
        time.actNever();
      }
      assertNotNull(got.join());
    }
  }

  private record Timerless(TimeSource clock) implements TimeSource {

    @Override
    public long wallMillis() {
      return clock.wallMillis();
    }

    @Override
    public long monotonicNanos() {
      return clock.monotonicNanos();
    }

    @Override
    public Timer after(Duration delay, Runnable task) {
      return () -> {};
    }
  }

  @Test
  void onlyTheUserCanRenew_signInDueIsAnnouncedOnce_beforeTheEnd() {
    try (EngineFixture engine = EngineFixture.constant()) {
      Instant end = engine.clock().now().plus(Duration.ofHours(20));
      engine.signIn("alice", FakeBroker.imported(engine.server(), "alice", end));
      engine.get("alice");
      engine.clock().jump(Duration.ofHours(18));
      engine.clock().advance(Duration.ofSeconds(10));
      Await.until("rounds are over", () -> engine.events(TokenEvent.SignInDue.class).isEmpty());
      for (int minute = 0; minute < 90; minute++) {
        engine.clock().advance(Duration.ofMinutes(1));
      }
      Await.until("it is due", () -> !engine.events(TokenEvent.SignInDue.class).isEmpty());
      List<TokenEvent.SignInDue> due = engine.events(TokenEvent.SignInDue.class);
      assertEquals(1, due.size());
      assertEquals(end, due.get(0).due());
      assertTrue(Duration.between(due.get(0).at(), end).toMinutes() >= 29);
    }
  }

  @Test
  void idleUser_notRenewed_unlessItsRefreshTokenWouldDie() {
    for (boolean limited : List.of(false, true)) {
      try (EngineFixture engine =
          EngineFixture.of(RotationProfile.STRICT)
              .broker(
                  broker ->
                      broker.profile(
                          profile -> {
                            if (limited) {
                              profile.refreshIdleLimit(Duration.ofMinutes(30));
                            }
                          }))
              .start()
              .signIn("alice")) {
        int before = engine.exchanges();
        engine.clock().jump(engine.server().life().minusSeconds(100));
        if (limited) {
          Await.until("it is renewed", () -> engine.exchanges() == before + 1);
        } else {
          engine.clock().jump(Duration.ofSeconds(5));
          engine.manager().status(FakeBroker.NAME, "alice");
          assertEquals(before, engine.exchanges());
        }
      }
    }
  }
}
