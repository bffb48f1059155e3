package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Simulator;
import io.tradeauth.testing.TokenLedger;
import io.tradeauth.testing.Wire;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import mockwebserver3.RecordedRequest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Four processes over one store are as one: each with a whole manager, in JVMs of their own,
 * against a server that ends a session when a refresh token is used twice.
 *
 * <p>The processes are started once for all tests, so each test has users of its own.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class FleetContract {

  /** More in the long run: {@code -Plong}. */
  private static final int EXPIRIES = Integer.getInteger("tradeauth.expiries", 100);

  /** More in the long run, 500 of the shorter ones: {@code -Plong}. */
  private static final int STOPS = Integer.getInteger("tradeauth.stops", 1);

  private static final int USERS = 25;
  private static final int ROUNDS = EXPIRIES / USERS;
  private static final int PROCESSES = 4;
  private static final Duration TICK = Duration.ofMillis(200);
  private static final Duration A_WHILE = Duration.ofSeconds(5);
  private static final Duration FIVE_MINUTES = Duration.ofMinutes(5);
  private static final String LOST = "SignInRequiredException.ROTATION_LOST";
  private static final String WRITES = "begin,commit,clear,supersede";
  private static final String ALL_CALLS = WRITES + ",load,list,changesSince,purge,forget";

  private static final Duration HALF_THE_HOLD = Duration.ofSeconds(30);
  private static final Duration TWICE_THE_HOLD = Duration.ofSeconds(120);

  private Address address;
  private Fleet fleet;

  /** Returns the address of a new store. */
  abstract Address newAddress() throws Exception;

  @BeforeAll
  final void start() throws Exception {
    address = newAddress();
    fleet = new Fleet(address.toString(), address.open(), PROCESSES);
  }

  @AfterAll
  final void stop() throws Exception {
    fleet.close();
    address.close();
  }

  @AfterEach
  final void mendStore() {
    fleet.tellAll("fail nothing");
  }

  private static List<String> users(String name) {
    return IntStream.range(0, USERS).mapToObj(i -> name + "-" + i).toList();
  }

  /** Those of other tests may still be probed, as time goes by. */
  private int spentTwice(List<String> users) {
    TokenLedger ledger = fleet.engine().server().ledger();
    return ledger.spentTwice(TokenLedger.Kind.REFRESH_TOKEN, users);
  }

  private List<Integer> events(String type, List<String> users) {
    return fleet.members().stream().map(member -> member.events(type, users)).toList();
  }

  private Map<String, Integer> exchanges(List<String> users) {
    Map<String, Integer> exchanges = new HashMap<>();
    users.forEach(user -> exchanges.put(user, fleet.exchanges(user)));
    return exchanges;
  }

  /**
   * Each answer of a round is the one token that was renewed in it. So no read goes back: neither
   * in a process, nor from one to another that was asked after the first had answered.
   */
  private static void assertOneNewToken(
      String user, List<Fleet.Ask> asks, Map<String, Long> newest) {
    Set<String> seen = new HashSet<>();
    asks.forEach(ask -> seen.addAll(ask.of(user)));
    assertEquals(1, seen.size(), () -> user + " got " + seen);
    long number = Long.parseLong(seen.iterator().next());
    Long before = newest.put(user, number);
    assertTrue(before == null || number > before, () -> user + ": " + number + " after " + before);
  }

  @Test
  void fourProcesses_everyExpiry_oneExchange_sameNewTokenInAll_noReadGoesBack_G4_G5_X9() {
    List<String> users = users("racing");
    fleet.signIn(users);
    Map<String, Long> newest = new HashMap<>();
    int twice = spentTwice(users);
    Map<String, Integer> before = exchanges(users);
    for (int round = 1; round <= ROUNDS; round++) {
      Map<String, Integer> exchanges = exchanges(users);
      fleet.expire();
      List<Fleet.Ask> asks = fleet.askAll("get", users);
      fleet.flowUntil(() -> asks.stream().allMatch(Fleet.Ask::isDone));
      fleet.settle();
      for (String user : users) {
        assertOneNewToken(user, asks, newest);
        assertEquals(1, fleet.exchanges(user) - exchanges.get(user), user);
      }
    }
    assertEquals(ROUNDS * USERS, sum(exchanges(users).values()) - sum(before.values()));
    assertEquals(twice, spentTwice(users));
    assertEquals(ROUNDS * USERS, sum(events("Renewed", users)));
    assertEquals(0, sum(events("SignInRequired", users)) + sum(events("ReuseSuspected", users)));
    users.forEach(user -> assertTrue(fleet.engine().server().hasSession(user), user));
    tell(ROUNDS * USERS + " expiries, exchanges of each process " + events("Renewed", users));
  }

  /** The long run is asked for its figures. */
  private void tell(String figures) {
    if (EXPIRIES > 100 || STOPS > 1) {
      System.out.println(getClass().getSimpleName() + ": " + figures);
    }
  }

  private static int sum(Collection<Integer> counts) {
    return counts.stream().mapToInt(count -> count).sum();
  }

  @Test
  void processesKilledAndRestartedAtRandom_onlyCutRotationsAreLost_oneProbeAtMost_G1_G4_X3_X4()
      throws Exception {
    Random random = new Random(20_261_126);
    List<String> users = users("killed");
    fleet.signIn(users);
    Map<String, Long> newest = new HashMap<>();
    int cut = 0;
    int lost = 0;
    for (int round = 1; round <= ROUNDS; round++) {
      Cut kill = new Cut(users);
      kill.during(random);
      cut += kill.open.size();
      lost += kill.classify(newest);
    }
    assertTrue(lost <= cut);
    tell(ROUNDS * USERS + " expiries, " + ROUNDS + " kills, " + cut + " cut, " + lost + " lost");
  }

  /**
   * All processes are asked all the time: while tokens end at once for all, while they are renewed
   * in good time, and while one process is killed in the middle of it.
   */
  @Test
  void readAllTheTime_someKilled_noReadGoesBackAndNoneIsPastItsEnd_G4_G5_X3_X9() throws Exception {
    Random random = new Random(20_261_127);
    List<String> users = users("read");
    fleet.signIn(users);
    Set<String> lost = new HashSet<>();
    fleet.startReading(users);
    for (int round = 1; round <= ROUNDS; round++) {
      fleet.settle(); // a token on its way would have ended when it came
      int twice = spentTwice(users);
      Map<String, Integer> before = exchanges(users);
      Set<String> cut = expireAndKill(users, random);
      List<Fleet.Ask> asks = answers(fleet.askAll("get", users));
      List<String> gone = users.stream().filter(user -> theOne(user, asks).equals(LOST)).toList();
      assertTrue(cut.containsAll(gone), () -> gone + " are lost, and in doubt were only " + cut);
      for (String user : users) {
        int sent = fleet.exchanges(user) - before.get(user);
        assertEquals(gone.contains(user) ? 2 : 1, sent, () -> user + ": one exchange, or a probe");
      }
      gone.forEach(user -> assertFalse(fleet.history().wasServed(newestAccessToken(user)), user));
      lost.addAll(gone);
      fleet.signIn(gone);
      renewInGoodTime(users);
      assertEquals(gone.size(), spentTwice(users) - twice, "spent tokens sent in the probes alone");
    }
    History history = fleet.stopReading();
    history.check(fleet.engine().server().ledger(), fleet.engine().server().life());
    assertTrue(lost.containsAll(history.told(LOST)), "whoever was lost is known");
    assertTrue(Set.of(LOST).containsAll(history.failures()), () -> "" + history.failures());
    tell(history.size() + " reads, " + ROUNDS + " kills, " + lost.size() + " users lost");
  }

  /** Returns the users whose exchanges the kill has cut. */
  private Set<String> expireAndKill(List<String> users, Random random) throws Exception {
    int until = fleet.engine().exchanges() + 1 + random.nextInt(users.size() - 1);
    fleet.expire();
    fleet.flowUntil(() -> fleet.engine().exchanges() >= until);
    Fleet.Member next = fleet.replace(fleet.members().get(random.nextInt(PROCESSES)));
    fleet.askAll("get", users); // so that what is open afterwards is not just begun
    fleet.settle();
    Set<String> cut = new HashSet<>(users);
    cut.removeIf(user -> !fleet.isIntentOpen(user));
    fleet.welcome(next);
    return cut;
  }

  private String newestAccessToken(String user) {
    TokenLedger ledger = fleet.engine().server().ledger();
    return Objects.requireNonNull(ledger.newest(TokenLedger.Kind.ACCESS_TOKEN, user));
  }

  /** Lets tokens that are still good be renewed: some processes serve them, some the next ones. */
  private void renewInGoodTime(List<String> users) {
    fleet.settle();
    Map<String, Integer> before = exchanges(users);
    fleet.jump(fleet.engine().server().life().dividedBy(2));
    fleet.stepUntil(
        A_WHILE, () -> users.stream().allMatch(u -> fleet.exchanges(u) > before.get(u)));
  }

  // What one process does and the others must know ----------------------------------------------

  /** Lets all processes have seen these users: each may renew them when their tokens end. */
  private List<String> signedIn(String name, int count) {
    List<String> users = users(name).subList(0, count);
    fleet.signIn(users);
    answers(fleet.askAll("get", users));
    return users;
  }

  /** Lets one process alone have seen this user. */
  private String signedInAt(Fleet.Member member, String name) {
    String user = users(name).get(0);
    fleet.signIn(List.of(user));
    answer(member, "get", user);
    return user;
  }

  /** Lets time go by until all have answered. */
  private List<Fleet.Ask> answers(List<Fleet.Ask> asks) {
    fleet.stepUntil(TICK, () -> asks.stream().allMatch(Fleet.Ask::isDone));
    return asks;
  }

  /** Asks one process for a user and returns the one answer. */
  private String answer(Fleet.Member member, String what, String user, String... more) {
    return theOne(user, answers(List.of(member.ask(what, user, more))));
  }

  /** Asks all processes for a user and returns the one answer of all. */
  private String answerOfAll(String user) {
    return theOne(user, answers(fleet.askAll("get", List.of(user))));
  }

  private static String theOne(String user, List<Fleet.Ask> asks) {
    Set<String> all = new HashSet<>();
    asks.forEach(ask -> all.addAll(ask.of(user)));
    assertEquals(1, all.size(), all::toString);
    return all.iterator().next();
  }

  private void assertServedByAll(String user) {
    assertTrue(Long.parseLong(answerOfAll(user)) > 0);
  }

  @Test
  void signInAndSignOutInOneProcess_seenByAllWithinFiveSeconds_C9_C10() {
    String user = signedIn("comes-and-goes", 1).get(0);
    fleet.expire();
    long before = Long.parseLong(answerOfAll(user));
    int exchanges = fleet.exchanges(user);

    answer(fleet.members().get(1), "signOut", user);
    fleet.live(Duration.ofSeconds(5));
    assertEquals("SignInRequiredException.SIGNED_OUT", answerOfAll(user));

    String signedIn = signInAt(2, user);
    assertEquals(signedIn, answerOfAll(user));
    assertTrue(Long.parseLong(signedIn) > before);

    // Also while the token of before is still good.
    assertEquals(signInAt(3, user), answerOfAll(user));
    assertEquals(2, fleet.exchanges(user) - exchanges);
  }

  private String signInAt(int process, String user) {
    String refreshToken = fleet.engine().server().refreshToken(user);
    String signedIn = answer(fleet.members().get(process), "signIn", user, refreshToken);
    fleet.live(Duration.ofSeconds(5));
    return signedIn;
  }

  @Test
  void allProcessesRenewAllTheTime_exchangesOfAUserFiveSecondsApart_A10() {
    String user = signedIn("impatient", 1).get(0);
    fleet.expire();
    Instant start = fleet.engine().clock().now();
    for (int second = 0; second < 20; second++) {
      answers(fleet.members().stream().map(member -> member.ask("renew", user)).toList());
      fleet.live(Duration.ofSeconds(1));
    }
    List<Instant> sent = sentSince(start, call -> call.owner().equals(user));
    assertTrue(sent.size() > 3, sent::toString);
    for (int i = 1; i < sent.size(); i++) {
      Duration apart = Duration.between(sent.get(i - 1), sent.get(i));
      assertTrue(apart.compareTo(Duration.ofSeconds(5)) >= 0, sent::toString);
    }
  }

  private List<Instant> sentSince(Instant start, Predicate<Simulator.Call> which) {
    return fleet.engine().server().calls().stream()
        .filter(call -> call.endpoint().equals("token") && !call.at().isBefore(start))
        .filter(which)
        .map(Simulator.Call::at)
        .toList();
  }

  @Test
  void clientSecretWrongInAllProcesses_atMostFiveRefusedInFiveMinutes_A10_G31() {
    List<String> users = signedIn("refused", USERS);
    Instant start = fleet.engine().clock().now();
    fleet.tellAll("secret canary-wrong");
    fleet.expire();
    for (int minute = 0; minute < 12; minute++) {
      fleet.askAll("get", users);
      fleet.stepFor(A_WHILE, Duration.ofMinutes(1));
    }
    List<Instant> refused = sentSince(start, call -> call.status() == 401);
    assertTrue(refused.size() > 1, "it was put to the test");
    for (Instant first : refused) {
      Instant end = first.plus(FIVE_MINUTES);
      long together =
          refused.stream().filter(at -> !at.isBefore(first) && at.isBefore(end)).count();
      assertTrue(together <= 5, refused::toString);
    }
    fleet.tellAll("secret " + FakeAuthorizationServer.CLIENT_SECRET);
    fleet.stepFor(A_WHILE, FIVE_MINUTES);
    users.forEach(this::assertServedByAll);
  }

  @Test
  void deadUserAskedForInAllProcesses_atMostThreeExchanges_noneAfterARestart_G29()
      throws Exception {
    List<String> users = signedIn("mortal", 5);
    String dead = users.get(0);
    fleet.engine().server().endSessions(dead);
    int before = fleet.exchanges(dead);
    fleet.expire();
    for (int minute = 0; minute < 10; minute++) {
      assertEquals("SignInRequiredException.GRANT_REFUSED", answerOfAll(dead));
      users.subList(1, 5).forEach(this::assertServedByAll);
      fleet.stepFor(A_WHILE, Duration.ofMinutes(1));
    }
    int sent = fleet.exchanges(dead);
    assertTrue(sent - before <= 3, () -> sent - before + " exchanges for the dead user");
    fleet.welcome(fleet.replace(fleet.members().get(0)));
    assertEquals("SignInRequiredException.GRANT_REFUSED", answerOfAll(dead));
    assertEquals(sent, fleet.exchanges(dead));
  }

  @Test
  void noProcessCanWriteForAMinute_nothingSent_thenAllServedWithoutASignIn_G2() {
    List<String> users = signedIn("patient", 5);
    Map<String, Integer> before = exchanges(users);
    fleet.tellAll("fail " + WRITES);
    fleet.expire();
    for (int i = 0; i < 4; i++) {
      List<Fleet.Ask> asks = answers(fleet.askAll("get", users));
      users.forEach(user -> assertEquals("TokenStoreException.WRITE_FAILED", theOne(user, asks)));
      fleet.live(Duration.ofSeconds(15));
    }
    assertEquals(before, exchanges(users));
    fleet.tellAll("fail nothing");
    for (String user : users) {
      assertServedByAll(user);
      assertEquals(before.get(user) + 1, fleet.exchanges(user));
    }
  }

  /** The server has rotated, and for a while the one process that knows can't save it. */
  @Test
  void renewedTokensCantBeSaved_ownerServesThem_othersSendNothing_allServedOnceSaved_G3() {
    Fleet.Member owner = fleet.members().get(0);
    String user = signedInAt(owner, "unsaved");
    List<Fleet.Member> others = fleet.members().subList(1, PROCESSES);
    int before = fleet.exchanges(user);
    int twice = spentTwice(List.of(user));
    owner.tell("fail commit");
    fleet.expire();
    String unsaved = answer(owner, "get", user);
    assertTrue(Long.parseLong(unsaved) > 0);

    List<Fleet.Ask> asked = others.stream().map(other -> other.ask("get", user)).toList();
    for (int i = 0; i < 10; i++) {
      fleet.live(Duration.ofSeconds(2));
      assertEquals(unsaved, answer(owner, "get", user));
    }
    asked.forEach(ask -> assertEquals(List.of(), ask.of(user), "not saved, so not for others"));
    owner.tell("fail nothing");
    assertEquals(unsaved, theOne(user, answers(asked)));

    assertEquals(before + 1, fleet.exchanges(user));
    assertEquals(1, owner.events("UnsavedRotation", List.of(user)));
    fleet.expire();
    assertServedByAll(user);
    assertEquals(before + 2, fleet.exchanges(user));
    assertEquals(twice, spentTwice(List.of(user)));
  }

  @Test
  void storeGoneForTenMinutes_livingTokensServed_nothingSent_allServedOnceItIsBack_G12_X11() {
    List<String> users = signedIn("cut-off", 5);
    Map<String, String> tokens = new HashMap<>();
    users.forEach(user -> tokens.put(user, answerOfAll(user)));
    Map<String, Integer> before = exchanges(users);
    fleet.jump(fleet.engine().server().life().minus(Duration.ofMinutes(8)));
    fleet.tellAll("fail " + ALL_CALLS);
    for (int minute = 0; minute < 7; minute++) {
      users.forEach(user -> assertEquals(tokens.get(user), answerOfAll(user)));
      fleet.stepFor(A_WHILE, Duration.ofMinutes(1));
    }
    for (int minute = 7; minute < 10; minute++) {
      users.forEach(user -> assertEquals("TokenStoreException.WRITE_FAILED", answerOfAll(user)));
      fleet.stepFor(A_WHILE, Duration.ofMinutes(1));
    }
    assertEquals(before, exchanges(users));
    fleet.tellAll("fail nothing");
    for (String user : users) {
      assertServedByAll(user);
      assertEquals(before.get(user) + 1, fleet.exchanges(user));
    }
    assertEquals(0, sum(events("SignInRequired", users)));
  }

  /** An API refuses the token that all have; one has renewed it, the others take that. */
  @Test
  void tokenRefusedByTheApi_renewedByOneProcess_adoptedByTheOthers_G5() {
    String user = signedIn("rejected", 1).get(0);
    assertServedByAll(user);
    fleet.live(Duration.ofSeconds(10));
    int before = fleet.exchanges(user);
    String renewed = answer(fleet.members().get(0), "instead", user);
    for (Fleet.Member other : fleet.members().subList(1, PROCESSES)) {
      assertEquals(renewed, answer(other, "instead", user));
    }
    assertEquals(before + 1, fleet.exchanges(user));
  }

  /** A process was held up on its way to the server for so long that another took over. */
  @Test
  void refusedAfterAnotherProcessHasRenewed_itsTokensAreAdopted_G5_P13() {
    Fleet.Member slow = fleet.members().get(0);
    String user = signedInAt(slow, "overtaken");
    FakeAuthorizationServer server = fleet.engine().server();
    CountDownLatch held = new CountDownLatch(1);
    AtomicBoolean isFirst = new AtomicBoolean(true);
    server.watch(request -> holdIf(isOf(user, request) && isFirst.getAndSet(false), held));
    int before = fleet.exchanges(user);
    fleet.expire();
    Fleet.Ask overtaken = slow.ask("get", user);
    Fleet.Ask taken;
    try {
      fleet.flowUntil(() -> !isFirst.get());
      taken = fleet.members().get(1).ask("get", user);
      fleet.stepOthersUntil(slow, Duration.ofSeconds(1), taken::isDone);
      server.fail("token", Fault.json(400, "{\"error\":\"invalid_grant\"}"), 1);
    } finally {
      held.countDown();
    }

    String adopted = theOne(user, answers(List.of(overtaken, taken)));

    assertTrue(Long.parseLong(adopted) > 0);
    assertEquals(2, fleet.exchanges(user) - before);
    assertEquals(0, sum(events("SignInRequired", List.of(user))));
    assertEquals(0, sum(events("ReuseSuspected", List.of(user))));
    fleet.expire();
    assertServedByAll(user);
  }

  private boolean isOf(String user, RecordedRequest request) {
    String sent = Wire.form(request).getOrDefault("refresh_token", "");
    return user.equals(fleet.engine().server().ledger().owner(sent));
  }

  private static void holdIf(boolean hold, CountDownLatch until) {
    try {
      if (hold) {
        until.await();
      }
    } catch (InterruptedException e) {
      // The server is being shut down.
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void refreshTokenSpentByAStranger_oneProcessSuspects_noneSendsAgain_G8() {
    String user = signedIn("robbed", 1).get(0);
    fleet.engine().server().endRefreshTokens(user);
    int before = fleet.exchanges(user);
    fleet.expire();

    assertEquals("SignInRequiredException.GRANT_REFUSED", answerOfAll(user));

    fleet.live(Duration.ofSeconds(10));
    assertEquals("SignInRequiredException.GRANT_REFUSED", answerOfAll(user));
    assertEquals(1, fleet.exchanges(user) - before);
    assertEquals(1, sum(events("ReuseSuspected", List.of(user))));
    assertEquals(1, sum(events("SignInRequired", List.of(user))));
  }

  // Processes that stand still -------------------------------------------------------------------

  /** Where in an exchange its process stands still. */
  private enum Point {
    BEFORE_BEGIN,
    AFTER_BEGIN,
    BEFORE_COMMIT,
    AFTER_COMMIT;

    String ofTheStore() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    boolean isSent() {
      return this == BEFORE_COMMIT || this == AFTER_COMMIT;
    }
  }

  /**
   * What came of an expiry in which a process stood still.
   *
   * @param asks what both processes were asked
   * @param sent how many exchanges the server saw
   */
  private record Stopped(List<Fleet.Ask> asks, int sent) {}

  @Test
  void ownerStoppedForHalfTheHold_nothingSentMeanwhile_sessionLives_G11_T4() throws Exception {
    for (Point point : Point.values()) {
      for (int i = 0; i < STOPS; i++) {
        String user = "stopped-" + point.ofTheStore() + i;
        Stopped stopped = stopOwner(user, point, HALF_THE_HOLD);
        assertEquals(1, stopped.sent(), point::name);
        assertServedOrAskedToComeAgain(user, stopped.asks());
      }
    }
  }

  @Test
  void ownerStoppedForTwiceTheHold_onlyAnAnswerItHadInHandIsLost_G11_T4() throws Exception {
    int lost = 0;
    for (Point point : Point.values()) {
      for (int i = 0; i < STOPS; i++) {
        String user = "stopped-long-" + point.ofTheStore() + i;
        Stopped stopped = stopOwner(user, point, TWICE_THE_HOLD);
        if (point == Point.BEFORE_COMMIT) {
          assertEquals(LOST, theOne(user, stopped.asks()));
          assertEquals(2, stopped.sent(), "what was stopped, and one probe");
          lost++;
        } else {
          assertEquals(1, stopped.sent(), point::name);
          assertServedOrAskedToComeAgain(user, stopped.asks());
        }
      }
    }
    tell(lost + " of " + Point.values().length * STOPS + " long stops lost");
  }

  /** Who had to find out that it was too late to send says so; all others have the new token. */
  private void assertServedOrAskedToComeAgain(String user, List<Fleet.Ask> asks) {
    String token = answerOfAll(user);
    assertTrue(Long.parseLong(token) > 0);
    for (Fleet.Ask ask : asks) {
      assertTrue(
          Set.of(token, "BrokerUnavailableException.UNREACHABLE").containsAll(ask.of(user)),
          () -> ask.of(user).toString());
    }
    assertTrue(fleet.engine().server().hasSession(user));
    fleet.expire();
    assertServedByAll(user); // by the refresh token that is stored, which must be the server's
  }

  /** Lets one process stand still in the middle of an exchange while another is asked. */
  private Stopped stopOwner(String user, Point point, Duration span) throws Exception {
    Fleet.Member owner = fleet.members().get(0);
    // In nobody's memory, so that no other process renews it in the background.
    fleet.signIn(List.of(user));
    fleet.expire();
    int before = fleet.exchanges(user);
    int halts = owner.halts();
    owner.tell("halt " + point.ofTheStore() + " " + user);
    Fleet.Ask halted = owner.ask("get", user);
    fleet.flowUntil(() -> owner.halts() > halts);
    fleet.settle(); // or it might be stopped while it holds a lock of the store for another user
    fleet.stop(owner);
    long end = fleet.engine().clock().wallMillis() + span.toMillis();
    Fleet.Ask other = fleet.members().get(1).ask("get", user);
    fleet.stepOthersUntil(
        owner, Duration.ofSeconds(1), () -> fleet.engine().clock().wallMillis() >= end);
    boolean isWaitedFor = point == Point.AFTER_BEGIN || point == Point.BEFORE_COMMIT;
    if (isWaitedFor && span.equals(HALF_THE_HOLD)) {
      assertEquals(point.isSent() ? 1 : 0, fleet.exchanges(user) - before, point::name);
      assertFalse(other.isDone(), point::name);
    }
    fleet.resume(owner);
    owner.tell("go");
    List<Fleet.Ask> asks = answers(List.of(halted, other));
    return new Stopped(asks, fleet.exchanges(user) - before);
  }

  /** One expiry of all users in which one process is killed and another takes its place. */
  private final class Cut {

    private final List<String> users;
    private final Map<String, Integer> exchanges;
    private final int twice;
    private final Set<String> open = new HashSet<>();
    private List<Fleet.Ask> asks = List.of();

    Cut(List<String> users) {
      this.users = users;
      this.exchanges = exchanges(users);
      this.twice = spentTwice(users);
    }

    void during(Random random) throws Exception {
      fleet.expire();
      asks = fleet.askAll("get", users);
      int until = fleet.engine().exchanges() + 1 + random.nextInt(USERS - 1);
      fleet.flowUntil(() -> fleet.engine().exchanges() >= until);
      spin(random.nextInt(3_000_000));
      Fleet.Member next = fleet.replace(fleet.members().get(random.nextInt(PROCESSES)));
      fleet.settle();
      users.stream().filter(fleet::isIntentOpen).forEach(open::add);
      fleet.stepUntil(Duration.ofSeconds(2), () -> asks.stream().allMatch(Fleet.Ask::isDone));
      fleet.welcome(next);
    }

    private void spin(long nanos) {
      long start = System.nanoTime();
      while (System.nanoTime() - start < nanos) {
        Thread.onSpinWait();
      }
    }

    /** Returns how many were lost, and lets these users sign in again. */
    int classify(Map<String, Long> newest) {
      List<String> lost = new ArrayList<>();
      for (String user : users) {
        int sent = fleet.exchanges(user) - exchanges.get(user);
        if (asks.stream().anyMatch(ask -> ask.of(user).contains(LOST))) {
          assertTrue(open.contains(user), () -> user + " is lost and was not in doubt");
          assertTrue(
              asks.stream().allMatch(ask -> Set.of(LOST).containsAll(ask.of(user))),
              "nobody has got what was not saved");
          assertEquals(2, sent, "what was cut, and one probe");
          lost.add(user);
        } else {
          assertEquals(1, sent, user);
          assertOneNewToken(user, asks, newest);
        }
      }
      assertEquals(lost.size(), spentTwice(users) - twice, "spent tokens sent in the probes alone");
      fleet.signIn(lost);
      return lost.size();
    }
  }
}
