package io.tradeauth.store;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A pooler in transaction mode before the real PostgreSQL, where it is installed: whoever connects
 * has another of its three connections with each transaction. It keeps none for a database whose
 * test has ended: the server has a hundred for all.
 */
final class PgBouncer {

  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private PgBouncer() {}

  /** Returns a pool of connections, through the pooler, to a new database without tables. */
  static HikariDataSource newPool() throws Exception {
    assumeTrue(isInstalled() && Running.PORT != 0, "no pgbouncer can be started on this machine");
    String database = "pooled" + COUNT.incrementAndGet();
    try (Connection connection = TestDatabase.Server.RUNNING.getPostgresDatabase().getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE DATABASE " + database);
    }
    return TestDatabase.pool(
        "jdbc:postgresql://localhost:"
            + Running.PORT
            + "/"
            + database
            + "?user=postgres&prepareThreshold=0",
        pool -> {});
  }

  private static boolean isInstalled() {
    return List.of(System.getenv("PATH").split(":")).stream()
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, "pgbouncer")));
  }

  /** The one of this run, 0 if it does not start; it goes with this JVM. */
  private static final class Running {

    static final int PORT = start();

    private Running() {}

    private static int start() {
      try {
        int port = freePort();
        Path settings = settings(port);
        Process process =
            new ProcessBuilder("pgbouncer", "--quiet", settings.toString())
                .redirectErrorStream(true)
                .redirectOutput(settings.resolveSibling("pgbouncer.out").toFile())
                .start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
        return isReady(port, process) ? port : 0;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static int freePort() throws IOException {
      try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        return socket.getLocalPort();
      }
    }

    private static Path settings(int port) throws IOException {
      Path directory = TestDatabase.newDirectory("pgbouncer");
      // It serves nobody as root, and then reads this as somebody else.
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
      return Files.writeString(
          directory.resolve("pgbouncer.ini"),
          """
          [databases]
          * = host=localhost port=%d user=postgres
          [pgbouncer]
          listen_addr = 127.0.0.1
          listen_port = %d
          unix_socket_dir =
          auth_type = any
          pool_mode = transaction
          default_pool_size = 3
          server_round_robin = 1
          server_idle_timeout = 1
          ignore_startup_parameters = extra_float_digits
          %s
          """
              .formatted(
                  TestDatabase.Server.RUNNING.getPort(),
                  port,
                  System.getProperty("user.name").equals("root") ? "user = nobody" : ""));
    }

    private static boolean isReady(int port, Process process) {
      long start = System.nanoTime();
      while (true) {
        try (Socket socket = new Socket()) {
          socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1_000);
          return true;
        } catch (IOException e) {
          if (!process.isAlive() || System.nanoTime() - start > PATIENCE_NANOS) {
            return false;
          }
          Thread.onSpinWait();
        }
      }
    }
  }
}
