package io.tradeauth.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Files;
import javax.sql.DataSource;

/** A PostgreSQL that forces its disk, with a store in it. */
public final class BenchDatabase implements AutoCloseable {

  private final EmbeddedPostgres server;
  private final HikariDataSource pool;
  private final JdbcTokenStore store;

  /** Starts the server. */
  public BenchDatabase() throws IOException {
    server =
        EmbeddedPostgres.builder()
            .setDataDirectory(Files.createTempDirectory("tradeauth-bench"))
            .setServerConfig("fsync", "on")
            .setServerConfig("synchronous_commit", "on")
            .setServerConfig("full_page_writes", "on")
            .start();
    HikariConfig settings = new HikariConfig();
    settings.setJdbcUrl(server.getJdbcUrl("postgres", "postgres"));
    pool = new HikariDataSource(settings);
    store =
        JdbcTokenStore.builder(pool, KeyProvider.of(EncryptionKey.generate()))
            .createSchema()
            .open();
  }

  DataSource source() {
    return pool;
  }

  /** Returns the store. */
  public JdbcTokenStore store() {
    return store;
  }

  @Override
  public void close() throws IOException {
    pool.close();
    server.close();
  }
}
