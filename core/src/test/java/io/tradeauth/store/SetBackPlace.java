package io.tradeauth.store;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/** A place for a store whose records are kept aside once and put back later; for one thread. */
abstract class SetBackPlace implements AutoCloseable {

  static SetBackPlace inFiles() throws Exception {
    StoreFixture files = new StoreFixture();
    Path directory = files.newDirectory();
    Map<Path, byte[]> kept = new HashMap<>();
    return new SetBackPlace() {
      @Override
      TokenStore open() {
        return files.open(directory);
      }

      @Override
      void keep() throws Exception {
        try (Stream<Path> all = Files.list(directory.resolve("records"))) {
          for (Path record : (Iterable<Path>) all::iterator) {
            kept.put(record, Files.readAllBytes(record));
          }
        }
      }

      @Override
      void putBack() throws Exception {
        for (Map.Entry<Path, byte[]> record : kept.entrySet()) {
          Files.write(record.getKey(), record.getValue());
        }
      }

      @Override
      public void close() throws Exception {
        files.close();
      }
    };
  }

  /** With all tables, as a failover to a server that is behind leaves them. */
  static SetBackPlace in(TestDatabase database) throws Exception {
    HikariDataSource pool = database.newPool();
    return new SetBackPlace() {
      @Override
      TokenStore open() {
        return TestDatabase.open(pool);
      }

      @Override
      void keep() throws SQLException {
        execute(
            "CREATE TABLE kept_record AS SELECT * FROM tradeauth_record",
            "CREATE TABLE kept_forgotten AS SELECT * FROM tradeauth_forgotten",
            "CREATE TABLE kept_meta AS SELECT * FROM tradeauth_meta");
      }

      @Override
      void putBack() throws SQLException {
        execute(
            "DELETE FROM tradeauth_record",
            "DELETE FROM tradeauth_forgotten",
            "INSERT INTO tradeauth_record SELECT * FROM kept_record",
            "INSERT INTO tradeauth_forgotten SELECT * FROM kept_forgotten",
            "UPDATE tradeauth_meta SET change_seq = (SELECT change_seq FROM kept_meta)");
      }

      private void execute(String... statements) throws SQLException {
        try (Connection connection = pool.getConnection();
            Statement statement = connection.createStatement()) {
          connection.setAutoCommit(false);
          for (String sql : statements) {
            statement.execute(sql);
          }
          connection.commit();
          connection.setAutoCommit(true);
        }
      }

      @Override
      public void close() {
        pool.close();
      }
    };
  }

  /** Opens the store as another process. */
  abstract TokenStore open();

  abstract void keep() throws Exception;

  abstract void putBack() throws Exception;

  @Override
  public abstract void close() throws Exception;
}
