package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.BOB;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static io.tradeauth.store.Samples.key;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.RotationProfile;
import io.tradeauth.TokenStore.BeginOutcome;
import io.tradeauth.TokenStore.BeginResult;
import io.tradeauth.TokenStore.Changes;
import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.StoredLabel;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import io.tradeauth.store.Tap.Harm;
import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Racers;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What rows give away, what is done with wrong ones, and how keys change under them. */
class JdbcRecordsTest {

  private static final KeyProvider BOTH = KeyProvider.of(key(2), key(1));
  private static final KeyProvider NEW = KeyProvider.of(key(2));

  private HikariDataSource pool;
  private JdbcTokenStore store;

  private void open(TestDatabase database) throws Exception {
    pool = database.newPool();
    store = TestDatabase.open(pool);
  }

  @AfterEach
  void close() {
    pool.close();
  }

  private int execute(String sql, Object... values) throws SQLException {
    try (Connection connection = pool.getConnection();
        PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) {
        statement.setObject(i + 1, values[i]);
      }
      return statement.executeUpdate();
    }
  }

  private byte[] id(Key key) throws SQLException {
    try (Connection connection = pool.getConnection();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT sealed_key FROM tradeauth_meta")) {
      row.next();
      return Sealer.open(BOTH, row.getBytes(1)).recordId(key);
    }
  }

  // Users ---------------------------------------------------------------------------------------

  /** Realms, too, are told apart by what is sealed, not by a column. */
  @ParameterizedTest
  @EnumSource
  void list_realmsThatLookAlike_toldApart(TestDatabase database) throws Exception {
    open(database);
    List<String> realms =
        List.of(
            "fake", "Fake", "fak\u0000", "fak\u00e9", "fak\ud83d", "x".repeat(64), "x".repeat(65));
    for (String realm : realms) {
      store.supersede(new Key(Kind.LOGIN, realm, "alice"), content("a"));
    }

    for (String realm : realms) {
      List<StoredLabel> listed = store.list(Kind.LOGIN, realm);
      assertEquals(1, listed.size());
      assertEquals(realm, listed.get(0).key().realm());
    }
  }

  /** More than one page. */
  @ParameterizedTest
  @EnumSource
  void list_manyRecords_eachOnce(TestDatabase database) throws Exception {
    open(database);
    for (int i = 0; i < 1_001; i++) {
      store.begin(user(i), null, INTENT, null);
    }

    List<StoredLabel> listed = store.list(Kind.LOGIN, "fake");

    assertEquals(1_001, listed.size());
    assertEquals(1_001, new HashSet<>(listed).size());
  }

  /** A12: in all the tables, no word of a user, a label or a secret. */
  @ParameterizedTest
  @EnumSource
  void tables_tellNothingOfUsersAndSecrets(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    store.begin(ALICE, seen, INTENT, null);
    store.supersede(BOB, content("b"));
    store.forget(BOB);

    String all = String.join("\n", JdbcOpenTest.dump(pool));

    for (String word : List.of("alice", "bob", "canary", "label", "process-1")) {
      assertFalse(all.contains(word), word);
      for (var charset : List.of(StandardCharsets.UTF_8, StandardCharsets.UTF_16BE)) {
        assertFalse(all.contains(HexFormat.of().formatHex(word.getBytes(charset))), word);
      }
    }
  }

  // G34, A14: wrong rows ------------------------------------------------------------------------

  private void assertOnlyAliceRefused() {
    TokenStoreException refusal = assertThrows(TokenStoreException.class, () -> store.load(ALICE));
    assertEquals(Reason.TAMPERED, refusal.reason(), refusal::getMessage);
    assertEquals(content("b"), Objects.requireNonNull(store.load(BOB)).content());
    assertEquals(
        List.of(BOB), store.list(Kind.LOGIN, "fake").stream().map(StoredLabel::key).toList());

    Version version = store.supersede(ALICE, content("signed in"));
    assertEquals(
        new StoredRecord(version, content("signed in"), null),
        Objects.requireNonNull(store.load(ALICE)));
    assertEquals(2, store.list(Kind.LOGIN, "fake").size());
  }

  @ParameterizedTest
  @EnumSource
  void g34_rowsSwapped_refused(TestDatabase database) throws Exception {
    open(database);
    store.supersede(ALICE, content("a"));
    store.supersede(BOB, content("b"));
    byte[] alice = id(ALICE);
    byte[] bob = id(BOB);
    execute("UPDATE tradeauth_record SET record_id = ? WHERE record_id = ?", new byte[32], alice);
    execute("UPDATE tradeauth_record SET record_id = ? WHERE record_id = ?", alice, bob);
    execute("UPDATE tradeauth_record SET record_id = ? WHERE record_id = ?", bob, new byte[32]);

    for (Key key : List.of(ALICE, BOB)) {
      TokenStoreException refusal = assertThrows(TokenStoreException.class, () -> store.load(key));
      assertEquals(Reason.TAMPERED, refusal.reason());
    }
    assertEquals(List.of(), store.list(Kind.LOGIN, "fake"));
    store.supersede(BOB, content("b"));
    assertOnlyAliceRefused();
  }

  @ParameterizedTest
  @EnumSource
  void a14_anyFieldChanged_refused(TestDatabase database) throws Exception {
    open(database);
    store.supersede(BOB, content("b"));
    for (String change :
        List.of(
            "kind = 'LINK'",
            "realm = 'x'",
            "generation = 'other'",
            "version = version + 1",
            "version = version - 1",
            "state = 'SIGNED_OUT'",
            "state = 'nonsense'",
            "since = since + 1",
            "label = body",
            "label = (SELECT other.label FROM tradeauth_record other WHERE other.kind = 'LOGIN'"
                + " AND other.record_id <> tradeauth_record.record_id)")) {
      store.supersede(ALICE, content("a"));
      assertEquals(1, change(ALICE, change), change);

      assertOnlyAliceRefused();
    }
  }

  /** Whatever is damaged, of the login or of a sign-in that broke off. */
  @ParameterizedTest
  @EnumSource
  void a14_damaged_itsUserSignsInAgain_othersNoticeNothing(TestDatabase database) throws Exception {
    open(database);
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT).store(store).start().signIn("alice", "bob")) {
      Key pending = new Key(Kind.SIGN_IN, "fake", "alice");
      store.begin(pending, null, INTENT, null);
      assertEquals(1, change(pending, "state = 'nonsense'"));
      assertEquals(1, change(ALICE, "since = since + 1"));
      engine.expire();
      TokenStoreException damaged =
          assertThrows(TokenStoreException.class, () -> engine.get("alice"));
      assertEquals(Reason.TAMPERED, damaged.reason());

      engine.signIn("alice");

      assertTrue(engine.server().accepts(engine.get("alice").value()));
      assertTrue(engine.server().accepts(engine.get("bob").value()));
      assertNull(store.load(pending));
    }
  }

  private int change(Key key, String change, Object... values) throws SQLException {
    Object[] all = Arrays.copyOf(values, values.length + 1);
    all[values.length] = id(key);
    return execute("UPDATE tradeauth_record SET " + change + " WHERE record_id = ?", all);
  }

  /** Its label is still good, so it is listed. */
  @ParameterizedTest
  @EnumSource
  void a14_secretsChanged_refused(TestDatabase database) throws Exception {
    open(database);
    store.supersede(BOB, content("b"));
    for (String change :
        List.of("body = label", "body = (SELECT sealed_key FROM tradeauth_meta)")) {
      store.supersede(ALICE, content("a"));
      assertEquals(1, change(ALICE, change), change);

      assertRefused(change);
      assertEquals(2, store.list(Kind.LOGIN, "fake").size());
    }
  }

  private void assertRefused(String what) {
    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> store.load(ALICE), what);
    assertEquals(Reason.TAMPERED, refusal.reason(), what);
    assertEquals(content("b"), Objects.requireNonNull(store.load(BOB)).content(), what);
  }

  @ParameterizedTest
  @EnumSource
  void a14_intentChanged_refused(TestDatabase database) throws Exception {
    open(database);
    store.supersede(BOB, content("b"));
    for (String change :
        List.of("intent_id = label", "intent_id = NULL", "intent = NULL", "intent = label")) {
      Version seen = store.supersede(ALICE, content("a"));
      store.begin(ALICE, seen, INTENT, null);
      assertEquals(1, change(ALICE, change), change);

      assertRefused(change);
      Intent other = new Intent("other", "p", "Refresh");
      if (!change.equals("intent_id = NULL")) {
        assertThrows(TokenStoreException.class, () -> store.begin(ALICE, seen, other, null));
      }
    }
  }

  /** A14: each bit of a byte stands for all; where each is looked at in H2, some are elsewhere. */
  @ParameterizedTest
  @EnumSource
  void a14_anyByteOfASealedColumnChangedOrCutOff_refused(TestDatabase database) throws Exception {
    open(database);
    store.supersede(BOB, content("b"));
    Version seen = store.supersede(ALICE, content("a"));
    store.begin(ALICE, seen, INTENT, null);
    int step = database == TestDatabase.H2 ? 1 : 23;
    for (String column : List.of("label", "body", "intent", "intent_id")) {
      byte[] good = column(column);
      for (int i = 0; i < good.length; i += step) {
        byte[] flipped = good.clone();
        flipped[i] ^= (byte) (1 << i % 8);
        assertRefusedWith(column, flipped, column + ", byte " + i);
        assertRefusedWith(column, Arrays.copyOf(good, i), column + ", length " + i);
      }
      assertRefusedWith(column, Arrays.copyOf(good, good.length + 1), column + ", longer");
      change(ALICE, column + " = ?", good);
      assertEquals(INTENT, Objects.requireNonNull(store.load(ALICE)).intent());
    }
  }

  private byte[] column(String column) throws SQLException {
    String sql = "SELECT " + column + " FROM tradeauth_record WHERE record_id = ?";
    try (Connection connection = pool.getConnection();
        PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setBytes(1, id(ALICE));
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getBytes(1);
      }
    }
  }

  private void assertRefusedWith(String column, byte[] bad, String what) throws SQLException {
    assertEquals(1, change(ALICE, column + " = ?", bad), what);
    assertRefused(what);
  }

  /**
   * A14, G34, X15: a whole older row is whole. Its version tells: whoever knows the newer one
   * begins and commits nothing on it.
   */
  @ParameterizedTest
  @EnumSource
  void g34_olderRowPutBack_nothingBegunOrCommittedByWhoKnowsBetter(TestDatabase database)
      throws Exception {
    open(database);
    Version version = store.supersede(ALICE, content("a"));
    execute("CREATE TABLE backup AS SELECT * FROM tradeauth_record");
    Version newer = Objects.requireNonNull(store.commit(ALICE, version, content("newer")));
    execute("DELETE FROM tradeauth_record");
    execute("INSERT INTO tradeauth_record SELECT * FROM backup");

    assertEquals(
        new BeginResult(BeginOutcome.MOVED, version, null),
        store.begin(ALICE, newer, INTENT, null));
    assertNull(store.commit(ALICE, newer, content("newest")));
    assertEquals(
        new StoredRecord(version, content("a"), null), Objects.requireNonNull(store.load(ALICE)));
  }

  /** X8, A14: a column that turns a record into one that may be removed must not remove it. */
  @ParameterizedTest
  @EnumSource
  void x8_stateOrTimeChanged_notPurged(TestDatabase database) throws Exception {
    open(database);
    Key carol = new Key(Kind.LOGIN, "fake", "carol");
    store.supersede(ALICE, content("a"));
    store.supersede(BOB, signedOut(Samples.SINCE));
    store.supersede(carol, signedOut(Samples.SINCE.minusMillis(1)));
    long since = Samples.SINCE.toEpochMilli();
    execute("UPDATE tradeauth_record SET state = 'SIGNED_OUT' WHERE record_id = ?", id(ALICE));
    execute("UPDATE tradeauth_record SET since = 0 WHERE record_id IN (?, ?)", id(ALICE), id(BOB));

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> store.purge(Samples.SINCE));

    assertEquals(Reason.TAMPERED, refusal.reason(), refusal::getMessage);
    assertNull(store.load(carol));
    execute("UPDATE tradeauth_record SET since = ?", since);
    execute("UPDATE tradeauth_record SET state = 'ACTIVE' WHERE record_id = ?", id(ALICE));
    assertEquals(content("a"), Objects.requireNonNull(store.load(ALICE)).content());
    assertEquals(State.SIGNED_OUT, Objects.requireNonNull(store.load(BOB)).content().state());
    assertEquals(0, store.purge(Samples.SINCE));
  }

  private static Content signedOut(Instant since) {
    return new Content(State.SIGNED_OUT, since, new byte[0], new byte[0]);
  }

  /** More than one page, and one in it that does not open. */
  @ParameterizedTest
  @EnumSource
  void x8_oneOfManyDoesNotOpen_allOthersPurged(TestDatabase database) throws Exception {
    open(database);
    for (int i = 0; i < 1_001; i++) {
      store.supersede(user(i), signedOut(Samples.SINCE));
    }
    execute("UPDATE tradeauth_record SET version = 7 WHERE record_id = ?", id(user(500)));

    assertThrows(TokenStoreException.class, () -> store.purge(Samples.SINCE.plusMillis(1)));

    assertEquals(1, execute("UPDATE tradeauth_record SET version = 0"));
    assertEquals(1, store.purge(Samples.SINCE.plusMillis(1)));
    assertEquals(0, execute("DELETE FROM tradeauth_record"));
  }

  // Changes -------------------------------------------------------------------------------------

  /** A changed row must not stop the news of all others. */
  @ParameterizedTest
  @ValueSource(strings = {"state = 'nonsense'", "label = body"})
  void changes_rowThatDoesNotOpen_everythingIsToldOnce(String change) throws Exception {
    open(TestDatabase.H2);
    String cursor = store.changesSince(null).cursor();
    store.supersede(ALICE, content("a"));
    execute("UPDATE tradeauth_record SET " + change);

    Changes told = store.changesSince(cursor);

    assertTrue(told.everything());
    store.supersede(BOB, content("b"));
    assertEquals(BOB, store.changesSince(told.cursor()).changes().get(0).key());
  }

  @Test
  void changes_cursorOfAnotherStoreOrOfAfterABackup_everythingIsTold() throws Exception {
    open(TestDatabase.H2);
    store.supersede(ALICE, content("a"));

    for (String odd : List.of("7", "-3000000", "2:17", "")) {
      Changes told = store.changesSince(odd);
      assertTrue(told.everything(), odd);
      assertEquals("1", told.cursor());
    }
  }

  /** What was forgotten is told to whoever is not too far behind, and leaves no trace then. */
  @Test
  void forgotten_noticesOfLongAgo_dropped() throws Exception {
    open(TestDatabase.H2);
    String cursor = store.changesSince(null).cursor();
    store.supersede(ALICE, content("a"));
    store.forget(ALICE);
    assertEquals(1, store.changesSince(cursor).changes().size());
    assertNull(store.changesSince(cursor).changes().get(0).generation());

    execute("UPDATE tradeauth_meta SET change_seq = change_seq + 8192");
    store.forget(BOB);

    assertEquals(1, execute("DELETE FROM tradeauth_forgotten"));
    assertTrue(store.changesSince(cursor).everything());
  }

  // O2, G33: keys -------------------------------------------------------------------------------

  private static Key user(int number) {
    return new Key(Kind.LOGIN, "fake", "user " + number);
  }

  /** G33: cut three times, with a reader all the while and somebody who renews. */
  @ParameterizedTest
  @EnumSource
  void g33_rotatedAndCutThreeTimes_resumedToTheEnd_noReadFailsAndNoCommitIsLost(
      TestDatabase database) throws Exception {
    int records = Integer.getInteger("tradeauth.records", 600);
    open(database);
    for (int i = 0; i < records; i++) {
      store.begin(user(i), null, INTENT, null);
    }
    JdbcTokenStore before = TestDatabase.builder(pool, KeyProvider.of(key(1), key(2))).open();
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger commits = new AtomicInteger();
    try (Racers racers = new Racers(2)) {
      List<Future<Integer>> others =
          racers.start(
              racer -> {
                for (int i = 0; !done.get(); i = (i + 1) % records) {
                  StoredRecord stored = Objects.requireNonNull(before.load(user(i)));
                  if (racer == 0) {
                    Content next = content("renewed " + stored.version().number());
                    assertNotNull(before.commit(user(i), stored.version(), next));
                    commits.incrementAndGet();
                  }
                }
                return racer;
              });
      for (int cut = 1; cut <= 3; cut++) {
        Tap tap = new Tap(pool);
        JdbcTokenStore dying = TestDatabase.builder(tap.source(), BOTH).open();
        AtomicInteger left = new AtomicInteger(records / 5);
        tap.before(
            (what, connection) -> {
              if (what.startsWith("UPDATE tradeauth_record SET label")
                  && left.getAndDecrement() < 0) {
                throw new SQLException("cut", "XX000");
              }
            });
        assertThrows(TokenStoreException.class, dying::reencryptAll);
      }
      done.set(true);
      Racers.results(others);
    }
    assertTrue(commits.get() > 0);
    JdbcTokenStore resuming = TestDatabase.builder(pool, BOTH).open();
    int resumed = resuming.reencryptAll();

    assertTrue(resumed > 0 && resumed < records, resumed + " in the last run");
    JdbcTokenStore after = TestDatabase.builder(pool, NEW).open();
    assertEquals(Map.of("key-2", records + 1), after.countByKey());
    assertEquals(0, after.reencryptAll());
    int versions = 0;
    for (int i = 0; i < records; i++) {
      versions += (int) Objects.requireNonNull(after.load(user(i))).version().number();
    }
    assertEquals(commits.get(), versions, "a commit was lost");
  }

  /** A record that is written between the reading and the sealing anew stays as it was written. */
  @ParameterizedTest
  @EnumSource
  void g33_committedWhileSealedAnew_theCommitStays(TestDatabase database) throws Exception {
    open(database);
    Version seen = store.supersede(ALICE, content("a"));
    Tap tap = new Tap(pool);
    JdbcTokenStore rotating = TestDatabase.builder(tap.source(), BOTH).open();
    tap.before(
        Harm.once(
            "UPDATE tradeauth_record SET label",
            (what, connection) -> store.commit(ALICE, seen, content("renewed"))));

    rotating.reencryptAll();

    assertEquals(content("renewed"), Objects.requireNonNull(rotating.load(ALICE)).content());
    assertEquals(Map.of("key-1", 1, "key-2", 1), rotating.countByKey());
    assertEquals(1, rotating.reencryptAll());
    assertEquals(Map.of("key-2", 2), rotating.countByKey());
  }

  @ParameterizedTest
  @EnumSource
  void o2_rotated_versionsAndIntentsStay(TestDatabase database) throws Exception {
    open(database);
    Version version = store.supersede(ALICE, content("a"));
    store.begin(ALICE, version, INTENT, null);
    StoredRecord stored = store.load(ALICE);

    assertEquals(1, TestDatabase.builder(pool, BOTH).open().reencryptAll());

    assertEquals(stored, TestDatabase.builder(pool, NEW).open().load(ALICE));
  }

  /** O2: whatever tokens are written are under the new key, without any run over all. */
  @Test
  void o2_rotated_commitsAreUnderTheNewKey() throws Exception {
    open(TestDatabase.H2);
    Version alice = store.supersede(ALICE, content("a"));
    store.supersede(BOB, content("b"));
    JdbcTokenStore rotated = TestDatabase.builder(pool, BOTH).open();

    rotated.commit(ALICE, alice, content("renewed"));
    assertEquals(Map.of("key-1", 2, "key-2", 1), rotated.countByKey());
    rotated.supersede(BOB, content(State.SIGNED_OUT, "b"));
    assertEquals(Map.of("key-1", 1, "key-2", 2), rotated.countByKey());
    assertThrows(TokenStoreException.class, () -> store.load(ALICE));
  }

  /** One row that does not open keeps no other from the new key. */
  @Test
  void g33_damagedRow_allOthersSealedAnewAndThenItIsSaid() throws Exception {
    open(TestDatabase.H2);
    store.supersede(ALICE, content("a"));
    store.supersede(BOB, content("b"));
    execute("UPDATE tradeauth_record SET state = 'nonsense' WHERE record_id = ?", id(ALICE));
    JdbcTokenStore rotated = TestDatabase.builder(pool, BOTH).open();

    assertThrows(TokenStoreException.class, rotated::reencryptAll);

    assertEquals(Map.of("key-1", 1, "key-2", 2), rotated.countByKey());
  }

  /** A key that an unreadable record may need must not look as if nobody needed it. */
  @Test
  void g33_labelThatNamesNoKey_noCountIsGiven() throws Exception {
    open(TestDatabase.H2);
    store.supersede(ALICE, content("a"));
    execute("UPDATE tradeauth_record SET label = X'00' WHERE record_id = ?", id(ALICE));

    TokenStoreException changed = assertThrows(TokenStoreException.class, store::countByKey);

    assertEquals(TokenStoreException.Reason.TAMPERED, changed.reason());
  }
}
