package io.tradeauth.store;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.IntSupplier;
import java.util.function.Supplier;

/**
 * A store whose key is changed, in files or in a database.
 *
 * @param store the store
 * @param reencryptAll seals all records anew
 * @param countByKey counts the records by the ids of their keys
 * @param closing gives back what it holds
 */
record RotatedStore(
    TokenStore store,
    IntSupplier reencryptAll,
    Supplier<Map<String, Integer>> countByKey,
    Runnable closing)
    implements AutoCloseable {

  /**
   * Opens one.
   *
   * @param address of a database, or a directory
   */
  static RotatedStore open(String address, KeyProvider keys) {
    if (address.startsWith("jdbc:")) {
      HikariDataSource pool = TestDatabase.pool(address, settings -> {});
      JdbcTokenStore rows = TestDatabase.builder(pool, keys).open();
      return new RotatedStore(rows, rows::reencryptAll, rows::countByKey, pool::close);
    }
    FileTokenStore files = FileTokenStore.at(Path.of(address), keys);
    return new RotatedStore(files, files::reencryptAll, files::countByKey, files::close);
  }

  @Override
  public void close() {
    closing.run();
  }
}
