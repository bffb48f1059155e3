package io.tradeauth.store;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/**
 * What is peculiar to a database that a {@link JdbcTokenStore} lives in: how it names its failures,
 * how its tables are made, and how it must be set so that it does not lose what it has
 * acknowledged. All other statements are the same for all databases: those of SQL-92, and {@code
 * LIMIT}.
 *
 * <p>A database that is not among these needs an implementation of a page. Whether the database
 * keeps the protocol is for its tests to show: they inherit {@code TokenStoreContract} and {@code
 * SharedStoreContract} from the library's test-jar.
 *
 * <p>Called by any number of threads. What it throws besides {@link SQLException} is not caught.
 */
public interface JdbcDialect {

  /** PostgreSQL, and clusters that speak as it does. */
  static JdbcDialect postgresql() {
    return KnownDialect.POSTGRESQL;
  }

  /**
   * H2. Each write is followed by a {@code CHECKPOINT SYNC}, for which it needs an administrator.
   */
  static JdbcDialect h2() {
    return KnownDialect.H2;
  }

  /** SQLite 3.24 or later. */
  static JdbcDialect sqlite() {
    return KnownDialect.SQLITE;
  }

  /** Returns the name of the database, for messages. */
  String product();

  /**
   * Returns whether another transaction came first, so that this one did nothing and may try again:
   * it had a lock for too long, was given precedence, or has made the same row or table.
   */
  boolean isConflict(SQLException e);

  /**
   * Returns what must be changed so that a failure does not come again, as part of a sentence;
   * empty if that is not known.
   */
  default String advice(SQLException e) {
    return "";
  }

  /** Returns whether a table is not there. */
  boolean isNoSuchTable(SQLException e);

  /**
   * Returns what of the settings loses records, each with how to mend it; empty if nothing does.
   * The store is not opened then, unless nothing in it need survive. Statements should have a
   * timeout.
   *
   * @throws SQLException if the database does not say
   */
  List<String> lossySettings(Connection connection) throws SQLException;

  /**
   * Returns statements that see to it that what was committed survives a power cut, where a commit
   * alone does not.
   */
  default List<String> afterEachWrite() {
    return List.of();
  }

  /**
   * Returns the script that makes a version of the tables from the one before: statements that end
   * with a semicolon, and comments on lines of their own that begin with {@code --}. It must do no
   * harm if it is run again, or by two processes at once. Tables, columns and their meaning are
   * those of {@link #h2()}.
   *
   * @param version from 1 to the version that this library needs
   */
  String script(int version);
}
