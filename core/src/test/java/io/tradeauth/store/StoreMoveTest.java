package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStoreException;
import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.TokenLedger;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Logins go from one store to another and are never in both when a token could be spent. */
class StoreMoveTest {

  private static final List<String> REALMS = List.of(FakeBroker.NAME);

  private final List<StorePlace> places = new ArrayList<>();

  /** The new store. */
  private TokenStore store = TokenStore.inMemory();

  /** The store that is left. */
  private TokenStore left = TokenStore.inMemory();

  /** From where to where. */
  private enum Way {
    MEMORY_TO_FILES(null, StorePlace.Kind.FILES),
    FILES_TO_DATABASE(StorePlace.Kind.FILES, StorePlace.Kind.H2),
    DATABASE_TO_FILES(StorePlace.Kind.H2, StorePlace.Kind.FILES);

    private final StorePlace.@Nullable Kind from;
    private final StorePlace.Kind to;

    Way(StorePlace.@Nullable Kind from, StorePlace.Kind to) {
      this.from = from;
      this.to = to;
    }
  }

  private void open(Way way) throws Exception {
    left = way.from == null ? TokenStore.inMemory() : open(way.from);
    store = open(way.to);
  }

  private TokenStore open(StorePlace.Kind kind) throws Exception {
    StorePlace place = kind.make();
    places.add(place);
    return place.open();
  }

  @AfterEach
  void close() throws Exception {
    for (StorePlace place : places) {
      place.close();
    }
  }

  private static Key login(String user) {
    return new Key(Kind.LOGIN, FakeBroker.NAME, user);
  }

  private static EngineFixture over(TokenStore store) {
    return EngineFixture.of(RotationProfile.STRICT).store(store).start();
  }

