package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How often something may be tried: by user, by client, and by what the server says. */
class BudgetsTest {

  private static final Duration HALF_MINUTE = Duration.ofSeconds(30);
  private static final Duration FIVE_MINUTES = Duration.ofMinutes(5);

  private final ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");

  // Forced renewals (G25, P17)

  private final ForcedRenewals forced = new ForcedRenewals(clock);

  /** What was overtaken renews nothing, so the next one must not be told to wait for it. */
  @Test
  void forced_askedByWhatIsOver_countsForNone() {
    forced.ask("alice", token("first"), false, () -> true);

    assertTrue(ask("first").isGranted());
    assertFalse(ask("first").isGranted());
  }

  @Test
  void forced_onceInThirtySeconds_G25() {
    assertTrue(ask("first").isGranted());
    ForcedRenewals.Verdict second = ask("second");
    assertFalse(second.isGranted());
    assertEquals(HALF_MINUTE, second.pause());
    assertEquals(BrokerUnavailableException.Reason.COOLING_DOWN, second.reason());

    clock.advance(Duration.ofMillis(29_999));
    assertEquals(Duration.ofMillis(1), ask("second").pause());
    clock.advance(Duration.ofMillis(1));
    assertTrue(ask("second").isGranted());
  }

  @Test
  void forced_eachLoginForItself() {
    assertTrue(ask("first").isGranted());
    assertTrue(forced.ask("bob", token("first"), false, () -> false).isGranted());
  }

  @Test
  void forced_twoFruitless_pausedForFiveMinutes_thenOneMore_G25() {
    assertTrue(ask("old").isGranted());
    forced.made("alice", token("new-1"));
    clock.advance(HALF_MINUTE);
    assertTrue(ask("new-1").isGranted());
    forced.made("alice", token("new-2"));
    clock.advance(HALF_MINUTE);
    ForcedRenewals.Verdict fruitless = ask("new-2");
    assertEquals(
        BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN, fruitless.reason());
    assertEquals(FIVE_MINUTES, fruitless.pause());
    assertTrue(fruitless.isNew());

    clock.advance(FIVE_MINUTES.minusMillis(1));
    ForcedRenewals.Verdict still = ask("new-2");
    assertEquals(BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN, still.reason());
    assertEquals(Duration.ofMillis(1), still.pause());
    assertFalse(still.isNew());
    clock.advance(Duration.ofMillis(1));
    assertTrue(ask("new-2").isGranted(), "perhaps the cause is gone");
  }

  @Test
  void forced_fruitlessAgainAfterAPause_fiveMinutesAgain_G25() {
    pauseOnce();
    assertTrue(ask("x").isGranted());
    forced.made("alice", token("y-1"));
    clock.advance(HALF_MINUTE);
    assertTrue(ask("y-1").isGranted());
    forced.made("alice", token("y-2"));
    clock.advance(HALF_MINUTE);
    ForcedRenewals.Verdict again = ask("y-2");
    assertEquals(BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN, again.reason());
    assertEquals(FIVE_MINUTES, again.pause());
  }

  @Test
  void forced_madeTokenWorkedForMinutes_itHelped_G25() {
    for (int i = 0; i < 10; i++) {
      assertTrue(ask("token-" + i).isGranted());
      forced.made("alice", token("token-" + (i + 1)));
      clock.advance(Duration.ofMinutes(14));
    }
  }

  /** Only the first refusal of what was made tells whether it has helped. */
  @Test
  void forced_refusedAfterAMinute_isFruitlessByItsFirstRefusal_G25() {
    ask("old");
    forced.made("alice", token("new-1"));
    assertFalse(ask("new-1").isGranted(), "refused at once, and too early to force another");
    clock.advance(Duration.ofMinutes(2));
    assertTrue(ask("new-1").isGranted());
    forced.made("alice", token("new-2"));
    clock.advance(Duration.ofSeconds(60));
    assertEquals(
        BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN, ask("new-2").reason());
  }

  @Test
  void forced_refusedJustAfterAMinute_itHelped_G25() {
    ask("old");
    forced.made("alice", token("new-1"));
    clock.advance(HALF_MINUTE);
    assertTrue(ask("new-1").isGranted());
    forced.made("alice", token("new-2"));
    clock.advance(Duration.ofMillis(60_001));
    assertTrue(ask("new-2").isGranted());
  }

  @Test
  void forced_anHourAfterTheFirst_stillThirtySecondsApart_G25() {
    assertTrue(ask("first").isGranted());
    clock.advance(Duration.ofMinutes(60).minusSeconds(2));
    assertTrue(ask("second").isGranted());
    clock.advance(Duration.ofSeconds(3));
    assertFalse(ask("third").isGranted(), "five seconds after the last");
    forced.sweep();
    assertFalse(ask("third").isGranted());
  }

  @Test
  void forced_exclusive_anyHourCounts_notTheOneSinceTheFirst() {
    assertTrue(exclusive("a").isGranted());
    clock.advance(Duration.ofMinutes(50));
    assertTrue(exclusive("b").isGranted());
    clock.advance(Duration.ofMinutes(11));
    assertTrue(exclusive("c").isGranted(), "two within an hour");
    clock.advance(Duration.ofMinutes(11));
    assertEquals(BrokerUnavailableException.Reason.SESSION_TAKEN_OVER, exclusive("d").reason());
  }

