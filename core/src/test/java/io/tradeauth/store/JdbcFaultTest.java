package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.BOB;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.AccessToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.TokenException;
import io.tradeauth.TokenStore.BeginOutcome;
import io.tradeauth.TokenStore.BeginResult;
import io.tradeauth.TokenStore.Changes;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import io.tradeauth.store.Tap.Harm;
import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Racers;
import io.tradeauth.testing.TokenLedger;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a store in a database does when the database, the link to it or its settings fail it. */
class JdbcFaultTest {

  private HikariDataSource pool;
  private Tap tap;
  private JdbcTokenStore store;

  private void open(TestDatabase database) throws Exception {
    pool = database.newPool();
    tap = new Tap(pool);
    store = TestDatabase.open(tap.source());
  }

  @AfterEach
  void close() {
    if (pool != null) {
      pool.close();
    }
  }

  // Statements ----------------------------------------------------------------------------------

  /** An exchange is three statements; only H2 is told beside them to force the disk. */
  @ParameterizedTest
  @EnumSource
  void exchange_threeStatementsOneConnectionAtATime(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    tap.executed();

    store.load(ALICE);
    store.begin(ALICE, seen, INTENT, null);
    store.commit(ALICE, seen, content("b"));

    List<String> executed = new ArrayList<>(tap.executed());
    if (database == TestDatabase.H2) {
      assertEquals(2, Collections.frequency(executed, "CHECKPOINT SYNC"));
      executed.removeAll(List.of("CHECKPOINT SYNC"));
    }
    assertEquals(List.of("SELECT", "UPDATE", "UPDATE"), verbs(executed));
    assertEquals(1, tap.mostOpen());
  }

  /** What the engine asks for to renew a user whose sign-in has proven the client. */
  @ParameterizedTest
  @EnumSource
  void exchangeOfTheEngine_loadBeginCommitAndNothingElse(TestDatabase database) throws Exception {
    open(database);
    List<String> users = List.of("alice", "bob", "carol");
    try (EngineFixture engine = EngineFixture.of(RotationProfile.STRICT).store(store).start()) {
      users.forEach(engine::signIn);
      engine.expire();
      engine.settle();
      for (String user : users) {
        int before = engine.exchanges();
        tap.executed();

        engine.get(user);
        engine.settle();

        assertEquals(1, engine.exchanges() - before);
        List<String> executed = new ArrayList<>(tap.executed());
        executed.removeAll(List.of("CHECKPOINT SYNC"));
        assertEquals(3, executed.size(), executed::toString);
        assertTrue(executed.get(0).startsWith("SELECT kind"), executed::toString);
        assertTrue(executed.get(1).contains("SET intent_id = ?"), executed::toString);
        assertTrue(executed.get(2).contains("SET version = ?"), executed::toString);
      }
    }
  }

  private static List<String> verbs(List<String> statements) {
    return statements.stream().map(sql -> sql.substring(0, sql.indexOf(' '))).toList();
  }

  @ParameterizedTest
  @EnumSource
  void firstExchange_threeStatements(TestDatabase database) throws Exception {
    open(database);
    tap.executed();

    store.load(ALICE);
    Version first = store.begin(ALICE, null, INTENT, null).version();
    store.commit(ALICE, Objects.requireNonNull(first), content("b"));

    List<String> executed = new ArrayList<>(tap.executed());
    executed.removeAll(List.of("CHECKPOINT SYNC"));
    assertEquals(List.of("SELECT", "INSERT", "UPDATE"), verbs(executed));
  }

  /**
   * T7, T8: nobody has anything to wait for, be it a row or a plan of the server's, and what time
   * the database has it is not asked.
   */
  @ParameterizedTest
  @EnumSource
  void statements_lockNothing_setNothing_askForNoTime_T7_T8(TestDatabase database)
      throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    store.begin(ALICE, seen, INTENT, null);
    store.begin(ALICE, seen, new Intent("b", "p", "Refresh"), null);
    store.clear(ALICE, INTENT.id());
    store.forget(ALICE);
    store.changesSince("0");

