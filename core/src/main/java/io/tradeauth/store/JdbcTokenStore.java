package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.security.MessageDigest;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Encrypted rows in the application's own database, for as many machines at once as it serves:
 * PostgreSQL, H2 or SQLite, through any {@link DataSource}.
 *
 * <p>What a method has written when it returns survives a crash and a power cut of the database;
 * settings with which it would not are refused when the store is opened. All writing is by single
 * conditional statements, but for sign-ins and sign-outs, whose two rows change in one short
 * transaction, and for a purge, which takes one for some hundred rows. No lock, session state or
 * connection is held between two calls, so poolers in transaction mode, a pool of one, autocommit
 * on or off and any isolation do; behind such a pooler PostgreSQL's driver needs {@code
 * prepareThreshold=0}, unless the pooler keeps track of prepared statements. An exchange takes
 * three statements. If the connection breaks and nobody knows whether a write was done, the store
 * looks, and does it once.
 *
 * <p>The database sees which realms there are, how many records in which state and since when, and
 * ids that tell nothing of the user; all else is sealed. A row that was damaged, changed or put in
 * another's place gives its user a {@link TokenStoreException} until the next sign-in; all others
 * are served.
 *
 * <p>What can't be promised: somebody who may write the tables can put an older copy of a whole row
 * back, delete it or what it says of an open exchange, or keep the other processes from noticing a
 * sign-in. A failover that loses what was committed, or a backup that is restored, brings older
 * tokens back; where a refresh token can be used only once, its user may have to sign in.
 *
 * <p>For any number of threads, and of stores over one database. The data source stays the
 * caller's: its timeout says how long a call waits for a connection.
 */
public final class JdbcTokenStore implements TokenStore {

  private static final Logger LOG = LoggerFactory.getLogger(JdbcTokenStore.class);
  private static final int PAGE = 500;

  private static final String LOAD =
      "SELECT " + JdbcRow.COLUMNS + " FROM tradeauth_record WHERE record_id = ?";
  private static final String LIST =
      "SELECT "
          + JdbcRow.Entry.LABEL_COLUMNS
          + " FROM tradeauth_record WHERE kind = ? AND realm = ? AND record_id > ?"
          + " ORDER BY record_id LIMIT "
          + PAGE;
  private static final String INSERT =
      "INSERT INTO tradeauth_record (record_id, kind, realm, generation, version, state, since,"
          + " label, body, intent_id, intent, change_seq)"
          + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ";
  private static final String INSERT_UNTOLD = INSERT + "0)";
  private static final String INSERT_TOLD = INSERT + JdbcChanges.NUMBER + ")";
  private static final String BEGIN =
      "UPDATE tradeauth_record SET intent_id = ?, intent = ? WHERE record_id = ? AND generation = ?"
          + " AND version = ? AND (intent_id IS NULL OR intent_id = ?)";
  private static final String COMMIT =
      "UPDATE tradeauth_record SET version = ?, state = ?, since = ?, label = ?, body = ?,"
          + " intent_id = NULL, intent = NULL"
          + " WHERE record_id = ? AND generation = ? AND version = ?";
  private static final String CLEAR =
      "UPDATE tradeauth_record SET intent_id = NULL, intent = NULL"
          + " WHERE record_id = ? AND intent_id = ?";
  private static final String GENERATION =
      "SELECT generation FROM tradeauth_record WHERE record_id = ?";
  private static final String SUPERSEDE =
      "UPDATE tradeauth_record SET kind = ?, realm = ?, generation = ?, version = ?, state = ?,"
          + " since = ?, label = ?, body = ?, intent_id = NULL, intent = NULL, change_seq = "
          + JdbcChanges.NUMBER
          + " WHERE record_id = ?";
  private static final String FORGET = "DELETE FROM tradeauth_record WHERE record_id = ?";

  private final JdbcDatabase database;
  private final Sealer sealer;
  private final JdbcChanges changes;
  private final JdbcKeyChange keyChange;
  private final boolean readOnly;

  private JdbcTokenStore(JdbcDatabase database, Sealer sealer, boolean readOnly) {
    this.database = database;
    this.sealer = sealer;
    this.changes = new JdbcChanges(database, sealer);
    this.keyChange = new JdbcKeyChange(database, sealer);
    this.readOnly = readOnly;
  }

