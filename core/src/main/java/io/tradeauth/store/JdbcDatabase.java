package io.tradeauth.store;

import io.tradeauth.TimeSource;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLNonTransientConnectionException;
import java.sql.SQLRecoverableException;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Runs pieces of work on connections of somebody else's data source, whatever it is set to:
 * autocommit on or off, any isolation.
 *
 * <p>A piece of work has one connection and asks for no other, so a pool of one is enough. It is
 * done over if the database gave another one precedence, until the time of a statement is up; and
 * once, on a new connection, if the first one broke and nobody knows what became of it. So work
 * must see by what is stored whether it was done before. Nothing is left behind on a connection: no
 * setting, no lock, no temporary table.
 *
 * <p>For any number of threads. No message has words of a driver in it.
 */
final class JdbcDatabase {

  private static final int MOST_BREAKS = 1;
  private static final long LONGEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private final TimeSource time = TimeSource.system();
  private final DataSource source;
  private final JdbcDialect dialect;
  private final int timeoutSeconds;

  JdbcDatabase(DataSource source, JdbcDialect dialect, int timeoutSeconds) {
    this.source = source;
    this.dialect = dialect;
    this.timeoutSeconds = timeoutSeconds;
  }

  /** Something to do with a connection. */
  @FunctionalInterface
  interface Work<T extends @Nullable Object> {

    T run(JdbcSession session) throws SQLException;
  }

  /** Returns what a database calls itself. */
  static String productName(DataSource source) {
    try (Connection connection = source.getConnection()) {
      return connection.getMetaData().getDatabaseProductName();
    } catch (SQLException | RuntimeException e) {
      throw failure("the database", Reason.READ_FAILED, "can't be reached", e);
    }
  }

  /** Returns a failure of this database. */
  TokenStoreException failure(Reason reason, String what, @Nullable Throwable cause) {
    return new TokenStoreException(
        reason, "token store in " + dialect.product() + ": " + what, cause);
  }

  private static TokenStoreException failure(
      String where, Reason reason, String what, Exception cause) {
    WordlessException wordless = WordlessException.of(cause);
    return new TokenStoreException(
        reason,
        "token store in " + where + ": " + what + " (" + wordless.getMessage() + ")",
        wordless);
  }

  JdbcDialect dialect() {
    return dialect;
  }

  /** Runs work that reads. */
  <T extends @Nullable Object> T read(Work<T> work) {
    return run(Reason.READ_FAILED, "can't be read", false, work);
  }

  /** Runs work whose writing is one statement. */
  <T extends @Nullable Object> T write(Work<T> work) {
    return run(Reason.WRITE_FAILED, "can't be written", false, work);
  }

  /** Runs work whose statements count together or not at all. */
  <T extends @Nullable Object> T writeTogether(Work<T> work) {
    return run(Reason.WRITE_FAILED, "can't be written", true, work);
  }

  /** Reads the next rows in the order of their ids. */
  @FunctionalInterface
  interface Page<T> {

    /** Returns what follows an id; nothing at the end. */
    List<T> after(JdbcSession session, byte[] id) throws SQLException;
  }

  /** Reads rows page by page, and hands each page on before the next is read. */
  <T> void eachPage(Page<T> next, Function<T, byte[]> id, Consumer<List<T>> use) {
    List<T> page = read(session -> next.after(session, new byte[0]));
    while (!page.isEmpty()) {
      use.accept(page);
      byte[] last = id.apply(page.get(page.size() - 1));
      page = read(session -> next.after(session, last));
    }
  }

  private <T extends @Nullable Object> T run(
      Reason reason, String what, boolean together, Work<T> work) {
    // Embedded databases close their files under a thread that is interrupted.
    boolean interrupted = Thread.interrupted();
    try {
      return runRepeatedly(reason, what, together, work);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private <T extends @Nullable Object> T runRepeatedly(
      Reason reason, String what, boolean together, Work<T> work) {
    long start = time.monotonicNanos();
    int breaks = 0;
    for (boolean repeated = false; ; repeated = true) {
      Connection connection = connect(reason);
      try {
        return runOn(connection, together, repeated, work);
      } catch (SQLException e) {
        boolean inTime = time.monotonicNanos() - start < TimeUnit.SECONDS.toNanos(timeoutSeconds);
        if (!(dialect.isConflict(e) && inTime || isBroken(e) && breaks++ < MOST_BREAKS)) {
          String advice = dialect.advice(e);
          String told = advice.isEmpty() ? what : what + "; " + advice;
          throw failure(dialect.product(), reason, told, e);
        }
      }
      pause();
    }
  }

  private Connection connect(Reason reason) {
    try {
      return source.getConnection();
    } catch (SQLException | RuntimeException e) {
      // Some pools have an exception of their own for a database that was never reached.
      throw failure(dialect.product(), reason, "can't be reached", e);
    }
  }

  private static boolean isBroken(SQLException e) {
    String state = e.getSQLState();
    return e instanceof SQLNonTransientConnectionException
        || e instanceof SQLRecoverableException
        || state != null && (state.startsWith("08") || state.startsWith("57P0"));
  }

  private static void pause() {
    LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(LONGEST_PAUSE_NANOS));
  }

  private <T extends @Nullable Object> T runOn(
      Connection connection, boolean together, boolean repeated, Work<T> work) throws SQLException {
    try (GivenBack given = () -> giveBack(connection)) {
      JdbcSession session = new JdbcSession(connection, timeoutSeconds, repeated);
      T result;
      if (!connection.getAutoCommit()) {
        result = commit(session, work);
      } else if (together) {
        result = commitAsOne(session, work);
      } else {
        result = work.run(session);
      }
      if (session.hasWritten()) {
        for (String statement : dialect.afterEachWrite()) {
          session.execute(statement);
        }
      }
      return result;
    }
  }

  /** Gives a connection back. */
  @FunctionalInterface
  private interface GivenBack extends AutoCloseable {

    @Override
    void close();
  }

  private static void giveBack(Connection connection) {
    try {
      connection.close();
    } catch (SQLException e) {
      // What was done is done, or has failed for a better reason.
    }
  }

  private static <T extends @Nullable Object> T commitAsOne(JdbcSession session, Work<T> work)
      throws SQLException {
    session.connection().setAutoCommit(false);
    T result;
    try {
      result = commit(session, work);
    } catch (SQLException | RuntimeException | Error e) {
      undo(() -> session.connection().setAutoCommit(true), e);
      throw e;
    }
    session.connection().setAutoCommit(true);
    return result;
  }

  private static <T extends @Nullable Object> T commit(JdbcSession session, Work<T> work)
      throws SQLException {
    try {
      T result = work.run(session);
      session.connection().commit();
      return result;
    } catch (SQLException | RuntimeException | Error e) {
      undo(session.connection()::rollback, e);
      throw e;
    }
  }

  /** Takes something back. */
  @FunctionalInterface
  private interface Undo {

    void run() throws SQLException;
  }

  private static void undo(Undo step, Throwable failure) {
    try {
      step.run();
    } catch (SQLException e) {
      // The connection is broken, which the first failure says better.
      failure.addSuppressed(WordlessException.of(e));
    }
  }
}
