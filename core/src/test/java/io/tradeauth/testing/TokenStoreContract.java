package io.tradeauth.testing;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.BeginOutcome;
import io.tradeauth.TokenStore.BeginResult;
import io.tradeauth.TokenStore.Change;
import io.tradeauth.TokenStore.Changes;
import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.StoredLabel;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What every {@link TokenStore} must keep to, so that no login is lost and none is exchanged twice
 * (G41). A store's own test extends this and adds what is peculiar to it; JUnit 5 must be on the
 * class path.
 *
 * <p>Each test names the fault that it finds.
 */
public abstract class TokenStoreContract {

  private static final Instant SINCE = Instant.parse("2026-01-05T09:00:00.123Z");
  private static final Key ALICE = new Key(Kind.LOGIN, "fake", "alice");
  private static final Key BOB = new Key(Kind.LOGIN, "fake", "bob");
  private static final Intent A = new Intent("intent-a", "process-1", "Refresh");
  private static final Intent B = new Intent("intent-b", "process-2", "Refresh");
  private static final Intent C = new Intent("intent-c", "process-3", "Refresh");
  private static final int RACERS = 8;

  private static final List<String> USER_IDS =
      List.of(
          "ann",
          "Ann",
          "ANN",
          "\u00e0nn",
          "a\u0300nn",
          "ann ",
          "ann\u00a0",
          " ann",
          "ann\u0000",
          "ann\n",
          "\u00e5ngstr\u00f6m",
          "a\u030angstro\u0308m",
          "\u212bngstr\u00f6m",
          "stra\u00dfe",
          "strasse",
          "\u0131stanbul",
          "istanbul",
          "../ann",
          "..",
          ".",
          "/",
          "a/b",
          "a\\b",
          "C:\\ann",
          "CON",
          "nul",
          "%61nn",
          "a%nn",
          "a_nn",
          "ann'; DROP TABLE tokens; --",
          "\ud83d\ude00",
          "\ud83d\udc69\u200d\ud83d\udcbb",
          "\ud83d",
          "\ude00",
          "\ufffd",
          "?",
          "\u202eann",
          "\u05d0\u05e0\u05d9",
          "\u0623\u0646\u0627",
          "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
          "",
          " ",
          "x".repeat(10_240),
          "x".repeat(10_241));

  private TokenStore store;

  /** For subclasses. */
  protected TokenStoreContract() {}

  /** Returns user ids that somebody may take for one another, or for something else. */
  public static List<String> userIds() {
    return USER_IDS;
  }

  /** Returns an empty store. */
  protected abstract TokenStore newStore() throws Exception;

  /**
   * Returns the same records as another process sees them: another store, opened anew over the same
   * files or tables, that shares no memory with this one. The very store only if no second process
   * can ever use its records; a store that is asked about itself is not found out when it says
   * "written" before it is.
   *
   * @param store what {@link #newStore} has returned
   */
  protected abstract TokenStore asAnotherProcessSeesIt(TokenStore store) throws Exception;

  /** Returns how often a race is repeated. */
  protected int rounds() {
    return 100;
  }

  @BeforeEach
  final void openStore() throws Exception {
    store = newStore();
  }

  // Absent rows ---------------------------------------------------------------------------------

  @Test
  void absentRow_load_nothing() {
    assertNull(store.load(ALICE));
  }

  @Test
  void absentRow_begin_createsAnEmptyRecordWithTheIntent() {
    BeginResult begun = store.begin(ALICE, null, A, null);

    assertEquals(BeginOutcome.BEGUN, begun.outcome());
    assertEquals(A, begun.open());
    StoredRecord stored = loaded(ALICE);
    assertEquals(begun.version(), stored.version());
    assertEquals(State.EMPTY, stored.content().state());
    assertEquals(A, stored.intent());
  }

  @Test
  void absentRow_beginAsIfOneHadBeenSeen_movedAndNothingCreated() {
    BeginResult result = store.begin(ALICE, new Version("gone", 3), A, null);

    assertEquals(new BeginResult(BeginOutcome.MOVED, null, null), result);
    assertNull(store.load(ALICE));
  }

