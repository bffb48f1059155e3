package io.tradeauth.examples;

import io.tradeauth.store.EncryptionKey;
import io.tradeauth.store.JdbcTokenStore;
import io.tradeauth.store.KeyProvider;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicInteger;
import org.hsqldb.jdbc.JDBCDataSource;

/** A new HSQLDB database in a directory, with a store in it. */
final class HsqldbFixture implements AutoCloseable {

  private static final KeyProvider KEYS = KeyProvider.of(EncryptionKey.generate());
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final JDBCDataSource source = new JDBCDataSource();

  HsqldbFixture(Path directory, String settings) {
    source.setURL(
        "jdbc:hsqldb:file:" + directory.resolve("store" + COUNT.incrementAndGet()) + settings);
    source.setUser("SA");
  }

  JdbcTokenStore open() {
    return JdbcTokenStore.builder(source, KEYS).dialect(new HsqldbDialect()).createSchema().open();
  }

  @Override
  public void close() throws SQLException {
    try (Connection connection = source.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute("SHUTDOWN");
    }
  }
}