  /**
   * Opens the store in a database that has its tables.
   *
   * @throws TokenStoreException if the store can't be opened; the reason tells why
   */
  public static JdbcTokenStore at(DataSource source, KeyProvider keys) {
    return builder(source, keys).open();
  }

  /** Starts with what can be said about a store. */
  public static Builder builder(DataSource source, KeyProvider keys) {
    return new Builder(source, keys);
  }

  /** How to open a store. For one thread. */
  public static final class Builder {

    private final DataSource source;
    private final KeyProvider keys;
    private @Nullable JdbcDialect dialect;
    private int timeoutSeconds = 5;
    private int schemaVersion = JdbcSchema.VERSION;
    private boolean createSchema;
    private boolean readOnly;
    private boolean nothingNeedSurvive;

    private Builder(DataSource source, KeyProvider keys) {
      this.source = source;
      this.keys = keys;
    }

    /**
     * Sets the dialect: of a database that does not call itself what it behaves like, or of one
     * that the library does not know.
     */
    public Builder dialect(JdbcDialect spoken) {
      dialect = spoken;
      return this;
    }

    /**
     * Makes the tables if there are none, and upgrades older ones. Without this, they must have
     * been made with the scripts in the library's jar. Nothing is ever dropped.
     */
    public Builder createSchema() {
      createSchema = true;
      return this;
    }

    /**
     * Opens an existing store for reading only: nothing is written, and what would write throws a
     * {@link TokenStoreException} with the reason {@link Reason#READ_ONLY}.
     */
    public Builder readOnly() {
      readOnly = true;
      return this;
    }

    /**
     * Opens the store although the database may lose what it has acknowledged: one in memory, or
     * with settings that save a write to the disk. For tests; a user whose tokens are lost must
     * sign in again.
     */
    public Builder nothingNeedSurvive() {
      nothingNeedSurvive = true;
      return this;
    }

    /**
     * Sets how long a statement may take; 5 s unless it is set. How long a call waits for a
     * connection is for the data source to say.
     *
     * @param longest whole seconds, at least one
     */
    public Builder statementTimeout(Duration longest) {
      if (longest.toSeconds() < 1 || !longest.equals(Duration.ofSeconds(longest.toSeconds()))) {
        throw new IllegalArgumentException("longest: must be whole seconds, at least 1");
      }
      timeoutSeconds = Math.toIntExact(longest.toSeconds());
      return this;
    }

    /** Needs other tables. */
    Builder schemaVersion(int version) {
      schemaVersion = version;
      return this;
    }

    /**
     * Opens the store: checks that the database loses nothing, that the tables are as this version
     * of the library needs them, that the key fits and that the store can be written. A new store
     * is made in tables that have none. No record is read.
     *
     * @throws TokenStoreException if one of these fails; the reason tells which
     * @throws IllegalArgumentException if tables are to be made in a store that is to be read only
     */
    public JdbcTokenStore open() {
      if (readOnly && createSchema) {
        throw new IllegalArgumentException("createSchema: can't be had together with readOnly");
      }
      JdbcDialect spoken = dialect == null ? detected() : dialect;
      JdbcDatabase database = new JdbcDatabase(source, spoken, timeoutSeconds);
      if (!readOnly && !nothingNeedSurvive) {
        refuseToLose(database);
      }
      JdbcSchema schema = new JdbcSchema(database, schemaVersion);
      Sealer sealer = schema.open(keys, !readOnly, createSchema);
      if (!readOnly) {
        schema.probe();
      }
      return new JdbcTokenStore(database, sealer, readOnly);
    }

    private JdbcDialect detected() {
      String product = JdbcDatabase.productName(source);
      JdbcDialect detected = KnownDialect.of(product);
      if (detected == null) {
        throw new TokenStoreException(
            Reason.UNSAFE,
            "token store in "
                + product
                + ": no such dialect; if it behaves like one of "
                + Arrays.toString(KnownDialect.values())
                + ", say so with dialect(...); else give it one of your own",
            null);
      }
      return detected;
    }

    private static void refuseToLose(JdbcDatabase database) {
      List<String> lossy =
          database.read(session -> database.dialect().lossySettings(session.connection()));
      if (!lossy.isEmpty()) {
        throw database.failure(Reason.UNSAFE, String.join("; ", lossy), null);
      }
    }
  }