  @Test
  void absentRow_commitClearForget_nothingHappens() {
    assertNull(store.commit(ALICE, new Version("gone", 0), content("x")));
    store.clear(ALICE, A.id());
    store.forget(ALICE);

    assertNull(store.load(ALICE));
  }

  @Test
  void emptyRecord_commit_firstContent() {
    Version first = version(store.begin(ALICE, null, A, null));

    Version next = store.commit(ALICE, first, content("tokens"));

    assertEquals(first.next(), next);
    assertStored(ALICE, first.next(), content("tokens"), null);
  }

  @Test
  void emptyRecord_intentTakenBack_canBeginAgain() {
    Version first = version(store.begin(ALICE, null, A, null));
    store.clear(ALICE, A.id());

    assertEquals(BeginOutcome.MOVED, store.begin(ALICE, null, B, null).outcome());
    assertEquals(BeginOutcome.BEGUN, store.begin(ALICE, first, B, null).outcome());
  }

  // Begin ---------------------------------------------------------------------------------------

  @Test
  void begin_versionThatWasSeen_intentIsDurableAndContentUntouched() throws Exception {
    Version seen = store.supersede(ALICE, content("tokens"));

    BeginResult begun = store.begin(ALICE, seen, A, null);

    assertEquals(new BeginResult(BeginOutcome.BEGUN, seen, A), begun);
    StoredRecord other = asAnotherProcessSeesIt(store).load(ALICE);
    assertEquals(new StoredRecord(seen, content("tokens"), A), other);
  }

  @Test
  void begin_presentRowNotSeen_moved() {
    Version present = store.supersede(ALICE, content("tokens"));

    BeginResult result = store.begin(ALICE, null, A, null);

    assertEquals(new BeginResult(BeginOutcome.MOVED, present, null), result);
    assertStored(ALICE, present, content("tokens"), null);
  }

  @Test
  void begin_olderVersion_moved() {
    Version older = store.supersede(ALICE, content("older"));
    Version newer = commit(ALICE, older, content("newer"));

    BeginResult result = store.begin(ALICE, older, A, null);

    assertEquals(new BeginResult(BeginOutcome.MOVED, newer, null), result);
    assertNull(loaded(ALICE).intent());
  }

  @Test
  void begin_otherGenerationOfTheSameNumber_moved() {
    Version older = store.supersede(ALICE, content("older"));
    Version newer = store.supersede(ALICE, content("newer"));
    assertEquals(older.number(), newer.number());

    assertEquals(BeginOutcome.MOVED, store.begin(ALICE, older, A, null).outcome());
    assertNull(loaded(ALICE).intent());
  }

  @Test
  void begin_anotherIntentIsOpen_busy() {
    Version seen = store.supersede(ALICE, content("tokens"));
    store.begin(ALICE, seen, A, null);

    BeginResult result = store.begin(ALICE, seen, B, null);

    assertEquals(new BeginResult(BeginOutcome.BUSY, seen, A), result);
    assertEquals(A, loaded(ALICE).intent());
  }

  @Test
  void begin_movedWhileAnotherIntentIsOpen_movedAndTellsOfIt() {
    Version older = store.supersede(ALICE, content("older"));
    Version newer = commit(ALICE, older, content("newer"));
    store.begin(ALICE, newer, A, null);

    BeginResult result = store.begin(ALICE, older, B, A.id());

    assertEquals(new BeginResult(BeginOutcome.MOVED, newer, A), result);
    assertEquals(A, loaded(ALICE).intent());
  }

  @Test
  void takeover_ofTheOpenIntent_begun() {
    Version seen = store.supersede(ALICE, content("tokens"));
    store.begin(ALICE, seen, A, null);

    BeginResult result = store.begin(ALICE, seen, B, A.id());

    assertEquals(new BeginResult(BeginOutcome.BEGUN, seen, B), result);
    assertEquals(B, loaded(ALICE).intent());
  }

