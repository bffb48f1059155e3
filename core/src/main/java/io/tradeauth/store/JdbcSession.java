package io.tradeauth.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A connection, for as long as one piece of work has it. For one thread. */
final class JdbcSession {

  private final Connection connection;
  private final int timeoutSeconds;
  private final boolean repeated;
  private boolean hasWritten;

  JdbcSession(Connection connection, int timeoutSeconds, boolean repeated) {
    this.connection = connection;
    this.timeoutSeconds = timeoutSeconds;
    this.repeated = repeated;
  }

  /** Makes something of a row. */
  @FunctionalInterface
  interface Row<T> {

    T read(ResultSet row) throws SQLException;
  }

  /** Returns whether this work was begun before, and may have been done. */
  boolean isRepeated() {
    return repeated;
  }

  /** Returns whether something may have been written. */
  boolean hasWritten() {
    return hasWritten;
  }

  Connection connection() {
    return connection;
  }

  /** Returns how many rows were written. */
  int update(String sql, @Nullable Object... values) throws SQLException {
    try (PreparedStatement statement = prepare(sql, values)) {
      hasWritten = true;
      return statement.executeUpdate();
    }
  }

  /** Runs a statement that returns nothing and has no values. */
  void execute(String sql) throws SQLException {
    try (PreparedStatement statement = prepare(sql)) {
      statement.execute();
    }
  }

  <T> List<T> all(Row<T> row, String sql, @Nullable Object... values) throws SQLException {
    try (PreparedStatement statement = prepare(sql, values);
        ResultSet rows = statement.executeQuery()) {
      List<T> all = new ArrayList<>();
      while (rows.next()) {
        all.add(row.read(rows));
      }
      return all;
    }
  }

  <T> @Nullable T first(Row<T> row, String sql, @Nullable Object... values) throws SQLException {
    List<T> all = all(row, sql, values);
    return all.isEmpty() ? null : all.get(0);
  }

  private PreparedStatement prepare(String sql, @Nullable Object... values) throws SQLException {
    PreparedStatement statement = connection.prepareStatement(sql);
    try {
      statement.setQueryTimeout(timeoutSeconds);
      for (int i = 0; i < values.length; i++) {
        bind(statement, i + 1, values[i]);
      }
      return statement;
    } catch (SQLException | RuntimeException e) {
      statement.close();
      throw e;
    }
  }

  private static void bind(PreparedStatement statement, int index, @Nullable Object value)
      throws SQLException {
    if (value instanceof byte[]) {
      statement.setBytes(index, (byte[]) value);
    } else if (value instanceof Long) {
      statement.setLong(index, (Long) value);
    } else if (value instanceof String) {
      statement.setString(index, (String) value);
    } else if (value == null) {
      statement.setNull(index, Types.VARBINARY);
    } else {
      throw new IllegalArgumentException("values: there is no column for a " + value.getClass());
    }
  }
}
