package io.tradeauth.store;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What is peculiar to a database that a {@link JdbcTokenStore} lives in: how it names its failures,
 * and how it must be set so that it does not lose what it has acknowledged. All statements are the
 * same for all of them.
 */
public enum JdbcDialect {
  /** PostgreSQL, and clusters that speak as it does. */
  POSTGRESQL("PostgreSQL") {
    @Override
    boolean isConflict(SQLException e) {
      return hasState(e, "40001", "40P01", "55P03", "23505", "42P07", "42710");
    }

    @Override
    boolean isNoSuchTable(SQLException e) {
      return hasState(e, "42P01");
    }

    @Override
    List<String> lossySettings(JdbcSession session) throws SQLException {
      List<String> lossy = new ArrayList<>();
      if ("off".equals(setting(session, "fsync"))) {
        lossy.add("fsync is off, so a power cut loses tokens: set fsync = on in postgresql.conf");
      }
      String commit = setting(session, "synchronous_commit");
      if ("off".equals(commit) || "local".equals(commit)) {
        lossy.add(
            "synchronous_commit is "
                + commit
                + ", so a crash or a failover loses tokens: ALTER ROLE ... SET synchronous_commit"
                + " = on for the role of the store");
      }
      return lossy;
    }

    private @Nullable String setting(JdbcSession session, String name) throws SQLException {
      return value(session, "SELECT coalesce(current_setting('" + name + "', true), 'unknown')");
    }
  },

  /**
   * H2. Each write is followed by a {@code CHECKPOINT SYNC}, for which it needs an administrator.
   */
  H2("H2") {
    @Override
    boolean isConflict(SQLException e) {
      return hasState(e, "40001", "HYT00", "23505", "42S01", "42S11")
          || e.getErrorCode() == CONCURRENT_UPDATE
          || e.getErrorCode() == MADE_AT_ONCE;
    }

    @Override
    boolean isNoSuchTable(SQLException e) {
      return e.getSQLState() != null && e.getSQLState().startsWith("42S0");
    }

    @Override
    List<String> lossySettings(JdbcSession session) throws SQLException {
      List<String> lossy = new ArrayList<>();
      String path = value(session, "SELECT coalesce(database_path(), 'memFS:')");
      if (path.toLowerCase(Locale.ROOT).contains("memfs:")) {
        lossy.add("it is in memory, so nothing survives: use jdbc:h2:file:...");
      }
      if (value(
              session,
              "SELECT isolation_level FROM information_schema.sessions"
                  + " WHERE session_id = session_id()")
          .equals("READ UNCOMMITTED")) {
        lossy.add(
            "transactions see what is not committed yet: set the isolation to READ COMMITTED");
      }
      return lossy;
    }

    @Override
    void makeDurable(JdbcSession session) throws SQLException {
      session.execute("CHECKPOINT SYNC");
    }
  },

  /** SQLite 3.24 or later. */
  SQLITE("SQLite") {
    @Override
    boolean isConflict(SQLException e) {
      return List.of(SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CONSTRAINT).contains(primaryCode(e));
    }

    @Override
    boolean isNoSuchTable(SQLException e) {
      return primaryCode(e) == SQLITE_ERROR
          && String.valueOf(e.getMessage()).contains("no such table");
    }

    private int primaryCode(SQLException e) {
      return e.getErrorCode() & 0xff;
    }

    @Override
    List<String> lossySettings(JdbcSession session) throws SQLException {
      String file =
          value(session, "SELECT coalesce(file, '') FROM pragma_database_list WHERE name = 'main'");
      if (file.isEmpty()) {
        return List.of("it is in memory, so nothing survives: use jdbc:sqlite:FILE");
      }
      String journal = value(session, "PRAGMA journal_mode").toLowerCase(Locale.ROOT);
      int synchronous = Integer.parseInt(value(session, "PRAGMA synchronous"));
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

  JdbcDialect(String product) {
    this.product = product;
  }

  /** Returns the dialect of a database that calls itself so, or null. */
  static @Nullable JdbcDialect of(String product) {
    for (JdbcDialect dialect : values()) {
      if (dialect.product.equals(product)) {
        return dialect;
      }
    }
    return null;
  }

  /**
   * Returns whether another transaction came first, so that this one did nothing and may try again:
   * it had a lock for too long, was given precedence, or has made the same row or table.
   */
  abstract boolean isConflict(SQLException e);

  /** Returns whether a table is not there. */
  abstract boolean isNoSuchTable(SQLException e);

  /** Returns what of the settings loses records, each with how to mend it. */
  abstract List<String> lossySettings(JdbcSession session) throws SQLException;

  /** Sees to it that what was committed survives a power cut, where a commit alone does not. */
  void makeDurable(JdbcSession session) throws SQLException {}

  /** Returns the name of the script that makes a version of the tables from the one before. */
  String script(int version) {
    return product.toLowerCase(Locale.ROOT) + "-" + version + ".sql";
  }

  private static boolean hasState(SQLException e, String... states) {
    return List.of(states).contains(String.valueOf(e.getSQLState()));
  }

  private static String value(JdbcSession session, String sql) throws SQLException {
    String value = session.first(row -> row.getString(1), sql);
    return value == null ? "" : value;
  }

  /** Returns what the database calls itself. */
  @Override
  public String toString() {
    return product;
  }
}