  @Test
  void takeover_ofAnIntentThatIsNotTheOpenOne_busy() {
    Version seen = store.supersede(ALICE, content("tokens"));
    store.begin(ALICE, seen, A, null);
    store.begin(ALICE, seen, B, A.id());

    BeginResult result = store.begin(ALICE, seen, C, A.id());

    assertEquals(new BeginResult(BeginOutcome.BUSY, seen, B), result);
    assertEquals(B, loaded(ALICE).intent());
  }

  @Test
  void takeover_ofAnIntentThatHasEnded_begun() {
    Version seen = store.supersede(ALICE, content("tokens"));
    store.begin(ALICE, seen, A, null);
    store.clear(ALICE, A.id());

    assertEquals(BeginOutcome.BEGUN, store.begin(ALICE, seen, B, A.id()).outcome());
  }

  // Commit --------------------------------------------------------------------------------------

  @Test
  void commit_ofTheCurrentVersion_countsUpReplacesAndEndsTheIntent() throws Exception {
    Version parent = store.supersede(ALICE, content("old"));
    store.begin(ALICE, parent, A, null);

    Version next = store.commit(ALICE, parent, content("new"));

    assertEquals(new Version(parent.generation(), parent.number() + 1), next);
    assertEquals(
        new StoredRecord(parent.next(), content("new"), null),
        asAnotherProcessSeesIt(store).load(ALICE));
  }

  @Test
  void commit_withoutAnIntent_accepted() {
    Version parent = store.supersede(ALICE, content("old"));

    assertEquals(parent.next(), store.commit(ALICE, parent, content("new")));
  }

  @Test
  void commit_bySomebodyWhoseIntentWasTakenOver_acceptedAndEndsTheOther() {
    Version parent = store.supersede(ALICE, content("old"));
    store.begin(ALICE, parent, A, null);
    store.begin(ALICE, parent, B, A.id());

    assertEquals(parent.next(), store.commit(ALICE, parent, content("new")));

    assertStored(ALICE, parent.next(), content("new"), null);
  }

  @Test
  void commit_ofAnOlderVersion_refusedAndNothingWritten() {
    Version parent = store.supersede(ALICE, content("old"));
    Version current = commit(ALICE, parent, content("current"));
    store.begin(ALICE, current, A, null);

    assertNull(store.commit(ALICE, parent, content("late")));

    assertStored(ALICE, current, content("current"), A);
  }

  @Test
  void commit_ofAnotherGeneration_refusedAndNothingWritten() {
    Version before = store.supersede(ALICE, content("before"));
    Version after = store.supersede(ALICE, content("after"));
    assertEquals(before.number(), after.number());

    assertNull(store.commit(ALICE, before, content("late")));

    assertStored(ALICE, after, content("after"), null);
  }

  @Test
  void commit_signInRequired_stored() {
    Version parent = store.supersede(ALICE, content("old"));
    Content dead = content(State.SIGN_IN_REQUIRED, "dead");

    store.commit(ALICE, parent, dead);

    assertEquals(dead, loaded(ALICE).content());
  }

  /** As of a login that is on its way from one store to another. */
  @Test
  void commit_ofAnEmptyState_keepsTheBytes() {
    Version first = store.supersede(ALICE, content("tokens"));
    Content content = content("a copy");
    Content copy = new Content(State.EMPTY, content.since(), content.label(), content.secrets());

    store.commit(ALICE, first, copy);

    assertEquals(copy, loaded(ALICE).content());
  }

  @Test
  void commits_oneAfterTheOther_countUp() {
    Version version = store.supersede(ALICE, content("0"));
    String generation = version.generation();
    for (int i = 1; i <= 50; i++) {
      version = commit(ALICE, version, content("" + i));
    }

    assertStored(ALICE, version, content("50"), null);
    assertEquals(generation, version.generation());
  }

  // Clear ---------------------------------------------------------------------------------------

