package io.tradeauth.store;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * The databases that a store is tested on, with the settings that it insists on. Each makes as many
 * empty ones as are asked for.
 */
enum TestDatabase {
  POSTGRESQL {
    @Override
    String newAddress() throws Exception {
      String schema = "s" + COUNT.incrementAndGet();
      try (Connection connection = Server.RUNNING.getPostgresDatabase().getConnection();
          Statement statement = connection.createStatement()) {
        statement.execute("CREATE SCHEMA " + schema);
      }
      return Server.RUNNING.getJdbcUrl("postgres", "postgres") + "&currentSchema=" + schema;
    }
  },
  H2 {
    @Override
    String newAddress() {
      return "jdbc:h2:mem:store" + COUNT.incrementAndGet() + ";DB_CLOSE_DELAY=-1";
    }
  },
  SQLITE {
    @Override
    String newAddress() throws Exception {
      return "jdbc:sqlite:"
          + newDirectory("sqlite").resolve("store.db")
          + "?journal_mode=WAL&synchronous=FULL";
    }
  };

  static final KeyProvider KEYS = KeyProvider.of(Samples.key(1));

  private static final AtomicInteger COUNT = new AtomicInteger();

  /** Returns the address of a new database without tables. */
  abstract String newAddress() throws Exception;

  /** Returns a pool of connections to a new database without tables. */
  HikariDataSource newPool() throws Exception {
    return newPool(pool -> {});
  }

  HikariDataSource newPool(Consumer<HikariConfig> settings) throws Exception {
    return pool(newAddress(), settings);
  }

  static HikariDataSource pool(String address, Consumer<HikariConfig> settings) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(address);
    config.setMaximumPoolSize(10);
    config.setMinimumIdle(1);
    config.setConnectionTimeout(10_000);
    settings.accept(config);
    return new HikariDataSource(config);
  }

  /** Starts with a store whose tables will be made, and which may be in memory. */
  static JdbcTokenStore.Builder builder(javax.sql.DataSource source) {
    return builder(source, KEYS);
  }

  static JdbcTokenStore.Builder builder(javax.sql.DataSource source, KeyProvider keys) {
    return JdbcTokenStore.builder(source, keys).createSchema().nothingNeedSurvive();
  }

  static JdbcTokenStore open(javax.sql.DataSource source) {
    return builder(source).open();
  }

  static Path newDirectory(String name) throws IOException {
    Path directory = TestPlace.newDirectory(name);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    TestPlace.delete(directory);
                  } catch (IOException e) {
                    // The machine is asked to tidy up what it can.
                  }
                }));
    return directory;
  }

  /** A real server for the whole run; it goes with this JVM. */
  static final class Server {

    static final EmbeddedPostgres RUNNING = start();

    private Server() {}

    private static EmbeddedPostgres start() {
      try {
        return builder()
            .setServerConfig("fsync", "on")
            .setServerConfig("synchronous_commit", "on")
            .setServerConfig("full_page_writes", "on")
            .start();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Starts with a server that is set as is usual for tests: to lose what it is told. */
    static EmbeddedPostgres.Builder builder() throws IOException {
      assumeTrue(
          System.getProperty("os.name").equals("Linux")
              && System.getProperty("os.arch").equals("amd64"),
          "there is no PostgreSQL to start on this machine");
      return EmbeddedPostgres.builder()
          // It deletes its directory itself, after its processes have ended.
          .setDataDirectory(TestPlace.newDirectory("postgres"))
          .setServerConfig("max_connections", "100");
    }
  }
}
