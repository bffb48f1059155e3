package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenEvent;
import io.tradeauth.TokenStore;
import io.tradeauth.store.EngineChild.Failpoint;
import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whole processes are killed in the middle of exchanges with a server that ends a session when a
 * refresh token comes twice, and with one that forgives it; another process then goes on.
 */
abstract class CrashContract {

  /** More in the long run: {@code -Plong}. */
  private static final int KILLS = Integer.getInteger("tradeauth.kills", 20);

  /** So many processes are started and killed side by side. */
  private static final int PROCESSES = 4;

  /** So many exchanges are cut by one kill. */
  private static final int USERS = 5;

  /** So many exchanges are cut before the others go on. */
  private static final int AT_ONCE = PROCESSES * USERS;

  private static final Duration TICK = Duration.ofSeconds(1);
  private static final Duration LONGER_THAN_THE_HOLD = Duration.ofSeconds(75);

  private Address address;
  private EngineFixture engine;

  /** Returns the address of a new store. */
  abstract Address newAddress() throws Exception;

  @BeforeEach
  final void start() throws Exception {
    address = newAddress();
    engine = EngineFixture.of(RotationProfile.STRICT).store(address.open()).start();
  }

  @AfterEach
  final void stop() throws Exception {
    engine.close();
    address.close();
  }

  private static List<String> users(String name, int count) {
    return IntStream.range(0, count).mapToObj(i -> name + "-" + i).toList();
  }

  private EngineChild child(Failpoint point, String users) throws Exception {
    // The first one's connection is not for the others.
    engine
        .server()
        .fail(
            "token",
            Fault.after(answer -> answer.newBuilder().setHeader("Connection", "close").build()),
            1);
    return EngineChild.start(
        address.toString(),
        engine.server().tokenUri(),
        engine.clock().now(),
        engine.server().rotation(),
        point,
        users,
        USERS);
  }

