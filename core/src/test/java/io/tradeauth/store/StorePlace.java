package io.tradeauth.store;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A place for a store, empty at first, which is opened as often as there are processes; for what
 * must be the same with every store that lasts. For one thread.
 */
abstract class StorePlace implements AutoCloseable {

  /** Where a store lasts. */
  enum Kind {
    FILES,
    POSTGRESQL,
    H2,
    SQLITE;

    StorePlace make() throws Exception {
      return this == FILES ? new Directory() : new Database(TestDatabase.valueOf(name()).newPool());
    }
  }

  /** Opens the store, which is made the first time. */
  abstract TokenStore open();

  abstract TokenStore openReadOnly();

  /** Returns all that is stored, names and columns as text and contents in hexadecimal. */
  abstract List<String> dump() throws Exception;

  /** Files. */
  private static final class Directory extends StorePlace {

    private final StoreFixture files = new StoreFixture();
    private final Path directory;

    Directory() throws Exception {
      directory = files.newDirectory();
    }

    @Override
    TokenStore open() {
      return files.open(directory);
    }

    @Override
    TokenStore openReadOnly() {
      return files.open(FileTokenStore.builder(directory, StoreFixture.KEYS).readOnly());
    }

    @Override
    List<String> dump() throws Exception {
      List<String> all = new ArrayList<>();
      Snapshot.of(directory).forEach((name, content) -> all.add(name + " " + content));
      return all;
    }

    @Override
    public void close() throws Exception {
      files.close();
    }
  }

  /** A database. */
  private static final class Database extends StorePlace {

    private final HikariDataSource pool;

    Database(HikariDataSource pool) {
      this.pool = pool;
    }

    @Override
    TokenStore open() {
      return TestDatabase.open(pool);
    }

    @Override
    TokenStore openReadOnly() {
      return JdbcTokenStore.builder(pool, TestDatabase.KEYS).readOnly().open();
    }

    @Override
    List<String> dump() throws Exception {
      return JdbcOpenTest.dump(pool);
    }

    @Override
    public void close() {
      pool.close();
    }
  }
}