  private void pauseOnce() {
    ask("old");
    forced.made("alice", token("new-1"));
    clock.advance(HALF_MINUTE);
    ask("new-1");
    forced.made("alice", token("new-2"));
    clock.advance(HALF_MINUTE);
    assertFalse(ask("new-2").isGranted());
    clock.advance(FIVE_MINUTES);
  }

  @Test
  void forced_renewalHelped_anotherTokenRefusedLater_countsAnew() {
    for (int i = 0; i < 10; i++) {
      assertTrue(ask("token-" + i).isGranted());
      forced.made("alice", token("made-" + i));
      clock.advance(HALF_MINUTE);
    }
  }

  @Test
  void forced_exclusive_thirdRefusalInAnHour_takenOver_doubling() {
    assertTrue(exclusive("a").isGranted());
    clock.advance(HALF_MINUTE);
    assertTrue(exclusive("b").isGranted());
    clock.advance(HALF_MINUTE);
    ForcedRenewals.Verdict takenOver = exclusive("c");
    assertEquals(BrokerUnavailableException.Reason.SESSION_TAKEN_OVER, takenOver.reason());
    assertEquals(FIVE_MINUTES, takenOver.pause());
    assertTrue(takenOver.isNew());

    clock.advance(FIVE_MINUTES);
    assertTrue(exclusive("c").isGranted(), "the next login");
    clock.advance(HALF_MINUTE);
    assertEquals(Duration.ofMinutes(10), exclusive("d").pause());
  }

  @Test
  void forced_exclusive_takeoversRememberedForAnHourAfterThePause() {
    assertEquals(FIVE_MINUTES, takenOver());
    clock.advance(FIVE_MINUTES.plusMinutes(60));
    forced.sweep();
    assertEquals(Duration.ofMinutes(10), takenOver());
    clock.advance(Duration.ofMinutes(70).plusMillis(1));
    forced.sweep();
    assertEquals(FIVE_MINUTES, takenOver());
  }

  /** Has renewals refused until somebody else is seen to log in; returns the pause. */
  private Duration takenOver() {
    ForcedRenewals.Verdict verdict = exclusive("refused");
    while (verdict.isGranted()) {
      clock.advance(HALF_MINUTE);
      verdict = exclusive("refused");
    }
    assertEquals(BrokerUnavailableException.Reason.SESSION_TAKEN_OVER, verdict.reason());
    return verdict.pause();
  }

  @Test
  void forced_exclusive_refusalsAnHourApart_neverTakenOver() {
    for (int i = 0; i < 6; i++) {
      assertTrue(exclusive("token-" + i).isGranted());
      clock.advance(Duration.ofMinutes(61));
    }
  }

  @Test
  void forced_newSignIn_nothingRemembered() {
    ask("old");
    forced.forget("alice");
    assertTrue(ask("new").isGranted());
  }

  @Test
  void forced_sweep_onlyWhatIsOld() {
    ask("old");
    clock.advance(Duration.ofSeconds(10));
    forced.sweep();
    assertFalse(ask("new").isGranted(), "ten seconds are remembered");
    clock.advance(Duration.ofMinutes(61));
    forced.sweep();
    assertTrue(ask("new").isGranted());
  }

  private ForcedRenewals.Verdict ask(String rejected) {
    return forced.ask("alice", token(rejected), false, () -> false);
  }

  private ForcedRenewals.Verdict exclusive(String rejected) {
    return forced.ask("alice", token(rejected), true, () -> false);
  }

  private AccessToken token(String value) {
    return AccessToken.of(
        "canary-" + value, clock.now().plusSeconds(900), ApiHosts.of("https://api.example.com"));
  }

  // Clients (G31, P14)

  private final ClientBudget budget = new ClientBudget(clock);
  private final List<String> woken = new ArrayList<>();
  private int refusals;

  private static final ClientBudget.Remembered NOTHING =
      new ClientBudget.Remembered(Map.of(), Map.of(), Map.of(), Instant.EPOCH);

  @Test
  void client_unproven_oneAtATime_theOthersWait_G31() {
    ClientBudget.Turn first = turn("a");
    assertWaits("b");
    assertWaits("c");
    first.accepted();
    assertEquals(List.of("b", "c"), woken);
    turn("b");
    turn("c");
  }

  @Test
  void client_nothingLearned_nextOneTries() {
    turn("a").nothingLearned();
    turn("b");
    assertWaits("c");
  }

  @Test
  void client_nothingLearned_oneOfThoseWhoWaitIsWoken() {
    ClientBudget.Turn first = turn("a");
    assertWaits("b");
    assertWaits("c");
    first.nothingLearned();
    assertEquals(List.of("b"), woken);
    refuse(turn("b"));
    assertEquals(List.of("b", "c"), woken);
  }