  // Reading -------------------------------------------------------------------------------------

  @Override
  public @Nullable StoredRecord load(Key key) {
    return database.read(session -> load(session, key));
  }

  private @Nullable StoredRecord load(JdbcSession session, Key key) throws SQLException {
    JdbcRow row = session.first(JdbcRow::read, LOAD, sealer.recordId(key));
    return row == null ? null : row.open(sealer, key);
  }

  @Override
  public List<StoredLabel> list(Kind kind, String realm) {
    List<StoredLabel> labels = new ArrayList<>();
    database.eachPage(
        (session, id) ->
            session.all(JdbcRow.Entry::readLabel, LIST, kind.name(), JdbcRow.realm(realm), id),
        JdbcRow.Entry::id,
        page -> page.forEach(row -> addIfOf(kind, realm, row, labels)));
    return labels;
  }

  private void addIfOf(Kind kind, String realm, JdbcRow.Entry row, List<StoredLabel> labels) {
    try {
      StoredLabel label = sealer.openLabel(row.id(), row.content());
      if (label.key().kind() == kind && label.key().realm().equals(realm)) {
        labels.add(label);
      }
    } catch (TokenStoreException e) {
      // All others are listed, and its user hears of it.
      LOG.warn("{}: a record can't be listed: {}", this, e.getMessage());
    }
  }

  // Exchanges -----------------------------------------------------------------------------------

  @Override
  public BeginResult begin(
      Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
    refuseIfReadOnly();
    return database.write(
        session ->
            seen == null
                ? beginFirst(session, key, intent)
                : begin(session, key, seen, intent, displaced));
  }

  private void refuseIfReadOnly() {
    if (readOnly) {
      throw database.failure(
          Reason.READ_ONLY, "opened for reading only, so nothing is renewed here", null);
    }
  }

  private BeginResult beginFirst(JdbcSession session, Key key, Intent intent) throws SQLException {
    StoredRecord stored = session.isRepeated() ? load(session, key) : null;
    if (stored != null) {
      return notBegun(session, stored, null, intent);
    }
    Version first = new Version(Sealer.newGeneration(), 0);
    Content nothing = new Content(State.EMPTY, Instant.EPOCH, new byte[0], new byte[0]);
    insert(session, INSERT_UNTOLD, key, sealer.seal(key, first, nothing), intent);
    return new BeginResult(BeginOutcome.BEGUN, first, intent);
  }

  private void insert(
      JdbcSession session, String sql, Key key, SealedContent sealed, @Nullable Intent intent)
      throws SQLException {
    session.update(
        sql,
        sealer.recordId(key),
        key.kind().name(),
        JdbcRow.realm(key.realm()),
        sealed.version().generation(),
        sealed.version().number(),
        sealed.state().name(),
        sealed.since().toEpochMilli(),
        sealed.label(),
        sealed.secrets(),
        intent == null ? null : JdbcRow.bytes(intent.id()),
        intent == null ? null : sealer.sealIntent(key, sealed.version(), intent));
  }

  private BeginResult begin(
      JdbcSession session, Key key, Version seen, Intent intent, @Nullable String displaced)
      throws SQLException {
    byte[] id = JdbcRow.bytes(intent.id());
    byte[] sealed = sealer.sealIntent(key, seen, intent);
    while (true) {
      int begun =
          session.update(
              BEGIN,
              id,
              sealed,
              sealer.recordId(key),
              seen.generation(),
              seen.number(),
              displaced == null ? null : JdbcRow.bytes(displaced));
      if (begun == 1) {
        return new BeginResult(BeginOutcome.BEGUN, seen, intent);
      }
      StoredRecord stored = load(session, key);
      if (stored == null
          || !stored.version().equals(seen)
          || stored.intent() != null && !stored.intent().id().equals(displaced)) {
        return notBegun(session, stored, seen, intent);
      }
      // The intent that was in the way has ended in between.
    }
  }

  private static BeginResult notBegun(
      JdbcSession session, @Nullable StoredRecord stored, @Nullable Version seen, Intent intent) {
    if (stored == null) {
      return new BeginResult(BeginOutcome.MOVED, null, null);
    }
    if (session.isRepeated() && intent.equals(stored.intent())) {
      // X14: it was written before the connection broke.
      return new BeginResult(BeginOutcome.BEGUN, stored.version(), intent);
    }
    boolean moved = !stored.version().equals(seen);
    return new BeginResult(
        moved ? BeginOutcome.MOVED : BeginOutcome.BUSY, stored.version(), stored.intent());
  }