  @ParameterizedTest
  @EnumSource
  void moved_usersGoOnThere_oldStoreKnowsNobody(Way way) throws Exception {
    open(way);
    try (EngineFixture old = over(left).signIn("alice", "bob");
        EngineFixture after = old.another(store)) {
      AccessToken alice = old.get("alice");

      assertEquals(new StoreMove.Result(2, List.of(), List.of(), List.of()), move());

      assertEquals(alice, after.get("alice"));
      old.expire();
      // It may just be told of what was moved, and then looks again after a moment.
      assertTrue(old.server().accepts(after.getAsTimePasses("alice").value()));
      assertTrue(old.server().accepts(after.getAsTimePasses("bob").value()));
      assertThrows(SignInRequiredException.class, () -> old.get("alice"));
      assertEquals(0, old.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  private StoreMove.Result move() {
    return StoreMove.move(left, store, REALMS);
  }

  @ParameterizedTest
  @EnumSource
  void exchangeUnderWay_staysWhereItIs(Way way) throws Exception {
    open(way);
    try (EngineFixture old = over(left).signIn("alice")) {
      TokenStore.StoredRecord stored = Objects.requireNonNull(left.load(login("alice")));
      left.begin(
          login("alice"), stored.version(), new TokenStore.Intent("i", "another", "Refresh"), null);

      assertEquals(new StoreMove.Result(0, List.of(login("alice")), List.of(), List.of()), move());

      assertNull(store.load(login("alice")));
      left.clear(login("alice"), "i");
      assertEquals(1, move().moved());
      assertEquals(1, old.exchanges());
    }
  }

  @ParameterizedTest
  @EnumSource
  void signedInThereAlready_bothStay(Way way) throws Exception {
    open(way);
    try (EngineFixture old = over(left).signIn("alice");
        EngineFixture after = old.another(store)) {
      after.signIn("alice");
      AccessToken newer = after.get("alice");

      assertEquals(new StoreMove.Result(0, List.of(), List.of(login("alice")), List.of()), move());

      assertEquals(newer, after.get("alice"));
      assertNull(Objects.requireNonNull(left.load(login("alice"))).intent());
    }
  }

  @ParameterizedTest
  @EnumSource
  void brokenOffAtAnyStep_usedWhereItIs_goneOnWith_nothingSpentTwice(Way way) throws Exception {
    open(way);
    try (EngineFixture old = over(left);
        EngineFixture after = old.another(store)) {
      boolean broken = true;
      for (int step = 1; broken; step++) {
        String user = "user" + step;
        old.signIn(user);

        broken = movedUntil(step);
        if (isActive(store, user)) {
          old.expire();
          after.getAsTimePasses(user);
        }
        move();

        old.expire();
        assertTrue(old.server().accepts(after.getAsTimePasses(user).value()), user);
        assertThrows(SignInRequiredException.class, () -> old.get(user), user);
        assertEquals(0, old.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN), user);
        left.forget(login(user));
      }
    }
  }

  /** Returns whether the move broke off. */
  private boolean movedUntil(int step) {
    Steps steps = new Steps(step, StoreMoveTest::breakOff);
    try {
      StoreMove.move(steps.of(left), steps.of(store), REALMS);
      return false;
    } catch (IllegalStateException e) {
      return true;
    }
  }

  private static boolean isActive(TokenStore in, String user) {
    return stateIn(in, user) == TokenStore.State.ACTIVE;
  }

  private static TokenStore.State stateIn(TokenStore in, String user) {
    TokenStore.StoredRecord stored = in.load(login(user));
    return stored == null ? TokenStore.State.EMPTY : stored.content().state();
  }

  /** What becomes of a login while it is moved. */
  private enum Meanwhile {
    SIGNED_IN,
    SIGNED_OUT,
    FORGOTTEN,
    RENEWED;

    /** Does it, if there is a login that it can be done to. */
    boolean isDone(TokenStore in, String user) {
      TokenStore.StoredRecord stored = in.load(login(user));
      boolean isThere = this == SIGNED_OUT ? stored != null : isActive(in, user);
      if (this != SIGNED_IN && !isThere) {
        return false;
      }
      switch (this) {
        case SIGNED_IN:
          in.supersede(login(user), content(TokenStore.State.ACTIVE, name()));
          return true;
        case SIGNED_OUT:
          in.supersede(login(user), content(TokenStore.State.SIGNED_OUT, ""));
          return true;
        case FORGOTTEN:
          in.forget(login(user));
          return true;
        default:
          TokenStore.Version version = Objects.requireNonNull(stored).version();
          return in.commit(login(user), version, content(TokenStore.State.ACTIVE, name())) != null;
      }
    }
  }

  private static TokenStore.Content content(TokenStore.State state, String secrets) {
    byte[] bytes = secrets.getBytes(StandardCharsets.UTF_8);
    return new TokenStore.Content(state, Instant.EPOCH, bytes, bytes);
  }

  /** Also an answer that comes late, from an exchange whose intent another took the place of. */
  @ParameterizedTest
  @EnumSource
  void oldStoreChangesAtAnyStep_newerIsMoved(Meanwhile meanwhile) {
    boolean reached = true;
    for (int step = 1; reached; step++) {
      String user = "user" + step;
      AtomicBoolean done = new AtomicBoolean();
      left.supersede(login(user), content(TokenStore.State.ACTIVE, "before"));
      Steps steps = new Steps(step, () -> done.set(meanwhile.isDone(left, user)));

      StoreMove.move(steps.of(left), steps.of(store), REALMS);

      reached = steps.isReached();
      if (!done.get()) {
        assertEquals("before", secretsIn(store, user), user);
        assertEquals("", secretsIn(left, user), user);
      } else if (meanwhile == Meanwhile.SIGNED_OUT
          && stateIn(left, user) == TokenStore.State.SIGNED_OUT) {
        assertEquals("before", secretsIn(store, user), "signed out after it was moved");
        assertEquals(List.of(login(user)), move().taken());
      } else if (meanwhile == Meanwhile.SIGNED_OUT || meanwhile == Meanwhile.FORGOTTEN) {
        assertEquals("", secretsIn(store, user), user);
        assertEquals("", secretsIn(left, user), user);
      } else if (secretsIn(left, user).isEmpty()) {
        assertEquals(meanwhile.name(), secretsIn(store, user), user);
      } else {
        assertEquals(meanwhile.name(), secretsIn(left, user), "signed in after it was moved");
        assertEquals("before", secretsIn(store, user), user);
        assertEquals(List.of(login(user)), move().taken());
      }
      left.forget(login(user));
    }
  }

  @Test
  void signedInToTheOldStore_thenBrokenOffAtAnyStep_newestIsKept() {
    for (int signIn = 1; signIn < 12; signIn++) {
      for (int breakOff = signIn + 1; breakOff < 25; breakOff++) {
        String user = signIn + " " + breakOff;
        left.supersede(login(user), content(TokenStore.State.ACTIVE, "before"));
        Steps first = new Steps(signIn, () -> Meanwhile.SIGNED_IN.isDone(left, user));
        Steps then = new Steps(breakOff, StoreMoveTest::breakOff);
        try {
          StoreMove.move(then.of(first.of(left)), then.of(first.of(store)), REALMS);
        } catch (IllegalStateException e) {
          assertTrue(then.isReached());
        }
        move();

        String newest = Meanwhile.SIGNED_IN.name();
        boolean isKept =
            secretsIn(store, user).equals(newest) || secretsIn(left, user).equals(newest);
        assertEquals(first.isReached(), isKept, user);
        left.forget(login(user));
      }
    }
  }

  private static void breakOff() {
    throw new IllegalStateException("the test says so");
  }

  /** Returns what can be used there; a copy that can't is told as such. */
  private static String secretsIn(TokenStore in, String user) {
    TokenStore.StoredRecord stored = in.load(login(user));
    String secrets =
        stored == null ? "" : new String(stored.content().secrets(), StandardCharsets.UTF_8);
    if (stored == null || stored.content().state() != TokenStore.State.EMPTY) {
      return secrets;
    }
    return secrets.contains("copy") ? "a copy" : "";
  }

  @ParameterizedTest
  @EnumSource
  void newStoreChangesAtAnyStep_thatCounts(Meanwhile meanwhile) {
    boolean reached = true;
    for (int step = 1; reached; step++) {
      String user = "user" + step;
      AtomicBoolean done = new AtomicBoolean();
      left.supersede(login(user), content(TokenStore.State.ACTIVE, "before"));
      Steps steps = new Steps(step, () -> done.set(meanwhile.isDone(store, user)));

      if (meanwhile == Meanwhile.FORGOTTEN) {
        moveThatMayFail(steps, user);
      } else {
        StoreMove.move(steps.of(left), steps.of(store), REALMS);
      }

      reached = steps.isReached();
      String there = secretsIn(store, user);
      if (!done.get()) {
        assertEquals("before", there, user);
      } else if (meanwhile == Meanwhile.SIGNED_IN || meanwhile == Meanwhile.RENEWED) {
        assertEquals(meanwhile.name(), there, user);
      } else {
        assertEquals("", there, user);
      }
      left.forget(login(user));
    }
  }

  /** What is forgotten before it is read back looks as if the store had lost it. */
  private void moveThatMayFail(Steps steps, String user) {
    try {
      StoreMove.move(steps.of(left), steps.of(store), REALMS);
    } catch (TokenStoreException e) {
      assertEquals("before", secretsIn(left, user));
      assertEquals(TokenStoreException.Reason.WRITE_FAILED, e.reason());
    }
  }

  /** What becomes of a login while two movers are at it. */
  private enum Event {
    NOTHING,
    OLD_SIGN_IN,
    OLD_SIGN_OUT,
    OLD_RENEWAL,
    NEW_SIGN_IN,
    NEW_RENEWAL,
    NEW_FORGET
  }

  /**
   * One mover stands still before one of its calls, and another goes as far as one of its own: what
   * counts in the end is what was done last, however often the moves break off.
   */
  @ParameterizedTest
  @EnumSource
  void standsStillWhileAnotherMoves_whatWasDoneLastCounts(Event first) {
    for (Event then : Event.values()) {
      for (int still = 1; still < 16; still++) {
        for (int goes = 0; goes < 16; goes++) {
          new TwoMovers(first, then, still, goes).run();
        }
      }
    }
  }

  /** Each combination has stores of its own. */
  private static final class TwoMovers {

    private final TokenStore left = TokenStore.inMemory();
    private final TokenStore store = TokenStore.inMemory();
    private final Event first;
    private final Event then;
    private final int still;
    private final int goes;
    private Set<String> right = Set.of("before");

    TwoMovers(Event first, Event then, int still, int goes) {
      this.first = first;
      this.then = then;
      this.still = still;
      this.goes = goes;
    }

    void run() {
      left.supersede(login("alice"), content(TokenStore.State.ACTIVE, "before"));
      move(
          new Steps(
              still,
              () -> {
                happens(first, "first");
                move(new Steps(goes, StoreMoveTest::breakOff));
                happens(then, "then");
              }));

      String what = first + " " + then + " " + still + " " + goes;
      StoreMove.Result last = assertDoesNotThrow(() -> StoreMove.move(left, store, REALMS), what);

      assertEquals(List.of(), last.busy(), what);
      String kept = secretsIn(last.taken().isEmpty() ? store : left, "alice");
      assertTrue(right.contains(kept) || right.contains(secretsIn(store, "alice")), what);
    }

    private void move(Steps steps) {
      try {
        StoreMove.move(steps.of(left), steps.of(store), REALMS);
      } catch (IllegalStateException e) {
        // It broke off.
      } catch (TokenStoreException e) {
        assertTrue(first == Event.NEW_FORGET || then == Event.NEW_FORGET, "lost");
      }
    }

    private void happens(Event event, String what) {
      switch (event) {
        case OLD_SIGN_IN:
          oldHas(left.supersede(login("alice"), content(TokenStore.State.ACTIVE, what)), what);
          return;
        case OLD_SIGN_OUT:
          oldHas(left.supersede(login("alice"), content(TokenStore.State.SIGNED_OUT, "")), "");
          return;
        case OLD_RENEWAL:
          if (isActive(left, "alice")) {
            oldHas(renew(left, what), what);
          }
          return;
        case NEW_SIGN_IN:
          store.supersede(login("alice"), content(TokenStore.State.ACTIVE, what));
          right = Set.of(what);
          return;
        case NEW_RENEWAL:
          if (isActive(store, "alice")) {
            renew(store, what);
            right = Set.of(what);
          }
          return;
        case NEW_FORGET:
          store.forget(login("alice"));
          right = new HashSet<>(Set.of(secretsIn(left, "alice")));
          right.add(""); // it may have been forgotten in its last moment
          return;
        case NOTHING:
          return;
      }
    }

    private static TokenStore.Version renew(TokenStore in, String what) {
      TokenStore.Version version = Objects.requireNonNull(in.load(login("alice"))).version();
      return Objects.requireNonNull(
          in.commit(login("alice"), version, content(TokenStore.State.ACTIVE, what)));
    }

    /** What is done in the old store counts, unless the new one has the login, or nearly so. */
    private void oldHas(TokenStore.Version written, String what) {
      boolean isThere = stateIn(store, "alice") != TokenStore.State.EMPTY;
      boolean isNearlyThere = written.number() == 0 && !secretsIn(store, "alice").isEmpty();
      Set<String> both = new HashSet<>(right);
      both.add(what);
      right = isThere ? right : isNearlyThere || right.size() > 1 ? both : Set.of(what);
    }
  }

  /** The record may be empty already in the old store, or be a place or a copy in the new one. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void brokenOffAtAnyStep_signedOut_staysSignedOut(boolean inTheNewStore) {
    try (EngineFixture old = over(left);
        EngineFixture after = old.another(store)) {
      boolean broken = true;
      for (int step = 1; broken; step++) {
        String user = "user" + step;
        old.signIn(user);
        broken = movedUntil(step);
        TokenStore where = inTheNewStore ? store : left;
        if (where.load(login(user)) != null && (inTheNewStore || !isActive(store, user))) {
          (inTheNewStore ? after : old).signOut(user);

          move();

          assertEquals(TokenStore.State.SIGNED_OUT, stateIn(store, user), user);
          assertThrows(SignInRequiredException.class, () -> after.getAsTimePasses(user), user);
        }
        left.forget(login(user));
      }
    }
  }

  @Test
  void moved_signedOutInAProgramThatStillUsesTheOldStore_servedNoMoreThere() {
    try (EngineFixture old = over(left).signIn("alice");
        EngineFixture after = old.another(store)) {
      AccessToken alice = old.get("alice");
      move();
      assertEquals(alice, old.get("alice"));
      assertInstanceOf(ProbeAnswer.Unknown.class, old.manager().validate(FakeBroker.NAME, "alice"));

      old.signOut("alice");

      assertThrows(SignInRequiredException.class, () -> old.get("alice"));
      assertEquals(alice, after.get("alice"));
      assertEquals(List.of(login("alice")), move().taken());
    }
  }

  /** A sign-in there would wait for it. */
  @Test
  void brokenOffAtAnyStep_newStoreIsWaitingForNothing() {
    boolean broken = true;
    for (int step = 1; broken; step++) {
      left.supersede(login("alice"), content(TokenStore.State.ACTIVE, "before"));
      AtomicBoolean isPlaced = new AtomicBoolean();
      TokenStore watched = new Steps(step, StoreMoveTest::breakOff).of(store);
      try {
        StoreMove.move(left, watched, REALMS);
        broken = false;
      } catch (IllegalStateException e) {
        TokenStore.StoredRecord there = store.load(login("alice"));
        isPlaced.set(there != null && there.intent() != null);
      }
      // The place is written with an intent, and that is taken back at once.
      assertEquals(step == 3, isPlaced.get(), "step " + step);
      left.forget(login("alice"));
      store.forget(login("alice"));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void damagedInOneOfTheStores_isNamed_allOthersAreMoved(boolean inTheNewStore) {
    for (String user : List.of("alice", "bob", "carol")) {
      left.supersede(login(user), content(TokenStore.State.ACTIVE, user));
    }
    TokenStore from = inTheNewStore ? left : withDamaged(left, "bob");
    TokenStore to = inTheNewStore ? withDamaged(store, "bob") : store;

    StoreMove.Result result = StoreMove.move(from, to, REALMS);

    assertEquals(new StoreMove.Result(2, List.of(), List.of(), List.of(login("bob"))), result);
    assertEquals("Result[moved=2, busy=0, taken=0, damaged=1]", result.toString());
    assertEquals("alice", secretsIn(store, "alice"));
    assertEquals("carol", secretsIn(store, "carol"));
    assertEquals("bob", secretsIn(left, "bob"));
  }

  /** Or it could not be renewed in the old store ever again. */
  @Test
  void brokenOffAtAnyStep_placeIsDamaged_oldRecordIsNotLocked() {
    for (int step = 1; stateIn(left, "alice") != TokenStore.State.EMPTY || step == 1; step++) {
      left.supersede(login("alice"), content(TokenStore.State.ACTIVE, "before"));
      store.forget(login("alice"));
      movedUntil(step);

      StoreMove.Result result = StoreMove.move(left, withDamaged(store, "alice"), REALMS);

      assertEquals(List.of(login("alice")), result.damaged());
      assertNull(lockOf("alice"), "step " + step);
    }
  }

  private static TokenStore withDamaged(TokenStore store, String user) {
    return (TokenStore)
        Proxy.newProxyInstance(
            TokenStore.class.getClassLoader(),
            new Class<?>[] {TokenStore.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("load") && arguments[0].equals(login(user))) {
                throw new TokenStoreException(TokenStoreException.Reason.TAMPERED, "damaged", null);
              }
              return method.invoke(store, arguments);
            });
  }

  /** What is in the new store by then may be a place, a copy or the login. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void brokenOffAtAnyStep_oneOfTheStoresMovedElsewhere_usedInOnePlace(boolean theNewOne) {
    boolean broken = true;
    for (int step = 1; broken; step++) {
      TokenStore elsewhere = TokenStore.inMemory();
      left.supersede(login("alice"), content(TokenStore.State.ACTIVE, "before"));
      broken = movedUntil(step);

      StoreMove.move(theNewOne ? store : left, elsewhere, REALMS);
      move();

      long places = Stream.of(left, store, elsewhere).filter(in -> isActive(in, "alice")).count();
      assertEquals(1, places, "step " + step);
      left.forget(login("alice"));
      store.forget(login("alice"));
    }
  }

  @Test
  void brokenOff_oldStoreAskedLongAfterTheHold_nothingIsSent() {
    try (EngineFixture old = over(left).signIn("alice");
        EngineFixture after = old.another(store)) {
      AccessToken inHand = old.get("alice");
      int step = 1;
      while (lockOf("alice") == null) {
        assertTrue(movedUntil(step++));
      }
      int sent = old.exchanges();
      assertEquals(inHand, old.get("alice"));
      old.expire();
      CompletableFuture<AccessToken> asked = old.tokens().getAsync("alice");
      old.live(Duration.ofMinutes(10));
      assertTrue(asked.isCompletedExceptionally());
      assertEquals(sent, old.exchanges());

      assertEquals(1, move().moved());

      assertTrue(old.server().accepts(after.getAsTimePasses("alice").value()));
      assertEquals(0, old.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  private TokenStore.@Nullable Intent lockOf(String user) {
    return Objects.requireNonNull(left.load(login(user))).intent();
  }

  @Test
  void severalAtOnce_eachIsMovedOnce() throws Exception {
    for (int user = 0; user < 500; user++) {
      left.supersede(login("user" + user), content(TokenStore.State.ACTIVE, "of " + user));
    }
    ExecutorService movers = Executors.newFixedThreadPool(4);
    try {
      int moved = 0;
      for (Future<StoreMove.Result> mover :
          movers.invokeAll(Collections.<Callable<StoreMove.Result>>nCopies(4, this::move))) {
        moved += mover.get().moved();
        assertEquals(List.of(), mover.get().busy());
        assertEquals(List.of(), mover.get().taken());
      }
      assertEquals(500, moved);
    } finally {
      movers.shutdownNow();
    }
    for (int user = 0; user < 500; user++) {
      assertEquals("of " + user, secretsIn(store, "user" + user));
      assertEquals("", secretsIn(left, "user" + user));
    }
  }

  @ParameterizedTest
  @EnumSource
  void newStoreDoesNotGiveBackWhatIsWritten_errorEachTime_nothingRemoved(Lie lie) {
    left.supersede(login("alice"), content(TokenStore.State.ACTIVE, "before"));
    for (int i = 0; i < 3; i++) {
      TokenStoreException refused =
          assertThrows(
              TokenStoreException.class, () -> StoreMove.move(left, lie.of(store), REALMS));
      assertEquals(TokenStoreException.Reason.WRITE_FAILED, refused.reason());
      assertEquals("before", secretsIn(left, "alice"));
    }
    store.forget(login("alice"));
    assertEquals(1, move().moved());
    assertEquals("before", secretsIn(store, "alice"));
  }

  /** The old record is empty by then. */
  @ParameterizedTest
  @EnumSource(names = {"IGNORES", "GARBLES"})
  void newStoreDoesNotGiveBackTheLogin_error(Lie lie) {
    left.supersede(login("alice"), content(TokenStore.State.ACTIVE, "before"));
    assertThrows(
        TokenStoreException.class,
        () -> StoreMove.move(left, lie.of(store, TokenStore.State.ACTIVE), REALMS));
  }

  /** What a store may do instead of a commit, without saying so. */
  private enum Lie {
    IGNORES,
    LOSES,
    GARBLES;

    TokenStore of(TokenStore store) {
      return of(store, TokenStore.State.EMPTY);
    }

    /** Lies when something is written in this state. */
    TokenStore of(TokenStore store, TokenStore.State state) {
      return (TokenStore)
          Proxy.newProxyInstance(
              TokenStore.class.getClassLoader(),
              new Class<?>[] {TokenStore.class},
              (proxy, method, arguments) -> {
                boolean commits =
                    method.getName().equals("commit")
                        && ((TokenStore.Content) arguments[2]).state() == state;
                if (commits && this == GARBLES) {
                  arguments[2] = content(state, "garbled");
                }
                if (commits && this == IGNORES) {
                  return ((TokenStore.Version) arguments[1]).next();
                }
                Object result = method.invoke(store, arguments);
                if (commits && this == LOSES) {
                  store.forget((Key) arguments[0]);
                }
                return result;
              });
    }
  }

  /** Does something before one of the calls to the stores. */
  private static final class Steps {

    private final int at;
    private final Runnable then;
    private int calls;

    Steps(int at, Runnable then) {
      this.at = at;
      this.then = then;
    }

    boolean isReached() {
      return calls >= at;
    }

    TokenStore of(TokenStore store) {
      return (TokenStore)
          Proxy.newProxyInstance(
              TokenStore.class.getClassLoader(),
              new Class<?>[] {TokenStore.class},
              (proxy, method, arguments) -> {
                if (++calls == at) {
                  then.run();
                }
                try {
                  return method.invoke(store, arguments);
                } catch (InvocationTargetException e) {
                  throw e.getCause();
                }
              });
    }
  }
}