  @Test
  void client_refusedTwice_pausedFiveMinutes_thenOneEach_G31() {
    refuse(turn("a"));
    assertNull(pause());
    refuse(turn("b"));
    assertEquals(FIVE_MINUTES, pause());
    assertPaused("c");
    clock.advance(FIVE_MINUTES.minusMillis(1));
    assertPaused("c");
    clock.advance(Duration.ofMillis(1));
    refuse(turn("c"));
    assertEquals(FIVE_MINUTES, pause());
  }

  @Test
  void client_refusedTwice_whoWaitsIsWokenToFail() {
    refuse(turn("a"));
    ClientBudget.Turn second = turn("b");
    assertWaits("c");
    assertWaits("d");
    refuse(second);
    assertEquals(List.of("c", "d"), woken);
    assertPaused("c");
    budget.adopt(NOTHING);
    assertEquals(List.of("c", "d"), woken, "each is woken once");
  }

  @Test
  void client_acceptedInBetween_countsAnew() {
    refuse(turn("a"));
    turn("b").accepted();
    refuse(turn("c"));
    assertNull(pause());
    turn("d");
    assertWaits("e"); // it must prove itself again
  }

  /** An answer that was under way when another was refused proves nothing newer. */
  @Test
  void client_acceptedThatWasSentBeforeTheRefusal_provesNothing_G31() {
    turn("a").accepted();
    ClientBudget.Turn slow = turn("b");
    ClientBudget.Turn other = turn("c");
    refuse(turn("d"));
    slow.accepted();
    assertWaits("e");
    refuse(other);
    assertEquals(FIVE_MINUTES, pause());
  }

