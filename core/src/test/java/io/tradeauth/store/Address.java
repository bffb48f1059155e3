package io.tradeauth.store;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;

/** Where a new store is that each of several processes opens for itself; for one thread. */
abstract class Address implements AutoCloseable {

  private final String text;

  private Address(String text) {
    this.text = text;
  }

  static Address inFiles() throws Exception {
    StoreFixture files = new StoreFixture();
    return new Address("file:" + files.newDirectory()) {
      @Override
      TokenStore open() {
        return files.opened((FileTokenStore) FleetMember.open(toString()));
      }

      @Override
      public void close() throws Exception {
        files.close();
      }
    };
  }

  /** In a server that syncs what it has committed. */
  static Address inPostgresql() throws Exception {
    String text = TestDatabase.POSTGRESQL.newAddress();
    HikariDataSource pool = TestDatabase.pool(text, settings -> {});
    return new Address(text) {
      @Override
      TokenStore open() {
        return FleetMember.open(pool);
      }

      @Override
      public void close() {
        pool.close();
      }
    };
  }

  /** Opens the store in this process. */
  abstract TokenStore open();

  @Override
  public abstract void close() throws Exception;

  /** Returns what the other processes are told. */
  @Override
  public String toString() {
    return text;
  }
}