  @Test
  void clear_ownIntent_nothingElseChanges() {
    Version seen = store.supersede(ALICE, content("tokens"));
    store.begin(ALICE, seen, A, null);

    store.clear(ALICE, A.id());

    assertStored(ALICE, seen, content("tokens"), null);
  }

  @Test
  void clear_intentThatWasTakenOver_theOtherStays() {
    Version seen = store.supersede(ALICE, content("tokens"));
    store.begin(ALICE, seen, A, null);
    store.begin(ALICE, seen, B, A.id());

    store.clear(ALICE, A.id());

    assertStored(ALICE, seen, content("tokens"), B);
  }

  // Supersede -----------------------------------------------------------------------------------

  @Test
  void supersede_absentRow_created() throws Exception {
    Version version = store.supersede(ALICE, content("tokens"));

    assertEquals(
        new StoredRecord(version, content("tokens"), null),
        asAnotherProcessSeesIt(store).load(ALICE));
  }

  @Test
  void supersede_openIntent_winsAndEndsIt() {
    Version before = store.supersede(ALICE, content("before"));
    store.begin(ALICE, before, A, null);

    Version after = store.supersede(ALICE, content(State.SIGNED_OUT, ""));

    assertNotEquals(before.generation(), after.generation());
    assertStored(ALICE, after, content(State.SIGNED_OUT, ""), null);
  }

  @Test
  void supersede_eachTime_generationThatNeverWas() {
    Set<String> generations = new HashSet<>();
    for (int i = 0; i < 100; i++) {
      generations.add(store.supersede(ALICE, content("" + i)).generation());
    }

    assertEquals(100, generations.size());
  }

  @Test
  void rowForgottenAndCreatedAnew_otherGeneration_lateCommitRefused() {
    Version before = version(store.begin(ALICE, null, A, null));
    store.forget(ALICE);
    Version after = version(store.begin(ALICE, null, B, null));

    assertNotEquals(before.generation(), after.generation());
    assertNull(store.commit(ALICE, before, content("late")));
    assertEquals(B, loaded(ALICE).intent());
  }

  // What is kept --------------------------------------------------------------------------------

  @Test
  void content_everyStateAndByte_givenBackExactly() throws Exception {
    byte[] all = new byte[256];
    for (int i = 0; i < all.length; i++) {
      all[i] = (byte) i;
    }
    byte[] large = new byte[64 * 1024];
    new java.util.Random(1).nextBytes(large);
    List<Content> contents = new ArrayList<>();
    for (State state : State.values()) {
      contents.add(new Content(state, SINCE, all, large));
      contents.add(new Content(state, Instant.EPOCH, new byte[0], new byte[0]));
      contents.add(new Content(state, Instant.parse("9999-12-31T23:59:59.999Z"), all, all));
    }

    for (Content content : contents) {
      Version version = store.supersede(ALICE, content);
      assertSame(content, loaded(ALICE).content());
      commit(ALICE, version, content);
      assertSame(
          content, Objects.requireNonNull(asAnotherProcessSeesIt(store).load(ALICE)).content());
    }
  }

  @Test
  void intent_everyField_givenBackExactly() {
    Version seen = store.supersede(ALICE, content("tokens"));
    Intent intent = new Intent("0123456789abcdef0123456789abcdef", "f00d", "AuthorizationCode");
    store.begin(ALICE, seen, intent, null);

    assertEquals(intent, loaded(ALICE).intent());
  }

  /** Nobody gets another's record, whatever they are called (A8, X20). */
  @Test
  void userIds_neverTakenForOneAnother() throws Exception {
    for (String user : USER_IDS) {
      store.supersede(new Key(Kind.LOGIN, "fake", user), contentOf(user));
    }
    for (TokenStore seen : List.of(store, asAnotherProcessSeesIt(store))) {
      for (String user : USER_IDS) {
        StoredRecord record = seen.load(new Key(Kind.LOGIN, "fake", user));
        assertSame(contentOf(user), Objects.requireNonNull(record, user).content());
      }
      Set<String> listed = new HashSet<>();
      for (StoredLabel label : seen.list(Kind.LOGIN, "fake")) {
        assertArrayEquals(contentOf(label.key().subject()).label(), label.label());
        listed.add(label.key().subject());
      }
      assertEquals(new HashSet<>(USER_IDS), listed);
    }
  }