  @Test
  void client_provenWithinAMinute_noLimit_laterFourUntilAccepted_G31() {
    turn("a").accepted();
    for (int i = 0; i < 64; i++) {
      turn("b").nothingLearned();
    }
    clock.advance(Duration.ofSeconds(60));
    List<ClientBudget.Turn> many = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      many.add(turn("b"));
    }
    many.forEach(ClientBudget.Turn::nothingLearned);
    clock.advance(Duration.ofMillis(1));
    ClientBudget.Turn first = turn("c");
    turn("c");
    turn("c");
    turn("c");
    assertWaits("d");
    first.accepted();
    assertEquals(List.of("d"), woken);
    turn("d");
  }

  @Test
  void client_secretReplaced_provesItselfAlone_theOtherGoesOn_G31() {
    turn("a").accepted();
    ClientBudget.Turn replaced = turn("b", "new");
    assertWaits("c", "new");
    turn("d", "old");
    refuse(replaced);
    refuse(turn("c", "new"));
    assertPaused("c", "new");
    turn("d", "old");
  }

  @Test
  void client_manySecrets_atMostFiveRefusedInFiveMinutes_G31() {
    for (int i = 0; i < 4; i++) {
      refuse(turn("a", "wrong-" + i));
      clock.advance(Duration.ofSeconds(10));
    }
    ClientBudget.Turn fifth = turn("b", "wrong-4");
    assertWaits("c", "wrong-5"); // the one under way may be refused too
    refuse(fifth);
    assertEquals(List.of("c"), woken);
    assertPaused("c", "wrong-5");
    clock.advance(Duration.ofMinutes(5).minusSeconds(40).minusMillis(1));
    assertPaused("c", "wrong-5");
    clock.advance(Duration.ofMillis(1));
    refuse(turn("c", "wrong-5"));
    assertPaused("d", "wrong-6");
  }

  @Test
  void client_saidTwice_countsOnce() {
    ClientBudget.Turn first = turn("a");
    first.accepted();
    first.nothingLearned();
    refuse(first);
    assertNull(pause());
    turn("b");
    turn("c");
  }

  @Test
  void client_throttled_pausedForAsLongAsAsked_N10() {
    assertTrue(turn("a").throttled(Duration.ofSeconds(120)));
    assertEquals(Duration.ofSeconds(120), pause());
    clock.advance(Duration.ofSeconds(120));
    assertNull(pause());
  }

  @Test
  void client_throttledAgain_newsIfNoticeablyLonger() {
    turn("a").accepted();
    List<ClientBudget.Turn> under = List.of(turn("b"), turn("c"), turn("d"));
    assertTrue(under.get(0).throttled(Duration.ofSeconds(120)));
    assertFalse(under.get(1).throttled(Duration.ofMillis(120_999)));
    assertTrue(under.get(2).throttled(Duration.ofMillis(121_999)));
  }

  @Test
  void client_takenOnce_isProven() {
    ClientBudget.Turn first = turn("a");
    assertFalse(first.isProven());
    first.accepted();
    assertTrue(first.isProven());
    refuse(turn("b"));
    assertFalse(first.isProven());
  }

  @Test
  void client_throttledLate_noPauseIsMadeShorter_N10() {
    turn("a").accepted();
    List<ClientBudget.Turn> under = List.of(turn("b"), turn("c"), turn("d"), turn("e"));
    refuse(under.get(0));
    refuse(under.get(1));
    assertFalse(under.get(2).throttled(Duration.ofSeconds(1)) && pause() == null);
    assertEquals(FIVE_MINUTES, pause());
    under.get(3).throttled(Duration.ofSeconds(400));
    assertEquals(Duration.ofSeconds(400), pause());
  }

  @Test
  void client_unusedForAnHour_forgotten() {
    refuse(turn("a"));
    clock.advance(Duration.ofMinutes(60));
    assertFalse(budget.sweep());
    clock.advance(Duration.ofMillis(1));
    assertTrue(budget.sweep());
  }

  @Test
  void client_aboutToBeAsked_notForgotten() {
    budget.use("a");
    assertFalse(budget.sweep());
  }

  @Test
  void client_remembered_anotherProcessKnows() {
    refuse(turn("a"));
    refuse(turn("a"));
    ClientBudget other = new ClientBudget(clock);
    other.adopt(budget.remembered());
    other.adopt(budget.remembered());
    assertEquals(FIVE_MINUTES, other.turn("old").pause());
    assertNull(other.turn("another").pause());
    clock.advance(FIVE_MINUTES);
    ClientBudget.Turn next = other.turn("old");
    assertSame(ClientBudget.Admission.GO, next.admit(() -> {}));
    next.refused("next");
    assertEquals(FIVE_MINUTES, other.turn("old").pause());
  }

  @Test
  void client_pauseLearnedFromAnother_whoWaitsIsWokenToFail() {
    ClientBudget other = new ClientBudget(clock);
    for (int i = 0; i < 2; i++) {
      ClientBudget.Turn refused = other.turn("old");
      refused.admit(() -> {});
      refused.refused("other-" + i);
    }
    turn("a");
    assertWaits("b");
    assertWaits("c");
    budget.adopt(other.remembered());
    assertEquals(List.of("b", "c"), woken);
    assertPaused("b");
  }

  @Test
  void client_othersUnderWayThatMayBeRefused_countUntilTheyAreOverOrDead_A10() {
    for (int i = 0; i < 5; i++) {
      ClientBudget other = new ClientBudget(clock);
      other.adopt(budget.remembered());
      ClientBudget.Turn turn = other.turn("old");
      turn.admit(() -> {});
      assertTrue(turn.announce("other-" + i));
      budget.adopt(other.remembered());
    }
    ClientBudget.Turn mine = turn("a");
    assertFalse(mine.announce("mine"));
    clock.advance(Duration.ofSeconds(30));
    assertFalse(mine.announce("mine"));
    clock.advance(Duration.ofMillis(1));
    assertTrue(mine.announce("mine"));
    assertEquals(Set.of("mine"), budget.remembered().underWay().keySet());
    mine.nothingLearned();
    assertEquals(Set.of(), budget.remembered().underWay().keySet());
  }

  @Test
  void client_othersUnderWay_overOrDead_notCountedNorToldAnyMore_A10() {
    ClientBudget.Turn mine = turn("a");
    budget.adopt(underWay("1", "2", "3", "4", "5"));
    assertFalse(mine.announce("mine"));
    budget.adopt(underWay("1", "2", "3", "4"));
    assertTrue(mine.announce("mine"), "one of them is over");
    clock.advance(Duration.ofSeconds(31));
    assertEquals(Set.of("mine"), budget.remembered().underWay().keySet(), "the others are dead");
  }

  private ClientBudget.Remembered underWay(String... ids) {
    Map<String, Instant> since = new HashMap<>();
    for (String id : ids) {
      since.put(id, clock.now());
    }
    return new ClientBudget.Remembered(Map.of(), since, Map.of(), Instant.EPOCH);
  }

  @Test
  void client_roomForOneMore_oneOfManySecretsThatWaitIsWoken_G31() {
    for (int i = 0; i < 4; i++) {
      refuse(turn("a", "wrong-" + i));
    }
    ClientBudget.Turn fifth = turn("a", "wrong-4");
    assertWaits("b", "wrong-5");
    assertWaits("c", "wrong-6");
    fifth.nothingLearned();
    assertEquals(List.of("b"), woken);
  }

  @Test
  void client_learnsRefusals_eachOnce_theOldestSetsTheEnd_A10() {
    refuse(turn("a", "own"));
    ClientBudget.Remembered learned =
        refusedSecondsAgo(Map.of("w1", 30, "w2", 90, "w3", 60, "w4", 10));
    for (int i = 0; i < 2; i++) {
      budget.adopt(learned);
    }
    assertEquals(5, budget.remembered().refusals().size());
    assertEquals(FIVE_MINUTES.minusSeconds(90), budget.turn("another").pause());
    clock.advance(FIVE_MINUTES.minusSeconds(90));
    assertNull(budget.turn("another").pause());
  }

  @Test
  void client_learnsRefusalsFiveMinutesOld_theyCountNoMore() {
    budget.adopt(refusedSecondsAgo(Map.of("old", 300)));
    refuse(turn("a"));
    assertNull(pause(), "its first in a row");
  }

  @Test
  void client_learnsRefusalsByAClockThatIsAhead_asIfTheyCameNow() {
    budget.adopt(
        refusedSecondsAgo(
            Map.of("w1", -86_400, "w2", -86_400, "w3", -86_400, "w4", -86_400, "w5", -86_400)));
    assertEquals(FIVE_MINUTES, budget.turn("another").pause());
  }

  @Test
  void client_takenByTheServer_suffersFromItsOwnRefusalsOnly_G31() {
    turn("a").accepted();
    for (int i = 0; i < 5; i++) {
      refuse(turn("b", "wrong-" + i));
    }
    assertPaused("c", "wrong-5");
    assertNull(pause());
    turn("d");

    Map<String, ClientBudget.Remembered.Refused> own = new HashMap<>();
    for (int i = 0; i < 5; i++) {
      own.put("own-" + i, new ClientBudget.Remembered.Refused("old", clock.now().minusSeconds(60)));
    }
    budget.adopt(new ClientBudget.Remembered(own, Map.of(), Map.of(), Instant.EPOCH));
    assertEquals(FIVE_MINUTES.minusSeconds(60), pause());
  }

  @Test
  void client_pausesThatAreOver_notTold() {
    turn("a").throttled(Duration.ofSeconds(120));
    assertEquals(clock.now().plusSeconds(120), budget.remembered().throttledUntil());
    clock.advance(Duration.ofSeconds(120));
    assertEquals(NOTHING, budget.remembered());
  }

  /** Each secret was refused once, so many seconds ago. */
  private ClientBudget.Remembered refusedSecondsAgo(Map<String, Integer> ages) {
    Map<String, ClientBudget.Remembered.Refused> refused = new HashMap<>();
    ages.forEach(
        (secret, age) ->
            refused.put(
                "of-" + secret,
                new ClientBudget.Remembered.Refused(secret, clock.now().minusSeconds(age))));
    return new ClientBudget.Remembered(refused, Map.of(), Map.of(), Instant.EPOCH);
  }

  @Test
  void client_neverThrottled_clockOfTheOtherIsBehind_noPause_T3() {
    ClientBudget one = new ClientBudget(clock);
    ClientBudget other = new ClientBudget(new ManualClock(clock.now().minusSeconds(120)));

    other.adopt(one.remembered());

    assertNull(other.turn("secret").pause());
  }

  @Test
  void client_rememberedByAClockThatIsFarAhead_pauseNoLongerThanAnyOther() {
    Instant later = clock.now().plus(Duration.ofDays(1));
    budget.adopt(
        new ClientBudget.Remembered(
            Map.of("x", new ClientBudget.Remembered.Refused("old", later)),
            Map.of(),
            Map.of("old", later),
            Instant.EPOCH));
    assertEquals(FIVE_MINUTES, pause());
    budget.adopt(new ClientBudget.Remembered(Map.of(), Map.of(), Map.of(), later));
    assertEquals(Duration.ofMinutes(15), pause());
  }

  private ClientBudget.Turn turn(String who) {
    return turn(who, "old");
  }

  private ClientBudget.Turn turn(String who, String secret) {
    ClientBudget.Turn turn = budget.turn(secret);
    assertSame(ClientBudget.Admission.GO, turn.admit(() -> woken.add(who)));
    return turn;
  }

  private void assertWaits(String who) {
    assertWaits(who, "old");
  }

  private void assertWaits(String who, String secret) {
    assertSame(ClientBudget.Admission.WAIT, budget.turn(secret).admit(() -> woken.add(who)));
  }

  private void assertPaused(String who) {
    assertPaused(who, "old");
  }

  private void assertPaused(String who, String secret) {
    assertSame(ClientBudget.Admission.PAUSED, budget.turn(secret).admit(() -> woken.add(who)));
  }

  private void refuse(ClientBudget.Turn turn) {
    turn.refused("refusal-" + refusals++);
  }

  private @Nullable Duration pause() {
    return budget.turn("old").pause();
  }

  // Temporary refusals

  @Test
  void denial_lastsWhileItGoesOn_beginsAnewAfterASilence() {
    long minute = Duration.ofMinutes(1).toNanos();
    long start = clock.monotonicNanos();
    Trouble.Denial denial = Trouble.Denial.again(null, start);
    for (int i = 1; i <= 8; i++) {
      denial = Trouble.Denial.again(denial, start + i * 15 * minute);
    }
    assertTrue(denial.hasLasted(Duration.ofHours(2)));
    assertFalse(denial.hasLasted(Duration.ofHours(2).plusNanos(1)));

    denial = Trouble.Denial.again(denial, start + 135 * minute + 1);
    assertFalse(denial.hasLasted(Duration.ofNanos(1)), "asked again after more than 15 minutes");
  }

  // Back-off

  @Test
  void backoff_fullJitter_ceilingDoublesToFiveMinutes_neverBelowTheShortest() {
    for (int failures = 1; failures < 20; failures++) {
      long ceiling = Math.min(300_000, 1000L << (failures - 1));
      long most = 0;
      for (int i = 0; i < 300; i++) {
        long wait = Backoff.after(failures, Duration.ofMillis(7)).toMillis();
        assertTrue(wait >= 7 && wait <= Math.max(7, ceiling), wait + " ms");
        most = Math.max(most, wait);
      }
      assertTrue(most > ceiling * 2 / 3, "the whole range is used");
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 60", "2, 120", "3, 240", "4, 300", "9, 300"})
  void backoff_doubled(int times, long seconds) {
    assertEquals(
        Duration.ofSeconds(seconds),
        Backoff.doubled(Duration.ofSeconds(60), times, Duration.ofMinutes(5)));
  }

  // What the server says of time

  @ParameterizedTest
  @CsvSource({
    "120, 120",
    "0, 1",
    "1, 1",
    "900, 900",
    "901, 900",
    "99999999999999999, 900",
    "'Mon, 05 Jan 2026 09:02:00 GMT', 120",
    "'Mon, 05 Jan 2026 08:00:00 GMT', 1",
    "'Mon, 05 Jan 2026 19:00:00 GMT', 900",
  })
  void retryAfter_secondsOrDate_withinOneSecondAndFifteenMinutes_N10(String header, long seconds) {
    assertEquals(
        Duration.ofSeconds(seconds),
        RetryAfter.of(Answer.of(429, Map.of("retry-after", header), new byte[0]), clock.now()));
  }

  @ParameterizedTest
  @CsvSource({"soon", "-5", "1.5", "''", "9999999999999999999999"})
  void retryAfter_unreadable_asIfMissing(String header) {
    assertNull(
        RetryAfter.of(Answer.of(429, Map.of("Retry-After", header), new byte[0]), clock.now()));
    assertNull(RetryAfter.of(Answer.of(429, Map.of(), new byte[0]), clock.now()));
  }

  @ParameterizedTest
  @CsvSource({
    // seconds that the server is ahead, and what is learned of it, in milliseconds
    "120, 120000",
    "-120, -120000",
    "1, 0",
    "-1, 0",
    "2, 2000",
    "86399, 86399000",
    "90000, 0",
    "-90000, 0",
  })
  void serverClock_learnedFromTheDate_noiseAndNonsensePassedOver_G21(long ahead, long learned) {
    ServerClock server = new ServerClock();
    Instant now = clock.now();
    server.learn(dated(now.plusSeconds(ahead)), now.toEpochMilli() + 400, now.toEpochMilli() + 600);

    assertEquals(learned, server.ahead().toMillis());
    assertEquals(now.plusMillis(learned), server.toServer(now));
    assertEquals(now.minusMillis(learned), server.toLocal(now));
    assertEquals(Instant.MAX, server.toLocal(Instant.MAX));
    assertEquals(Instant.MAX, server.toServer(Instant.MAX));
  }

  @Test
  void serverClock_slowAnswerOrNoDate_nothingLearned() {
    ServerClock server = new ServerClock();
    Instant now = clock.now();
    Answer late = dated(now.plusSeconds(100));
    server.learn(late, now.toEpochMilli(), now.toEpochMilli() + 3_001);
    assertEquals(Duration.ZERO, server.ahead());
    server.learn(late, now.toEpochMilli() - 1_500, now.toEpochMilli() + 1_500);
    assertEquals(Duration.ofMillis(100_500), server.ahead());
    server.learn(Answer.of(200, Map.of(), new byte[0]), 0, 0);
    server.learn(Answer.of(200, Map.of("Date", "yesterday"), new byte[0]), 0, 0);
    assertEquals(Duration.ofMillis(100_500), server.ahead());
  }

  private static Answer dated(Instant date) {
    String header =
        java.time.format.DateTimeFormatter.RFC_1123_DATE_TIME.format(
            date.atZone(java.time.ZoneOffset.UTC));
    return Answer.of(200, Map.of("date", header), new byte[0]);
  }

  // The lane (G13)

  @Test
  void lane_sixtyFourAtOnce_restQueues_foregroundFirst_C2_G13() {
    List<Runnable> started = new ArrayList<>();
    Lane lane = Lane.toServer(started::add, clock, 64, new Slots(256));
    List<String> ran = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      inBackground(lane, () -> ran.add("background"));
      clock.advance(Duration.ofMillis(20));
    }
    assertEquals(16, started.size(), "at most 16 in the background");
    for (int i = 0; i < 60; i++) {
      lane.foreground(() -> ran.add("foreground"));
    }
    assertEquals(64, started.size());
    assertEquals(64, lane.running());
    started.get(0).run();
    assertEquals(65, started.size());
    started.get(64).run();
    assertEquals("foreground", ran.get(1));
  }

  private static Lane.Task inBackground(Lane lane, Runnable work) {
    Lane.Task task = lane.task(work, () -> {});
    task.background();
    return task;
  }

  @Test
  void lanes_shareWhatMayRunInAll_whoWaitsGetsTheNext_C2() {
    List<String> started = new ArrayList<>();
    List<Runnable> tasks = new ArrayList<>();
    Slots slots = new Slots(3);
    Lane one = Lane.toServer(shown("one", started, tasks), clock, 2, slots);
    Lane two = Lane.toServer(shown("two", started, tasks), clock, 2, slots);
    for (int i = 0; i < 3; i++) {
      one.foreground(() -> {});
      two.foreground(() -> {});
    }
    assertEquals(List.of("one", "two", "one"), started);

    tasks.get(0).run();
    assertEquals(List.of("one", "two", "one", "two"), started, "it has waited for a slot");
    tasks.get(1).run();
    tasks.get(2).run();
    tasks.get(3).run();
    assertEquals(6, started.size());
  }

  private static Executor shown(String name, List<String> started, List<Runnable> tasks) {
    return task -> {
      started.add(name);
      tasks.add(task);
    };
  }

  @Test
  void lane_small_aQuarterInTheBackground_onePerhaps() {
    List<Runnable> started = new ArrayList<>();
    for (int most : List.of(1, 3, 8, 1_000)) {
      Lane lane = Lane.toServer(started::add, clock, most, new Slots(2_000));
      started.clear();
      for (int i = 0; i < 100; i++) {
        inBackground(lane, () -> {});
        clock.advance(Duration.ofMillis(20));
      }
      assertEquals(Math.min(16, Math.max(1, most / 4)), started.size());
    }
  }

  @Test
  void lane_background_fiftyASecond_G13() {
    List<Runnable> started = new ArrayList<>();
    Lane lane = Lane.toServer(started::add, clock, 64, new Slots(256));
    for (int i = 0; i < 200; i++) {
      inBackground(lane, () -> {});
    }
    for (int millis = 0; millis < 1_000; millis++) {
      clock.advance(Duration.ofMillis(1));
      while (lane.running() > 0) {
        started.get(started.size() - lane.running()).run();
      }
    }
    assertTrue(started.size() >= 49 && started.size() <= 51, started.size() + " in a second");
  }

  @Test
  void lane_backgroundDropped_toldSo_neverRun() {
    List<Runnable> started = new ArrayList<>();
    Lane lane = Lane.toServer(started::add, clock, 1, new Slots(1));
    List<String> ran = new ArrayList<>();
    lane.foreground(() -> ran.add("foreground"));
    lane.task(() -> ran.add("background"), () -> ran.add("dropped")).background();

    lane.dropBackground();
    clock.advance(Duration.ofSeconds(1));
    started.get(0).run();
    assertEquals(List.of("dropped", "foreground"), ran);
    assertEquals(1, started.size());
  }

  @Test
  void lane_hurried_leavesTheBackground_evenWhenItsPaceIsSpent() {
    List<Runnable> started = new ArrayList<>();
    Lane lane = Lane.toServer(started::add, clock, 64, new Slots(256));
    inBackground(lane, () -> {});
    Lane.Task second = inBackground(lane, () -> {});
    assertEquals(1, started.size());
    second.hurry();
    assertEquals(2, started.size());
    second.hurry();
    assertEquals(2, started.size());
    started.forEach(Runnable::run);
    assertEquals(0, lane.running());
  }

  @Test
  void lane_workThatGoesOn_sameThreadWithoutTheExecutor_placeOfBeforeIsGivenUp() {
    List<Runnable> started = new ArrayList<>();
    Lane store = Lane.toStore(started::add, clock);
    Lane server = Lane.toServer(started::add, clock, 1, new Slots(1));
    List<String> ran = new ArrayList<>();
    goesOn(store, server, ran, () -> ran.add(store.running() + " " + server.running()));

    started.get(0).run();
    assertEquals(List.of("1 0", "0 1"), ran, "at the store, then on the way to the server");
    assertEquals(1, started.size(), "handed to the executor");
    assertEquals(0, server.running());
    server.foreground(() -> {});
    assertEquals(2, started.size(), "its slot is free again");
  }

  @Test
  void lane_workThatGoesOn_noRoomThere_queuesBehindTheOthers() {
    List<Runnable> started = new ArrayList<>();
    Lane store = Lane.toStore(started::add, clock);
    Lane server = Lane.toServer(started::add, clock, 1, new Slots(1));
    List<String> ran = new ArrayList<>();
    server.foreground(() -> ran.add("first"));
    server.foreground(() -> ran.add("second"));
    goesOn(store, server, ran, () -> ran.add("third"));

    started.get(1).run();
    assertEquals(List.of("1 1"), ran, "it waits for its turn");
    assertEquals(0, store.running(), "and holds nobody up at the store");
    started.get(0).run();
    started.get(2).run();
    started.get(3).run();
    assertEquals(List.of("1 1", "first", "second", "third"), ran);
  }

  @Test
  void lane_workThatGoesOn_noSlot_calledWhenOneIsFree() {
    List<Runnable> started = new ArrayList<>();
    Slots slots = new Slots(1);
    Lane store = Lane.toStore(started::add, clock);
    Lane other = Lane.toServer(started::add, clock, 1, slots);
    Lane server = Lane.toServer(started::add, clock, 1, slots);
    List<String> ran = new ArrayList<>();
    other.foreground(() -> ran.add("other"));
    goesOn(store, server, ran, () -> ran.add("next"));

    started.get(1).run();
    assertEquals(2, started.size(), "the other server has the only slot");
    started.get(0).run();
    started.get(2).run();
    assertEquals(List.of("1 0", "other", "next"), ran);
  }

  /** An executor may fail for a task that was waiting: this one has its place, and runs. */
  @Test
  void lane_workThatGoesOn_anotherCantBeStarted_runsAllTheSame_theOtherLater() {
    List<Runnable> started = new ArrayList<>();
    AtomicBoolean withoutThreads = new AtomicBoolean();
    Lane store =
        Lane.toStore(
            task -> {
              if (withoutThreads.get()) {
                throw new OutOfMemoryError("unable to create native thread");
              }
              started.add(task);
            },
            clock);
    Lane server = Lane.toServer(started::add, clock, 1, new Slots(1));
    List<String> ran = new ArrayList<>();
    goesOn(store, server, ran, () -> ran.add("next"));
    for (int i = 0; i < 64; i++) {
      store.foreground(() -> ran.add("other"));
    }

    withoutThreads.set(true);
    started.get(0).run();
    assertEquals(List.of("64 0", "next"), ran);
    assertEquals(0, server.running());
    assertEquals(63, store.running(), "the place is given back");

    withoutThreads.set(false);
    clock.advance(Duration.ofSeconds(1));
    assertEquals(65, started.size());
    started.subList(1, 65).forEach(Runnable::run);
    assertEquals(2 + 64, ran.size());
    assertEquals(0, store.running());
  }

  /** What a task throws on the thread that started it is its own, and no reason to run it again. */
  @Test
  void lane_startedTaskThrowsAnErrorHere_comesThrough_notRunAgain() {
    List<String> ran = new ArrayList<>();
    Lane lane = Lane.toServer(Runnable::run, clock, 1, new Slots(1));
    assertThrows(
        StackOverflowError.class,
        () ->
            lane.foreground(
                () -> {
                  ran.add("once");
                  throw new StackOverflowError();
                }));
    clock.advance(Duration.ofSeconds(2));
    assertEquals(List.of("once"), ran);
    assertEquals(0, lane.running());
  }

  @Test
  void lane_workBreaksOff_whatGoesOnFromItRunsAllTheSame() {
    List<Runnable> started = new ArrayList<>();
    Lane lane = Lane.toServer(started::add, clock, 1, new Slots(1));
    List<String> ran = new ArrayList<>();
    Lane.Task[] first = new Lane.Task[1];
    first[0] =
        lane.task(
            () -> {
              lane.task(() -> ran.add("next"), () -> {}).foregroundAfter(first[0]);
              throw new StackOverflowError();
            },
            () -> {});
    first[0].foreground();

    assertThrows(StackOverflowError.class, started.get(0)::run);
    started.get(1).run();
    assertEquals(List.of("next"), ran);
    assertEquals(0, lane.running());
  }

  @Test
  void lane_workGoesOnFromWhatIsOver_queued() {
    List<Runnable> started = new ArrayList<>();
    Lane lane = Lane.toServer(started::add, clock, 1, new Slots(1));
    Lane.Task over = lane.task(() -> {}, () -> {});
    over.foreground();
    started.get(0).run();

    lane.task(() -> {}, () -> {}).foregroundAfter(over);
    assertEquals(2, started.size());
  }

  private static void goesOn(Lane from, Lane to, List<String> ran, Runnable next) {
    Lane.Task[] first = new Lane.Task[1];
    first[0] =
        from.task(
            () -> {
              ran.add(from.running() + " " + to.running());
              to.task(next, () -> {}).foregroundAfter(first[0]);
            },
            () -> {});
    first[0].foreground();
  }

  // Doubts (PROBE_FIRST)

  @Test
  void doubt_askedOnceForAll_notAgainForThirtySeconds_anewForAnotherToken() {
    Doubts doubts = new Doubts(clock);
    List<Runnable> asked = new ArrayList<>();
    ProbeAnswer alive = new ProbeAnswer.Alive(null);
    var first = doubts.about("alice", token("a"), asked::add, () -> alive);
    assertSame(first, doubts.about("alice", token("a"), asked::add, () -> alive));
    asked.get(0).run();
    assertSame(alive, first.join());
    clock.advance(HALF_MINUTE.minusMillis(1));
    doubts.sweep();
    assertSame(first, doubts.about("alice", token("a"), asked::add, () -> alive));
    assertEquals(1, asked.size());
    doubts.about("alice", token("b"), asked::add, () -> alive);
    assertEquals(2, asked.size());
    clock.advance(HALF_MINUTE);
    doubts.about("alice", token("b"), asked::add, () -> alive);
    assertEquals(3, asked.size());
  }

  @Test
  void doubt_questionFails_unknown() {
    Doubts doubts = new Doubts(clock);
    var answer =
        doubts.about(
            "alice",
            token("a"),
            Runnable::run,
            () -> {
              throw new IllegalStateException("canary");
            });
    assertEquals(new ProbeAnswer.Unknown("IllegalStateException"), answer.join());
  }

  @Test
  void doubt_cannotBeHandedOver_whoWaitsForItIsTold_askedNextTime() {
    Doubts doubts = new Doubts(clock);
    List<CompletableFuture<ProbeAnswer>> second = new ArrayList<>();
    assertThrows(
        InternalError.class,
        () ->
            doubts.about(
                "alice",
                token("a"),
                task -> {
                  second.add(doubts.about("alice", token("a"), Runnable::run, () -> null));
                  throw new InternalError("the test says so");
                },
                () -> new ProbeAnswer.Alive(null)));

    assertEquals(new ProbeAnswer.Unknown("not asked"), second.get(0).join());
    var third = doubts.about("alice", token("a"), Runnable::run, () -> new ProbeAnswer.Alive(null));
    assertEquals(new ProbeAnswer.Alive(null), third.join());
  }
}
