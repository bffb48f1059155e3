package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore;
import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
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

  /** The long run: {@code -DargLine=-Dtradeauth.expiries=1000}. */
  private static final int EXPIRIES = Integer.getInteger("tradeauth.expiries", 100);

  private static final int USERS = 25;
  private static final int ROUNDS = EXPIRIES / USERS;
  private static final int PROCESSES = 4;
  private static final String LOST = "SignInRequiredException.ROTATION_LOST";

  private Fleet fleet;

  /** Returns the address of a new store, as every process opens it. */
  abstract String newAddress() throws Exception;

  /** Opens the store in this process. */
  abstract TokenStore open(String address);

  /** Removes what was made. */
  abstract void clean() throws Exception;

  @BeforeAll
  final void start() throws Exception {
    String address = newAddress();
    fleet = new Fleet(address, open(address), PROCESSES);
  }

  @AfterAll
  final void stop() throws Exception {
    fleet.close();
    clean();
  }

  private static List<String> users(String name) {
    return IntStream.range(0, USERS).mapToObj(i -> name + "-" + i).toList();
  }

  private int spentTwice() {
    return fleet.engine().server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN);
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
    int twice = spentTwice();
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
    assertEquals(twice, spentTwice());
    assertEquals(ROUNDS * USERS, sum(events("Renewed", users)));
    assertEquals(0, sum(events("SignInRequired", users)) + sum(events("ReuseSuspected", users)));
    users.forEach(user -> assertTrue(fleet.engine().server().hasSession(user), user));
    tell(ROUNDS * USERS + " expiries, exchanges of each process " + events("Renewed", users));
  }

  /** The long run is asked for its figures. */
  private void tell(String figures) {
    if (EXPIRIES > 100) {
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

  /** One expiry of all users in which one process is killed and another takes its place. */
  private final class Cut {

    private final List<String> users;
    private final Map<String, Integer> exchanges;
    private final int twice = spentTwice();
    private final Set<String> open = new HashSet<>();
    private List<Fleet.Ask> asks = List.of();

    Cut(List<String> users) {
      this.users = users;
      this.exchanges = exchanges(users);
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
      assertEquals(lost.size(), spentTwice() - twice, "spent tokens sent in the probes alone");
      fleet.signIn(lost);
      return lost.size();
    }
  }
}