    for (String sql : tap.executed()) {
      assertFalse(sql.matches("(?i).*(FOR UPDATE|FOR SHARE|advisory|SKIP LOCKED).*"), sql);
      assertFalse(sql.matches("(?i)(SET|LOCK|BEGIN|PREPARE|LISTEN|DECLARE) .*"), sql);
      assertFalse(
          sql.matches("(?i).*(\\bnow\\b|current_|localtime|timestamp|datetime|julianday).*"), sql);
    }
  }

  /** X17: a pool of one, and never two connections at a time. */
  @ParameterizedTest
  @EnumSource
  void x17_poolOfOne_everythingWorks(TestDatabase database) throws Exception {
    pool = database.newPool(settings -> settings.setMaximumPoolSize(1));
    tap = new Tap(pool);
    store = TestDatabase.open(tap.source());
    JdbcTokenStore rotated =
        TestDatabase.builder(tap.source(), KeyProvider.of(Samples.key(2), Samples.key(1))).open();

    useAll(store);
    assertEquals(1, rotated.reencryptAll());
    rotated.countByKey();

    assertEquals(1, tap.mostOpen());
    try (Racers racers = new Racers(8)) {
      racers.race(
          racer -> {
            Key mine = new Key(Kind.LOGIN, "fake", "racer" + racer);
            for (int i = 0; i < 5; i++) {
              renew(store, mine, store.supersede(mine, content("a")));
            }
            return racer;
          });
    }
  }

  /** X17: the only connection is somebody else's for a while. */
  @ParameterizedTest
  @EnumSource
  void x17_onlyConnectionHeldBySomebody_livingTokenServed_othersFailInTime_goesOnAfterwards(
      TestDatabase database) throws Exception {
    pool =
        database.newPool(
            settings -> {
              settings.setMaximumPoolSize(1);
              settings.setConnectionTimeout(250);
            });
    store = TestDatabase.open(pool);
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice", "bob")) {
      AccessToken alice = engine.get("alice");
      engine.settle();
      try (Connection held = pool.getConnection()) {
        assertTrue(held.isValid(1));
        assertEquals(alice, engine.get("alice"));
        assertFails(Reason.READ_FAILED, () -> store.load(ALICE));
        assertFails(Reason.WRITE_FAILED, () -> store.supersede(ALICE, content("a")));
        assertThrows(TokenException.class, () -> engine.signIn("carol"));
        engine.expire();
        assertThrows(TokenException.class, () -> engine.get("bob"));
        assertEquals(2, engine.exchanges());
      }

      engine.signIn("carol");
      engine.live(Duration.ofSeconds(30));
      for (String user : List.of("alice", "bob", "carol")) {
        assertTrue(engine.server().accepts(engine.get(user).value()), user);
      }
      assertEquals(0, engine.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  private static void useAll(JdbcTokenStore store) {
    String cursor = store.changesSince(null).cursor();
    Version first = store.begin(ALICE, null, INTENT, null).version();
    Intent other = new Intent("other", "p", "Refresh");
    assertEquals(BeginOutcome.BUSY, store.begin(ALICE, first, other, null).outcome());
    store.clear(ALICE, INTENT.id());
    Version next = store.commit(ALICE, Objects.requireNonNull(first), content("a"));
    assertNull(store.commit(ALICE, first, content("late")));
    renew(store, ALICE, Objects.requireNonNull(next));
    Version superseded = store.supersede(ALICE, content("b"));
    store.supersede(BOB, content("c"));
    assertEquals(2, store.list(Kind.LOGIN, "fake").size());
    store.forget(BOB);
    store.purge(Samples.SINCE);
    Changes told = store.changesSince(cursor);
    assertEquals(2, told.changes().size());
    assertEquals(
        new StoredRecord(superseded, content("b"), null),
        Objects.requireNonNull(store.load(ALICE)));
  }

  private static Version renew(JdbcTokenStore store, Key key, Version seen) {
    assertEquals(BeginOutcome.BEGUN, store.begin(key, seen, INTENT, null).outcome());
    return Objects.requireNonNull(store.commit(key, seen, content("renewed")));
  }

  // X14: the outcome is not known ---------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  void x14_linkCutAfterBegin_begunOnce(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    tap.after(Harm.once("UPDATE tradeauth_record SET intent_id", Harm::cut));

    BeginResult begun = store.begin(ALICE, seen, INTENT, null);

    assertEquals(new BeginResult(BeginOutcome.BEGUN, seen, INTENT), begun);
    assertEquals(INTENT, Objects.requireNonNull(store.load(ALICE)).intent());
  }

  @ParameterizedTest
  @EnumSource
  void x14_linkCutAfterTheFirstBegin_begunOnce(TestDatabase database) throws Exception {
    open(database);
    tap.after(Harm.once("INSERT", Harm::cut));

    BeginResult begun = store.begin(ALICE, null, INTENT, null);

    StoredRecord stored = Objects.requireNonNull(store.load(ALICE));
    assertEquals(new BeginResult(BeginOutcome.BEGUN, stored.version(), INTENT), begun);
  }

  @ParameterizedTest
  @EnumSource
  void x14_linkCutBeforeBegin_begun(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    tap.before(Harm.once("UPDATE tradeauth_record SET intent_id", Harm::cut));

    assertEquals(BeginOutcome.BEGUN, store.begin(ALICE, seen, INTENT, null).outcome());
  }

  @ParameterizedTest
  @EnumSource
  void x14_linkCutAfterCommit_committedOnce(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    tap.after(Harm.once("UPDATE tradeauth_record SET version", Harm::cut));

    assertEquals(seen.next(), store.commit(ALICE, seen, content("b")));

    assertEquals(
        new StoredRecord(seen.next(), content("b"), null),
        Objects.requireNonNull(store.load(ALICE)));
  }

  /** The manager tries it again: the second call must know its own tokens. */
  @ParameterizedTest
  @EnumSource
  void x14_linkStaysCutAfterCommit_theNextCallIsToldThatItIsWritten(TestDatabase database)
      throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    tap.after(Harm.times(2, "UPDATE tradeauth_record SET version", Harm::cut));
    assertThrows(TokenStoreException.class, () -> store.commit(ALICE, seen, content("b")));

    assertEquals(seen.next(), store.commit(ALICE, seen, content("b")));
    assertNull(store.commit(ALICE, seen, content("of somebody else")));
  }

  @ParameterizedTest
  @EnumSource
  void x14_linkCutAtTheCommitOfASignIn_writtenAndToldOnce(TestDatabase database) throws Exception {
    open(database);
    String cursor = store.changesSince(null).cursor();
    tap.after(Harm.once("COMMIT", Harm::cut));

    Version version = store.supersede(ALICE, content("a"));

    assertEquals(version, Objects.requireNonNull(store.load(ALICE)).version());
    Changes told = store.changesSince(cursor);
    assertEquals(1, told.changes().size());
    assertEquals(version.generation(), told.changes().get(0).generation());
  }

  /** Whoever renewed in between is not set back to the tokens of the sign-in, which are spent. */
  @ParameterizedTest
  @EnumSource
  void x14_linkCutAtTheCommitOfASignIn_renewedInBetween_staysRenewed(TestDatabase database)
      throws Exception {
    open(database);
    JdbcTokenStore other = TestDatabase.open(pool);
    tap.after(
        Harm.once(
            "COMMIT",
            (what, connection) -> {
              Version signedIn = Objects.requireNonNull(other.load(ALICE)).version();
              other.commit(ALICE, signedIn, content("renewed"));
              Harm.cut(what, connection);
            }));

    Version version = store.supersede(ALICE, content("a"));

    assertEquals(
        new StoredRecord(version.next(), content("renewed"), null),
        Objects.requireNonNull(store.load(ALICE)));
  }

  @ParameterizedTest
  @EnumSource
  void x14_linkCutBeforeTheCommitOfASignIn_writtenOnce(TestDatabase database) throws Exception {
    open(database);
    String cursor = store.changesSince(null).cursor();
    tap.before(Harm.once("COMMIT", Harm::cut));

    Version version = store.supersede(ALICE, content("a"));

    assertEquals(version, Objects.requireNonNull(store.load(ALICE)).version());
    assertEquals(1, store.changesSince(cursor).changes().size());
  }

  @ParameterizedTest
  @EnumSource
  void x14_linkCutAfterForgetAndClear_done(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    store.begin(ALICE, seen, INTENT, null);
    tap.after(Harm.once("UPDATE tradeauth_record SET intent_id = NULL", Harm::cut));
    store.clear(ALICE, INTENT.id());
    assertNull(Objects.requireNonNull(store.load(ALICE)).intent());

    tap.after(Harm.once("COMMIT", Harm::cut));
    store.forget(ALICE);
    assertNull(store.load(ALICE));
  }

  // Down ----------------------------------------------------------------------------------------

  /** As a pooler gives the next transaction a connection that knows no such statement. */
  @ParameterizedTest
  @ValueSource(strings = {"26000", "42P05"})
  void preparedStatementsAreNotOfThisConnection_saysWhatToSet(String state) throws Exception {
    open(TestDatabase.POSTGRESQL);
    tap.before(
        Harm.once(
            "SELECT kind",
            (what, connection) -> {
              throw new SQLException("as a pooler says", state);
            }));

    TokenStoreException told = assertThrows(TokenStoreException.class, () -> store.load(ALICE));

    assertTrue(
        String.valueOf(told.getMessage()).contains("set prepareThreshold=0"), told.getMessage());
  }

  /** X12, X13: never taken for a user without tokens. */
  @ParameterizedTest
  @EnumSource
  void x12_down_everyCallSaysSo(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    tap.before(Harm.times(1_000, "CONNECT", Harm.state("08001")));

    assertFails(Reason.READ_FAILED, () -> store.load(ALICE));
    assertFails(Reason.READ_FAILED, () -> store.list(Kind.LOGIN, "fake"));
    assertFails(Reason.READ_FAILED, () -> store.changesSince(null));
    assertFails(Reason.WRITE_FAILED, () -> store.begin(ALICE, seen, INTENT, null));
    assertFails(Reason.WRITE_FAILED, () -> store.commit(ALICE, seen, content("b")));
    assertFails(Reason.WRITE_FAILED, () -> store.supersede(ALICE, content("b")));
    assertFails(Reason.READ_FAILED, () -> TestDatabase.open(tap.source()));

    tap.before((what, connection) -> {});
    assertEquals(content("a"), Objects.requireNonNull(store.load(ALICE)).content());
  }

  private static void assertFails(Reason reason, org.junit.jupiter.api.function.Executable call) {
    TokenStoreException failure = assertThrows(TokenStoreException.class, call);
    assertEquals(reason, failure.reason(), failure::getMessage);
  }

  /** X12: a pool that was never filled throws what is no SQLException. */
  @Test
  void x12_downBeforeThePoolWasFilled_saysSo() {
    pool = new HikariDataSource();
    pool.setJdbcUrl("jdbc:postgresql://127.0.0.1:1/canary?password=canary");

    TokenStoreException failure =
        assertThrows(TokenStoreException.class, () -> TestDatabase.open(pool));

    assertEquals(Reason.READ_FAILED, failure.reason());
    assertFalse(failure.getMessage().contains("canary"), failure::getMessage);
  }

  /** The words of a driver are nobody's business: they quote values and addresses. */
  @Test
  void failure_saysStateAndType_neverTheDriversWords() throws Exception {
    open(TestDatabase.H2);
    SQLException inner = new SQLException("canary-password");
    tap.before(
        (what, connection) -> {
          SQLException failure = new SQLException("canary: jdbc:h2:x;PASSWORD=canary", "42000", 7);
          failure.initCause(inner);
          failure.setNextException(new SQLException("canary"));
          throw failure;
        });

    TokenStoreException failure = assertThrows(TokenStoreException.class, () -> store.load(ALICE));

    assertTrue(
        failure.getMessage().contains("java.sql.SQLException, SQLState 42000, code 7"),
        failure::getMessage);
    StringWriter all = new StringWriter();
    failure.printStackTrace(new PrintWriter(all));
    assertFalse(all.toString().contains("canary"), all::toString);
    assertTrue(all.toString().contains("java.sql.SQLException"), all::toString);
    assertTrue(all.toString().contains("JdbcFaultTest"), "the stack trace is kept");
  }

  @Test
  void connectionCannotBeGivenBack_whatWasDoneCounts_noneOfTheDriversWordsIsTold()
      throws Exception {
    open(TestDatabase.H2);
    store.supersede(ALICE, content("a"));
    tap.before(
        (what, connection) -> {
          if (what.equals("CLOSE") || what.equals("ROLLBACK")) {
            throw new SQLException("canary");
          } else if (what.startsWith("UPDATE")) {
            throw new IllegalStateException("a bug");
          }
        });

    assertEquals(content("a"), Objects.requireNonNull(store.load(ALICE)).content());
    Throwable failure = assertThrows(RuntimeException.class, () -> store.forget(ALICE));
    StringWriter all = new StringWriter();
    failure.printStackTrace(new PrintWriter(all));
    assertFalse(all.toString().contains("canary"), all::toString);
    tap.before((what, connection) -> {});
  }

  @Test
  void interruptedThread_theWriteIsDoneAndItStaysInterrupted() throws Exception {
    open(TestDatabase.SQLITE);

    Thread.currentThread().interrupt();
    Version version = store.supersede(ALICE, content("a"));

    assertTrue(Thread.interrupted());
    assertEquals(version, Objects.requireNonNull(store.load(ALICE)).version());
  }

  // X18: settings of the data source ------------------------------------------------------------

  static Stream<Arguments> settings() {
    List<String> all =
        List.of("READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE");
    List<Arguments> matrix = new ArrayList<>();
    for (boolean autoCommit : new boolean[] {true, false}) {
      all.forEach(level -> matrix.add(Arguments.of(TestDatabase.POSTGRESQL, level, autoCommit)));
      all.subList(1, 4)
          .forEach(level -> matrix.add(Arguments.of(TestDatabase.H2, level, autoCommit)));
      matrix.add(Arguments.of(TestDatabase.SQLITE, "SERIALIZABLE", autoCommit));
    }
    return matrix.stream();
  }

  @ParameterizedTest
  @MethodSource("settings")
  void x18_anyIsolationAndAutocommit_samePromises(
      TestDatabase database, String isolation, boolean autoCommit) throws Exception {
    pool =
        database.newPool(
            settings -> {
              settings.setTransactionIsolation("TRANSACTION_" + isolation);
              settings.setAutoCommit(autoCommit);
            });
    store = TestDatabase.open(pool);
    useAll(store);
    JdbcTokenStore other = TestDatabase.open(pool);
    String cursor = store.changesSince(null).cursor();
    Set<Key> told = new HashSet<>();
    try (Racers racers = new Racers(4)) {
      for (int round = 0; round < 5; round++) {
        Key key = new Key(Kind.LOGIN, "fake", "round" + round);
        Version seen = store.supersede(key, content("a"));
        List<BeginOutcome> outcomes =
            racers.race(
                racer -> {
                  JdbcTokenStore mine = racer % 2 == 0 ? store : other;
                  mine.supersede(new Key(Kind.LOGIN, "fake", "racer" + racer), content("x"));
                  Intent intent = new Intent("intent" + racer, "p", "Refresh");
                  return mine.begin(key, seen, intent, null).outcome();
                });
        assertEquals(1, Collections.frequency(outcomes, BeginOutcome.BEGUN), outcomes::toString);
        Changes changes = other.changesSince(cursor);
        cursor = changes.cursor();
        changes.changes().forEach(change -> told.add(change.key()));
      }
    }
    assertEquals(9, told.size());
  }

  /** X18: the database gave another transaction precedence. */
  @ParameterizedTest
  @EnumSource
  void x18_conflict_doneOver(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    Harm conflict = database == TestDatabase.SQLITE ? Harm.code(5) : Harm.state("40001");
    tap.before(Harm.times(3, "UPDATE", conflict));
    assertEquals(BeginOutcome.BEGUN, store.begin(ALICE, seen, INTENT, null).outcome());

    tap.before(Harm.times(3, "COMMIT", conflict));
    Version signedIn = store.supersede(ALICE, content("b"));
    assertEquals(signedIn, Objects.requireNonNull(store.load(ALICE)).version());
  }

  @Test
  void x18_conflictWithoutEnd_givenUpWhenTheTimeOfAStatementIsUp() throws Exception {
    open(TestDatabase.H2);
    JdbcTokenStore patient =
        TestDatabase.builder(tap.source()).statementTimeout(Duration.ofSeconds(1)).open();
    tap.before(Harm.times(100_000, "UPDATE", Harm.state("40001")));

    assertFails(Reason.WRITE_FAILED, () -> patient.supersede(ALICE, content("a")));
    assertTrue(tap.executed().size() > 5);
  }

  /** Whoever holds a row holds nobody up for longer than a statement may take. */
  @Test
  void x11_rowLockedBySomebody_failsWhenTheTimeOfAStatementIsUp() throws Exception {
    open(TestDatabase.POSTGRESQL);
    JdbcTokenStore patient =
        TestDatabase.builder(tap.source()).statementTimeout(Duration.ofSeconds(1)).open();
    Version seen = patient.supersede(ALICE, content("a"));
    try (var connection = pool.getConnection()) {
      connection.setAutoCommit(false);
      try (var statement = connection.createStatement()) {
        statement.execute("UPDATE tradeauth_record SET since = since");
        assertFails(Reason.WRITE_FAILED, () -> patient.begin(ALICE, seen, INTENT, null));
      }
      connection.rollback();
    }
    assertEquals(BeginOutcome.BEGUN, patient.begin(ALICE, seen, INTENT, null).outcome());
  }

  /** What was opened is what is deleted, not what somebody has written since. */
  @ParameterizedTest
  @EnumSource
  void purge_signedInAgainMeanwhile_stays(TestDatabase database) throws Exception {
    open(database);
    JdbcTokenStore other = TestDatabase.open(pool);
    store.supersede(ALICE, content(State.SIGNED_OUT, ""));
    tap.before(Harm.once("DELETE", (what, connection) -> other.supersede(ALICE, content("again"))));

    assertEquals(0, store.purge(Samples.SINCE.plusMillis(1)));

    assertEquals(content("again"), Objects.requireNonNull(store.load(ALICE)).content());
  }

  // Races of two stores -------------------------------------------------------------------------

  /** Two stores as two processes have them: of all who begin at once, one does. */
  @ParameterizedTest
  @EnumSource
  void race_twoStoresOverOneDatabase_exactlyOneBegun(TestDatabase database) throws Exception {
    open(database);
    try (HikariDataSource second = TestDatabase.pool(pool.getJdbcUrl(), settings -> {});
        Racers racers = new Racers(8)) {
      JdbcTokenStore other = TestDatabase.open(second);
      Version seen = store.supersede(ALICE, content("0"));
      for (int round = 1; round <= 50; round++) {
        Version parent = seen;
        List<BeginOutcome> outcomes =
            racers.race(
                racer ->
                    (racer % 2 == 0 ? store : other)
                        .begin(ALICE, parent, new Intent("i" + racer, "p", "Refresh"), null)
                        .outcome());
        assertEquals(1, Collections.frequency(outcomes, BeginOutcome.BEGUN), outcomes::toString);
        seen = Objects.requireNonNull(other.commit(ALICE, parent, content("" + round)));
      }
    }
  }

  /** Eight sign in without a pause; a reader that only remembers a number misses none. */
  @ParameterizedTest
  @EnumSource
  void changes_manySignInsAtOnce_noneMissed(TestDatabase database) throws Exception {
    open(database);
    JdbcTokenStore reader = TestDatabase.open(pool);
    String cursor = reader.changesSince(null).cursor();
    int each = 200;
    try (Racers racers = new Racers(8)) {
      var writers =
          racers.start(
              racer -> {
                for (int i = 0; i < each; i++) {
                  store.supersede(
                      new Key(Kind.LOGIN, "fake", racer + " signs in " + i), content("x"));
                }
                return racer;
              });
      Set<Key> told = new HashSet<>();
      boolean done = false;
      while (!done) {
        done = writers.stream().allMatch(java.util.concurrent.Future::isDone);
        Changes changes = reader.changesSince(cursor);
        assertFalse(changes.everything());
        cursor = changes.cursor();
        changes.changes().forEach(change -> assertTrue(told.add(change.key()), "told twice"));
      }
      Racers.results(writers);
      assertEquals(8 * each, told.size());
      assertNotNull(reader.load(new Key(Kind.LOGIN, "fake", "7 signs in 199")));
    }
  }

  // Errors --------------------------------------------------------------------------------------

  /** As when memory or the stack is at its end in a driver; not every pool tidies up after it. */
  @ParameterizedTest
  @EnumSource
  void errorInsideATransaction_rolledBack_connectionAsItWas(TestDatabase database)
      throws Exception {
    open(database);
    Version before = store.supersede(ALICE, content("a"));
    try (Connection only = pool.getConnection()) {
      Tap untidy = new Tap(unclosed(only));
      JdbcTokenStore failing = TestDatabase.open(untidy.source());
      untidy.before(
          Harm.once(
              "UPDATE tradeauth_record SET kind",
              (what, connection) -> {
                throw new StackOverflowError("the test says so");
              }));

      assertThrows(StackOverflowError.class, () -> failing.supersede(ALICE, content("b")));

      assertTrue(only.getAutoCommit());
      assertEquals(before, Objects.requireNonNull(store.load(ALICE)).version());
      store.supersede(ALICE, content("c")); // no lock is left
      assertEquals(content("c"), Objects.requireNonNull(failing.load(ALICE)).content());
    }
  }

  /** Returns a source of one connection, which stays as it is when it is given back. */
  private static DataSource unclosed(Connection only) {
    Connection kept =
        (Connection)
            Proxy.newProxyInstance(
                JdbcFaultTest.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("close")) {
                    return null;
                  }
                  try {
                    return method.invoke(only, arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
    return (DataSource)
        Proxy.newProxyInstance(
            JdbcFaultTest.class.getClassLoader(),
            new Class<?>[] {DataSource.class},
            (proxy, method, arguments) -> kept);
  }
}
