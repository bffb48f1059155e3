package io.tradeauth.store;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The databases that a {@link JdbcTokenStore} finds out itself. */
enum KnownDialect implements JdbcDialect {
  POSTGRESQL("PostgreSQL") {
    @Override
    public boolean isConflict(SQLException e) {
      return hasState(e, "40001", "40P01", "55P03", "23505", "42P07", "42710");
    }

    @Override
    public String advice(SQLException e) {
      return hasState(e, "26000", "42P05")
          ? "behind a pooler in transaction mode set prepareThreshold=0 in the driver's URL"
          : "";
    }

    @Override
    public boolean isNoSuchTable(SQLException e) {
      return hasState(e, "42P01");
    }

    @Override
    public List<String> lossySettings(Connection connection) throws SQLException {
      List<String> lossy = new ArrayList<>();
      if ("off".equals(setting(connection, "fsync"))) {
        lossy.add("fsync is off, so a power cut loses tokens: set fsync = on in postgresql.conf");
      }
      String commit = setting(connection, "synchronous_commit");
      if ("off".equals(commit) || "local".equals(commit)) {
        lossy.add(
            "synchronous_commit is "
                + commit
                + ", so a crash or a failover loses tokens: ALTER ROLE ... SET synchronous_commit"
                + " = on for the role of the store");
      }
      return lossy;
    }

    private @Nullable String setting(Connection connection, String name) throws SQLException {
      return value(connection, "SELECT coalesce(current_setting('" + name + "', true), 'unknown')");
    }
  },

  H2("H2") {
    @Override
    public boolean isConflict(SQLException e) {
      return hasState(e, "40001", "HYT00", "23505", "42S01", "42S11")
          || e.getErrorCode() == CONCURRENT_UPDATE
          || e.getErrorCode() == MADE_AT_ONCE;
    }

    @Override
    public boolean isNoSuchTable(SQLException e) {
      return e.getSQLState() != null && e.getSQLState().startsWith("42S0");
    }

    @Override
    public List<String> lossySettings(Connection connection) throws SQLException {
      List<String> lossy = new ArrayList<>();
      String path = value(connection, "SELECT coalesce(database_path(), 'memFS:')");
      String place = path.toLowerCase(Locale.ROOT);
      if (place.contains("memfs:") || place.contains("memlzf:")) {
        lossy.add("it is in memory, so nothing survives: use jdbc:h2:file:...");
      }
      if (value(
              connection,
              "SELECT isolation_level FROM information_schema.sessions"
                  + " WHERE session_id = session_id()")
          .equals("READ UNCOMMITTED")) {
        lossy.add(
            "transactions see what is not committed yet: set the isolation to READ COMMITTED");
      }
      return lossy;
    }

    @Override
    public List<String> afterEachWrite() {
      return List.of("CHECKPOINT SYNC");
    }
  },

  SQLITE("SQLite") {
    @Override
    public boolean isConflict(SQLException e) {
      return List.of(SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CONSTRAINT).contains(primaryCode(e));
    }

    @Override
    public boolean isNoSuchTable(SQLException e) {
      return primaryCode(e) == SQLITE_ERROR
          && String.valueOf(e.getMessage()).contains("no such table");
    }

    private int primaryCode(SQLException e) {
      return e.getErrorCode() & 0xff;
    }

    @Override
    public List<String> lossySettings(Connection connection) throws SQLException {
      String file =
          value(
              connection,
              "SELECT coalesce(file, '') FROM pragma_database_list WHERE name = 'main'");
      if (file.isEmpty()) {
        return List.of("it is in memory, so nothing survives: use jdbc:sqlite:FILE");
      }
      String journal = value(connection, "PRAGMA journal_mode").toLowerCase(Locale.ROOT);
      int synchronous = Integer.parseInt(value(connection, "PRAGMA synchronous"));
      boolean durable =
          journal.equals("wal") ? synchronous >= SQLITE_FULL : synchronous >= SQLITE_EXTRA;
      if (durable && !journal.equals("off") && !journal.equals("memory")) {
        return List.of();
      }
      return List.of(
          "journal_mode "
              + journal
              + " with synchronous "
              + synchronous
              + " loses the last commit in a power cut: use"
              + " jdbc:sqlite:FILE?journal_mode=WAL&synchronous=FULL");
    }
  };

  private static final int TIMEOUT_SECONDS = 5;
  private static final int CONCURRENT_UPDATE = 90131;

  /** An internal error, which H2 makes of an index that two create at once. */
  private static final int MADE_AT_ONCE = 50000;

  private static final int SQLITE_ERROR = 1;
  private static final int SQLITE_BUSY = 5;
  private static final int SQLITE_LOCKED = 6;
  private static final int SQLITE_CONSTRAINT = 19;
  private static final int SQLITE_FULL = 2;
  private static final int SQLITE_EXTRA = 3;

  private final String product;

  KnownDialect(String product) {
    this.product = product;
  }

  /** Returns the dialect of a database that calls itself so, or null. */
  static @Nullable KnownDialect of(String product) {
    for (KnownDialect dialect : values()) {
      if (dialect.product.equals(product)) {
        return dialect;
      }
    }
    return null;
  }

  @Override
  public String script(int version) {
    String name = product.toLowerCase(Locale.ROOT) + "-" + version + ".sql";
    try (InputStream file = KnownDialect.class.getResourceAsStream(name)) {
      if (file == null) {
        throw new IllegalStateException("the library's jar has no " + name);
      }
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean hasState(SQLException e, String... states) {
    return List.of(states).contains(String.valueOf(e.getSQLState()));
  }

  private static String value(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = rowsOf(statement, sql)) {
      String value = rows.next() ? rows.getString(1) : null;
      return value == null ? "" : value;
    }
  }

  private static ResultSet rowsOf(Statement statement, String sql) throws SQLException {
    statement.setQueryTimeout(TIMEOUT_SECONDS);
    return statement.executeQuery(sql);
  }

  @Override
  public String product() {
    return product;
  }

  @Override
  public String toString() {
    return product;
  }
}