  @ParameterizedTest
  @EnumSource(value = Failpoint.class, mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void killedAtAPoint_everyUserIsClassedRight_oneProbeAtMost_G1_X1_X2_X3_X4(Failpoint point)
      throws Exception {
    for (int kill = 0; kill < KILLS; kill += PROCESSES) {
      killAt(point, "killed" + kill);
    }
  }

  /** Kills processes in the middle of the exchanges of users, and returns these. */
  private List<String> killed(Failpoint point, String name) throws Exception {
    List<String> names =
        IntStream.range(0, PROCESSES).mapToObj(i -> name + (char) ('a' + i)).toList();
    List<String> users = names.stream().flatMap(each -> users(each, USERS).stream()).toList();
    names.forEach(each -> engine.signIn(EngineChild.first(each)));
    engine.signIn(users.toArray(String[]::new));
    engine.expire();
    List<EngineChild> children = new ArrayList<>();
    try {
      for (String each : names) {
        children.add(child(point, each));
      }
      for (EngineChild child : children) {
        child.awaitReady();
      }
      Gate gate = point == Failpoint.AFTER_SEND ? engine.server().holdAnswers("token") : null;
      for (EngineChild child : children) {
        child.go();
      }
      if (gate == null) {
        for (EngineChild child : children) {
          child.awaitStill(USERS);
        }
      } else {
        gate.awaitArrivals(AT_ONCE);
      }
      for (EngineChild child : children) {
        child.kill();
      }
      if (gate != null) {
        gate.open();
      }
    } finally {
      for (EngineChild child : children) {
        child.close();
      }
    }
    names.forEach(each -> engine.manager().forget(EngineChild.first(each)));
    return users;
  }

  private void killAt(Failpoint point, String name) throws Exception {
    List<String> users = killed(point, name);
    boolean begun = point != Failpoint.BEFORE_LOAD && point != Failpoint.AFTER_COMMIT;
    for (String user : users) {
      assertEquals(begun, engine.stored(user).intent() != null, "an intent is open");
    }
    int twiceBefore = engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN);
    int before = exchanges(users);
    users.forEach(engine.tokens()::getAsync);
    engine.live(Duration.ofSeconds(55));
    assertEquals(
        point == Failpoint.BEFORE_LOAD ? AT_ONCE : 0, exchanges(users) - before, "inside the hold");
    engine.live(LONGER_THAN_THE_HOLD);

    boolean rotated = point == Failpoint.AFTER_SEND || point == Failpoint.BEFORE_COMMIT;
    for (String user : users) {
      assertEquals(!rotated, isServed(user), user);
    }
    assertEquals(point == Failpoint.AFTER_COMMIT ? 0 : AT_ONCE, exchanges(users) - before);
    assertEquals(
        rotated ? AT_ONCE : 0,
        engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN) - twiceBefore);
    users.forEach(engine.manager()::forget); // or all of them would be renewed in later rounds
  }

  static Stream<Arguments> forgiven() {
    return Stream.of(RotationProfile.NONE, RotationProfile.leeway(LONGER_THAN_THE_HOLD))
        .flatMap(
            rotation ->
                Stream.of(Failpoint.AFTER_INTENT, Failpoint.BEFORE_COMMIT)
                    .map(point -> Arguments.of(rotation, point)));
  }

  /** The other process goes on by itself: nobody has to sign in, and no later expiry suffers. */
  @ParameterizedTest
  @MethodSource("forgiven")
  void killedWithTheIntentOpen_secondUseForgiven_oneExchangeServesAgain_X2_X3(
      RotationProfile rotation, Failpoint point) throws Exception {
    TokenStore store = engine.store();
    engine.close();
    engine = EngineFixture.of(rotation).store(store).start();
    List<String> users = killed(point, "forgiven");
    users.forEach(user -> assertNotNull(engine.stored(user).intent(), user));
    int before = exchanges(users);

    users.forEach(engine.tokens()::getAsync);
    engine.live(LONGER_THAN_THE_HOLD);

    users.forEach(user -> assertTrue(isServed(user), user));
    assertEquals(AT_ONCE, exchanges(users) - before);
    users.forEach(user -> assertNull(engine.stored(user).intent(), user));
    engine.expire();
    users.forEach(user -> assertTrue(isServed(user), user));
    assertEquals(2 * AT_ONCE, exchanges(users) - before);
    assertEquals(List.of(), engine.events(TokenEvent.SignInRequired.class));
  }

  /** Returns whether a user gets a token; else the rotation was lost, and nothing more is sent. */
  private boolean isServed(String user) {
    int before = engine.exchanges();
    CompletableFuture<AccessToken> got = engine.tokens().getAsync(user);
    engine.liveUntil(TICK, got::isDone);
    try {
      assertTrue(engine.server().accepts(got.join().value()));
      return true;
    } catch (CompletionException e) {
      assertEquals(
          SignInRequiredException.Reason.ROTATION_LOST,
          ((SignInRequiredException) e.getCause()).reason());
      assertEquals(before, engine.exchanges());
      return false;
    }
  }

  @Test
  void killedAtRandom_everyOutcomeIsClassed_neverASpentTokenBeyondOneProbe_G1() throws Exception {
    Random random = new Random(20_261_125);
    int lost = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      String name = "random" + kill;
      List<String> users = users(name, USERS);
      engine.signIn(EngineChild.first(name)).signIn(users.toArray(String[]::new));
      int twice = engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN);
      try (EngineChild child = child(Failpoint.NONE, name)) {
        child.awaitReady();
        int exchanges = engine.exchanges() + 1 + random.nextInt(20);
        child.go();
        while (engine.exchanges() < exchanges) {
          Thread.onSpinWait();
        }
        ChildJvm.spin(random.nextInt(8_000_000));
        child.kill();
      }
      lost += classify(users, twice);
      engine.manager().forget(EngineChild.first(name));
      users.forEach(engine.manager()::forget); // or all of them would be renewed in later rounds
    }
    assertTrue(lost < KILLS * USERS, "most kills cost nothing");
  }

  private int classify(List<String> users, int twiceBefore) {
    List<String> unknown =
        users.stream().filter(user -> engine.stored(user).intent() != null).toList();
    int before = exchanges(users);
    engine.expire();
    users.forEach(engine.tokens()::getAsync);
    engine.live(LONGER_THAN_THE_HOLD);
    int lost = 0;
    for (String user : users) {
      if (!isServed(user)) {
        assertTrue(unknown.contains(user), "a session is lost that was not in doubt");
        lost++;
      }
    }
    assertEquals(users.size(), exchanges(users) - before, "one exchange or one probe for each");
    assertEquals(
        lost,
        engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN) - twiceBefore,
        "a spent token is sent in the one probe alone");
    return lost;
  }

  private int exchanges(List<String> users) {
    return users.stream().mapToInt(user -> engine.server().count("token", user)).sum();
  }
}