  private static Content contentOf(String user) {
    return content("of " + USER_IDS.indexOf(user));
  }

  @Test
  void keys_neverTakenForOneAnother() {
    List<Key> keys = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      keys.add(new Key(kind, "fake", "same"));
      keys.add(new Key(kind, "fake-sandbox", "same"));
    }
    // Parts that would look alike if they were only put together.
    keys.add(new Key(Kind.LOGIN, "fak", "ealice"));
    keys.add(new Key(Kind.LOGIN, "fakea", "lice"));

    keys.forEach(key -> store.supersede(key, content(key.toString())));

    for (Key key : keys) {
      assertSame(content(key.toString()), loaded(key).content());
    }
  }

  @Test
  void list_onlyTheKindAndRealm_withStateAndLabel() throws Exception {
    store.supersede(ALICE, content("a"));
    store.supersede(BOB, content(State.SIGNED_OUT, "b"));
    store.supersede(new Key(Kind.LOGIN, "other", "carol"), content("c"));
    store.supersede(new Key(Kind.LINK, "fake", "dave"), content("d"));

    List<StoredLabel> listed = asAnotherProcessSeesIt(store).list(Kind.LOGIN, "fake");

    assertEquals(
        Set.of(
            new StoredLabel(ALICE, State.ACTIVE, label("a")),
            new StoredLabel(BOB, State.SIGNED_OUT, label("b"))),
        new HashSet<>(listed));
    assertEquals(2, listed.size());
    assertEquals(List.of(), store.list(Kind.SIGN_IN, "fake"));
  }

  @Test
  void list_afterCommit_newLabelAndState() {
    Version version = store.supersede(ALICE, content("a"));
    commit(ALICE, version, content(State.SIGN_IN_REQUIRED, "later"));

    assertEquals(
        List.of(new StoredLabel(ALICE, State.SIGN_IN_REQUIRED, label("later"))),
        store.list(Kind.LOGIN, "fake"));
  }

  @Test
  void purge_oldSignOutsOnly() {
    Key old = new Key(Kind.LOGIN, "fake", "signed out long ago");
    Key recent = new Key(Kind.LOGIN, "fake", "signed out just now");
    Key idle = new Key(Kind.LOGIN, "fake", "signed in long ago");
    Key dead = new Key(Kind.LOGIN, "fake", "must sign in since long");
    store.supersede(old, content(State.SIGNED_OUT, "", SINCE.minus(Duration.ofDays(2))));
    store.supersede(recent, content(State.SIGNED_OUT, "", SINCE));
    store.supersede(idle, content(State.ACTIVE, "", SINCE.minus(Duration.ofDays(2))));
    store.supersede(dead, content(State.SIGN_IN_REQUIRED, "", SINCE.minus(Duration.ofDays(2))));

    int removed = store.purge(SINCE);

    assertEquals(1, removed);
    assertNull(store.load(old));
    for (Key kept : List.of(recent, idle, dead)) {
      assertNotNull(store.load(kept), kept::subject);
    }
    assertEquals(0, store.purge(SINCE));
  }

  @Test
  void forget_oneRecord_goneAndTheOthersStay() throws Exception {
    store.supersede(ALICE, content("a"));
    store.supersede(BOB, content("b"));

    store.forget(ALICE);

    assertNull(asAnotherProcessSeesIt(store).load(ALICE));
    assertEquals(content("b"), loaded(BOB).content());
    assertEquals(1, store.list(Kind.LOGIN, "fake").size());
  }

  /** Whoever is told that something is written may die the next moment. */
  @Test
  void acknowledgedWrites_eachIsThereForAnotherProcess() throws Exception {
    TokenStore other = asAnotherProcessSeesIt(store);

    Version version = store.supersede(ALICE, content("a"));
    assertEquals(new StoredRecord(version, content("a"), null), other.load(ALICE));
    store.begin(ALICE, version, A, null);
    assertEquals(new StoredRecord(version, content("a"), A), other.load(ALICE));
    store.begin(ALICE, version, B, A.id());
    assertEquals(new StoredRecord(version, content("a"), B), other.load(ALICE));
    store.clear(ALICE, B.id());
    assertEquals(new StoredRecord(version, content("a"), null), other.load(ALICE));
    Version next = commit(ALICE, version, content("b"));
    assertEquals(new StoredRecord(next, content("b"), null), other.load(ALICE));
    store.supersede(ALICE, content(State.SIGNED_OUT, "", SINCE.minus(Duration.ofDays(2))));
    store.purge(SINCE);
    assertNull(other.load(ALICE));
    Version first = version(store.begin(BOB, null, A, null));
    assertEquals(first, Objects.requireNonNull(other.load(BOB)).version());
    store.forget(BOB);
    assertNull(other.load(BOB));
  }

  // Changes -------------------------------------------------------------------------------------

  @Test
  void changes_firstCall_onlyACursor() {
    store.supersede(ALICE, content("a"));

    assertEquals(List.of(), store.changesSince(null).changes());
  }

  @Test
  void changes_signInSignOutForget_toldToAnotherProcessOnce() throws Exception {
    TokenStore other = asAnotherProcessSeesIt(store);
    String cursor = other.changesSince(null).cursor();

    Version in = store.supersede(ALICE, content("a"));
    cursor = assertTold(other.changesSince(cursor), change(ALICE, in));
    Version out = store.supersede(ALICE, content(State.SIGNED_OUT, ""));
    cursor = assertTold(other.changesSince(cursor), change(ALICE, out));
    store.forget(ALICE);
    cursor = assertTold(other.changesSince(cursor), change(ALICE, null));

    assertTrue(tellsNothing(other.changesSince(cursor)));
  }

  @Test
  void changes_renewals_notTold() {
    Version version = store.supersede(ALICE, content("a"));
    String cursor = store.changesSince(null).cursor();

    store.begin(ALICE, version, A, null);
    commit(ALICE, version, content("b"));

    assertTrue(tellsNothing(store.changesSince(cursor)));
  }

  @Test
  void changes_readersAtDifferentPlaces_eachHearsItsOwn() {
    String first = store.changesSince(null).cursor();
    Change alice = change(ALICE, store.supersede(ALICE, content("a")));
    String second = store.changesSince(null).cursor();
    Change bob = change(BOB, store.supersede(BOB, content("b")));

    assertTold(store.changesSince(first), alice, bob);
    assertTold(store.changesSince(second), bob);
    assertTold(store.changesSince(first), alice, bob);
  }

  @Test
  void changes_moreThanAStoreRemembers_allOrEverything() {
    String cursor = store.changesSince(null).cursor();
    Set<Key> changed = new HashSet<>();
    for (int i = 0; i < 10_000; i++) {
      changed.add(new Key(Kind.LOGIN, "fake", "user" + i));
    }
    changed.forEach(key -> store.supersede(key, content("x")));

    Changes told = store.changesSince(cursor);

    assertTrue(told.everything() || keys(told).containsAll(changed));
    assertTrue(tellsNothing(store.changesSince(told.cursor())));
  }

  // Races ---------------------------------------------------------------------------------------

  @Test
  void race_begin_exactlyOneBegun() {
    eachRound(
        (racers, round) -> {
          Key key = key(round);
          Version seen = store.supersede(key, content("tokens"));

          List<BeginResult> results =
              racers.race(racer -> store.begin(key, seen, intent(racer), null));

          BeginResult winner = theOneBegun(results);
          assertEquals(winner.open(), loaded(key).intent());
          for (BeginResult result : results) {
            assertEquals(winner.open(), result.open());
            assertEquals(seen, result.version());
          }
        });
  }

  @Test
  void race_beginOnAnAbsentRow_exactlyOneBegun() {
    eachRound(
        (racers, round) -> {
          Key key = key(round);

          List<BeginResult> results =
              racers.race(racer -> store.begin(key, null, intent(racer), null));

          BeginResult winner = theOneBegun(results);
          StoredRecord stored = loaded(key);
          assertEquals(winner.open(), stored.intent());
          assertEquals(winner.version(), stored.version());
        });
  }

  @Test
  void race_takeover_exactlyOneBegun() {
    eachRound(
        (racers, round) -> {
          Key key = key(round);
          Version seen = store.supersede(key, content("tokens"));
          store.begin(key, seen, A, null);

          List<BeginResult> results =
              racers.race(racer -> store.begin(key, seen, intent(racer), A.id()));

          assertEquals(theOneBegun(results).open(), loaded(key).intent());
        });
  }

  @Test
  void race_commitOfOneVersion_exactlyOneWritten() {
    eachRound(
        (racers, round) -> {
          Key key = key(round);
          Version parent = store.supersede(key, content("parent"));

          List<Boolean> results =
              racers.race(racer -> store.commit(key, parent, content("by " + racer)) != null);

          assertEquals(1, results.stream().filter(written -> written).count(), "commits accepted");
          int winner = results.indexOf(true);
          assertStored(key, parent.next(), content("by " + winner), null);
        });
  }

  @Test
  void race_commitAndSignIn_theSignInStays() {
    eachRound(
        (racers, round) -> {
          Key key = key(round);
          Version parent = store.supersede(key, content("parent"));

          List<Version> results =
              racers.race(
                  racer -> {
                    if (racer == 0) {
                      return store.supersede(key, content("signed in anew"));
                    }
                    store.commit(key, parent, content("renewed"));
                    return parent;
                  });

          assertStored(key, results.get(0), content("signed in anew"), null);
        });
  }

  @Test
  void race_takeoverAndClear_theNewIntentStays() {
    eachRound(
        (racers, round) -> {
          Key key = key(round);
          Version seen = store.supersede(key, content("tokens"));
          store.begin(key, seen, A, null);

          racers.race(
              racer -> {
                if (racer == 0) {
                  return store.begin(key, seen, B, A.id());
                }
                store.clear(key, A.id());
                return null;
              });

          assertEquals(B, loaded(key).intent());
        });
  }

  @Test
  void race_differentKeys_noneLost() {
    eachRound(
        (racers, round) -> {
          List<Version> versions =
              racers.race(
                  racer -> {
                    Key key = new Key(Kind.LOGIN, "round" + round, "user" + racer);
                    Version parent = store.supersede(key, content("parent"));
                    store.begin(key, parent, intent(racer), null);
                    return store.commit(key, parent, content("by " + racer));
                  });

          for (int racer = 0; racer < RACERS; racer++) {
            Key key = new Key(Kind.LOGIN, "round" + round, "user" + racer);
            assertStored(
                key, Objects.requireNonNull(versions.get(racer)), content("by " + racer), null);
          }
        });
  }

  @Test
  void race_readerAndWriter_recordsAreWhole() {
    try (Racers racers = new Racers(2)) {
      Version start = store.supersede(ALICE, content("0"));
      int commits = rounds() * 5;

      racers.race(
          racer -> {
            Version version = start;
            for (int i = 1; i <= commits; i++) {
              if (racer == 0) {
                version = commit(ALICE, version, content("" + i));
              } else {
                StoredRecord seen = loaded(ALICE);
                long number = seen.version().number() - start.number();
                assertSame(content("" + number), seen.content());
              }
            }
            return version;
          });
    }
  }

  @Test
  void race_changesAndSignIns_noneIsMissedAndEachIsThereWhenTold() {
    Version before = store.supersede(BOB, content("never changes"));
    String start = store.changesSince(null).cursor();
    int signIns = rounds();
    try (Racers racers = new Racers(RACERS)) {
      List<Future<Integer>> writers =
          racers.start(
              racer -> {
                for (int i = 0; i < signIns; i++) {
                  store.supersede(new Key(Kind.LOGIN, "racer" + racer, "user" + i), content("x"));
                }
                return racer;
              });
      Set<Key> told = new HashSet<>();
      boolean everything = false;
      String cursor = start;
      while (true) {
        boolean done = writers.stream().allMatch(Future::isDone);
        Changes changes = store.changesSince(cursor);
        cursor = changes.cursor();
        everything |= changes.everything();
        for (Change change : changes.changes()) {
          assertEquals(
              change.generation(),
              loaded(change.key()).version().generation(),
              "told before it was written");
        }
        told.addAll(keys(changes));
        if (done) {
          break;
        }
      }
      Racers.results(writers);
      assertTrue(everything || told.size() == RACERS * signIns, told.size() + " were told");
      assertFalse(told.contains(BOB));
      assertEquals(before, loaded(BOB).version());
    }
  }

  // Helpers -------------------------------------------------------------------------------------

  private interface Round {

    void run(Racers racers, int round) throws Exception;
  }

  private void eachRound(Round body) {
    try (Racers racers = new Racers(RACERS)) {
      for (int round = 0; round < rounds(); round++) {
        body.run(racers, round);
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static Key key(int round) {
    return new Key(Kind.LOGIN, "fake", "round " + round);
  }

  private static Intent intent(int racer) {
    return new Intent("intent-" + racer, "process-" + racer, "Refresh");
  }

  private static BeginResult theOneBegun(List<BeginResult> results) {
    List<BeginResult> begun =
        results.stream()
            .filter(result -> result.outcome() == BeginOutcome.BEGUN)
            .collect(Collectors.toList());
    assertEquals(1, begun.size(), "exchanges begun");
    return begun.get(0);
  }

  private StoredRecord loaded(Key key) {
    StoredRecord stored = store.load(key);
    assertNotNull(stored, () -> "no record of " + key.subject());
    return stored;
  }

  private static Version version(BeginResult result) {
    assertEquals(BeginOutcome.BEGUN, result.outcome());
    return Objects.requireNonNull(result.version());
  }

  private Version commit(Key key, Version parent, Content next) {
    Version version = store.commit(key, parent, next);
    assertNotNull(version, "commit refused");
    return version;
  }

  private void assertStored(Key key, Version version, Content content, @Nullable Intent intent) {
    assertEquals(new StoredRecord(version, content, intent), loaded(key));
  }

  private static void assertSame(Content expected, Content actual) {
    assertAll(
        () -> assertEquals(expected.state(), actual.state()),
        () -> assertEquals(expected.since(), actual.since()),
        () -> assertArrayEquals(expected.label(), actual.label()),
        () -> assertArrayEquals(expected.secrets(), actual.secrets()));
  }

  private static Change change(Key key, @Nullable Version version) {
    return new Change(key, version == null ? null : version.generation());
  }

  private static String assertTold(Changes changes, Change... expected) {
    assertTrue(
        changes.everything() || changes.changes().equals(List.of(expected)),
        () -> "told " + changes.changes() + ", not " + List.of(expected));
    return changes.cursor();
  }

  private static Set<Key> keys(Changes changes) {
    return changes.changes().stream().map(Change::key).collect(Collectors.toSet());
  }

  private static boolean tellsNothing(Changes changes) {
    return !changes.everything() && changes.changes().isEmpty();
  }

  private static Content content(String text) {
    return content(State.ACTIVE, text);
  }

  private static Content content(State state, String text) {
    return content(state, text, SINCE);
  }

  private static Content content(State state, String text, Instant since) {
    return new Content(
        state, since, label(text), ("canary " + text).getBytes(StandardCharsets.UTF_8));
  }

  private static byte[] label(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