  @Override
  public @Nullable Version commit(Key key, Version parent, Content next) {
    refuseIfReadOnly();
    SealedContent sealed = sealer.seal(key, parent.next(), next);
    return database.write(
        session -> {
          int committed =
              session.update(
                  COMMIT,
                  sealed.version().number(),
                  sealed.state().name(),
                  sealed.since().toEpochMilli(),
                  sealed.label(),
                  sealed.secrets(),
                  sealer.recordId(key),
                  parent.generation(),
                  parent.number());
          boolean there = committed == 1 || isStored(load(session, key), sealed.version(), next);
          return there ? sealed.version() : null;
        });
  }

  /**
   * X14: whether this very content was written before, by a call whose caller never heard of it.
   * Nobody else writes the same tokens.
   */
  private static boolean isStored(@Nullable StoredRecord stored, Version version, Content content) {
    return stored != null
        && stored.version().equals(version)
        && stored.content().state() == content.state()
        && stored.content().since().toEpochMilli() == content.since().toEpochMilli()
        && Arrays.equals(stored.content().label(), content.label())
        && MessageDigest.isEqual(stored.content().secrets(), content.secrets());
  }

  @Override
  public void clear(Key key, String intentId) {
    refuseIfReadOnly();
    database.write(session -> session.update(CLEAR, sealer.recordId(key), JdbcRow.bytes(intentId)));
  }

  // Sign-ins and sign-outs ----------------------------------------------------------------------

  @Override
  public Version supersede(Key key, Content next) {
    refuseIfReadOnly();
    Version version = new Version(Sealer.newGeneration(), 0);
    SealedContent sealed = sealer.seal(key, version, next);
    return database.writeTogether(
        session -> {
          byte[] id = sealer.recordId(key);
          JdbcChanges.count(session);
          // X14: asked with the counter in hand, when an earlier try has come to its end.
          if (!session.isRepeated() || !version.generation().equals(generation(session, id))) {
            supersede(session, key, id, sealed);
          }
          return version;
        });
  }

  private static @Nullable String generation(JdbcSession session, byte[] id) throws SQLException {
    return session.first(row -> row.getString("generation"), GENERATION, id);
  }

  private void supersede(JdbcSession session, Key key, byte[] id, SealedContent sealed)
      throws SQLException {
    int superseded =
        session.update(
            SUPERSEDE,
            key.kind().name(),
            JdbcRow.realm(key.realm()),
            sealed.version().generation(),
            sealed.version().number(),
            sealed.state().name(),
            sealed.since().toEpochMilli(),
            sealed.label(),
            sealed.secrets(),
            id);
    if (superseded == 0) {
      insert(session, INSERT_TOLD, key, sealed, null);
    }
  }

  @Override
  public void forget(Key key) {
    refuseIfReadOnly();
    byte[] notice = changes.notice(key);
    database.writeTogether(
        session -> {
          JdbcChanges.count(session);
          session.update(FORGET, sealer.recordId(key));
          JdbcChanges.note(session, notice);
          return null;
        });
  }

  @Override
  public int purge(Instant signedOutBefore) {
    refuseIfReadOnly();
    return new JdbcPurge(database, sealer, signedOutBefore).run();
  }

  @Override
  public Changes changesSince(@Nullable String cursor) {
    return changes.since(cursor);
  }

  // Keys ----------------------------------------------------------------------------------------

  /**
   * Seals anew, with what is the primary key now, whatever is sealed with another. Others go on
   * reading and writing meanwhile; a record that they write at the same time is left as they wrote
   * it. If it is cut short, call it again: it goes on where it was.
   *
   * @return how many records were sealed anew
   * @throws TokenStoreException if a record could not be, after all others were
   */
  public int reencryptAll() {
    refuseIfReadOnly();
    return keyChange.resealAll();
  }

  /**
   * Counts the rows that need each key, by its id: the records, and the sealed key of the store. A
   * key that is not among them can be taken away.
   */
  public Map<String, Integer> countByKey() {
    return keyChange.countByKey();
  }

  @Override
  public String toString() {
    return "JdbcTokenStore[" + database.dialect().product() + "]";
  }
}
