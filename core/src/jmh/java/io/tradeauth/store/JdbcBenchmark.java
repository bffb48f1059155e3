package io.tradeauth.store;

import io.tradeauth.TokenStore.BeginOutcome;
import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What the store in a database adds to the statements of an exchange: load, begin and commit next
 * to a bare SELECT and two UPDATEs of the same bytes, on a PostgreSQL that forces its disk.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class JdbcBenchmark {

  private static final Key KEY = new Key(Kind.LOGIN, "bench", "a-user@example.com");
  private static final Intent INTENT = new Intent("0123456789abcdef", "fedcba98", "Refresh");

  private final Content content =
      new Content(
          io.tradeauth.TokenStore.State.ACTIVE,
          Instant.ofEpochMilli(1_700_000_000_000L),
          "{\"user\":\"a-user@example.com\",\"expires_at\":1700000000000}"
              .getBytes(StandardCharsets.UTF_8),
          new byte[1_500]);
  private final byte[] bareId = new byte[32];
  private BenchDatabase database;
  private JdbcTokenStore store;
  private byte[] label = {};
  private byte[] body = {};
  private byte[] intent = {};

  @Setup
  public void start() throws IOException, SQLException {
    database = new BenchDatabase();
    store = database.store();
    Version version = store.supersede(KEY, content);
    store.begin(KEY, version, INTENT, null);
    copyToBareRow();
    store.clear(KEY, INTENT.id());
  }

  private void copyToBareRow() throws SQLException {
    try (Connection connection = database.source().getConnection();
        PreparedStatement copy =
            connection.prepareStatement("CREATE TABLE bare AS SELECT * FROM tradeauth_record");
        PreparedStatement index =
            connection.prepareStatement("ALTER TABLE bare ADD PRIMARY KEY (record_id)");
        PreparedStatement rename = connection.prepareStatement("UPDATE bare SET record_id = ?")) {
      copy.executeUpdate();
      rename.setBytes(1, bareId);
      rename.executeUpdate();
      index.executeUpdate();
    }
    select();
  }

  @TearDown
  public void stop() throws IOException {
    database.close();
  }

  @Benchmark
  public Version jdbc() {
    StoredRecord stored = Objects.requireNonNull(store.load(KEY));
    Version seen = stored.version();
    if (store.begin(KEY, seen, INTENT, null).outcome() != BeginOutcome.BEGUN) {
      throw new IllegalStateException("not begun");
    }
    return Objects.requireNonNull(store.commit(KEY, seen, content));
  }

  @Benchmark
  public long jdbcFloor() throws SQLException {
    long version = select();
    try (Connection connection = database.source().getConnection();
        PreparedStatement begin =
            connection.prepareStatement(
                "UPDATE bare SET intent_id = ?, intent = ?"
                    + " WHERE record_id = ? AND version = ?")) {
      begin.setBytes(1, INTENT.id().getBytes(StandardCharsets.UTF_8));
      begin.setBytes(2, intent);
      begin.setBytes(3, bareId);
      begin.setLong(4, version);
      begin.executeUpdate();
    }
    try (Connection connection = database.source().getConnection();
        PreparedStatement commit =
            connection.prepareStatement(
                "UPDATE bare SET version = ?, label = ?, body = ?, intent_id = NULL, intent = NULL"
                    + " WHERE record_id = ? AND version = ?")) {
      commit.setLong(1, version + 1);
      commit.setBytes(2, label);
      commit.setBytes(3, body);
      commit.setBytes(4, bareId);
      commit.setLong(5, version);
      commit.executeUpdate();
    }
    return version;
  }

  private long select() throws SQLException {
    try (Connection connection = database.source().getConnection();
        PreparedStatement select =
            connection.prepareStatement(
                "SELECT kind, realm, generation, version, state, since, label, body,"
                    + " intent_id, intent FROM bare WHERE record_id = ?")) {
      select.setBytes(1, bareId);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        label = row.getBytes("label");
        body = row.getBytes("body");
        if (intent.length == 0) {
          intent = row.getBytes("intent");
        }
        return row.getLong("version");
      }
    }
  }
}
