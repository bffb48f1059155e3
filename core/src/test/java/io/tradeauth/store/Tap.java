package io.tradeauth.store;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Between a store and its data source: writes down what is executed, and does harm before or after
 * it. For any number of threads.
 */
final class Tap {

  private final DataSource source;
  private final List<String> executed = new ArrayList<>();
  private final AtomicInteger open = new AtomicInteger();
  private final AtomicInteger mostOpen = new AtomicInteger();
  private volatile Harm before = (what, connection) -> {};
  private volatile Harm after = (what, connection) -> {};

  Tap(DataSource source) {
    this.source = source;
  }

  /** What is done to a connection at a statement, {@code COMMIT} or {@code CONNECT}. */
  @FunctionalInterface
  interface Harm {

    void at(String what, @Nullable Connection connection) throws SQLException;

    /** Does it the first time that something begins with this. */
    static Harm once(String start, Harm harm) {
      return times(1, start, harm);
    }

    /** Does it the first times that something begins with this. */
    static Harm times(int times, String start, Harm harm) {
      AtomicInteger left = new AtomicInteger(times);
      return (what, connection) -> {
        if (what.startsWith(start) && left.getAndDecrement() > 0) {
          harm.at(what, connection);
        }
      };
    }

    /** The link is cut; the driver says so in words that nobody may repeat. */
    static void cut(String what, @Nullable Connection connection) throws SQLException {
      if (connection != null) {
        connection.close();
      }
      throw new SQLException("canary: no answer to " + what, "08006");
    }

    /** Fails as the standard names it. */
    static Harm state(String state) {
      return (what, connection) -> {
        throw new SQLException("canary: failed at " + what, state);
      };
    }

    /** Fails as a vendor numbers it. */
    static Harm code(int code) {
      return (what, connection) -> {
        throw new SQLException("canary: failed at " + what, null, code);
      };
    }
  }

  Tap before(Harm harm) {
    before = harm;
    return this;
  }

  Tap after(Harm harm) {
    after = harm;
    return this;
  }

  /** Returns what was executed since the last time. */
  List<String> executed() {
    synchronized (executed) {
      List<String> all = new ArrayList<>(executed);
      executed.clear();
      return all;
    }
  }

  /** Returns the most connections that one thread had at a time, if only one asked. */
  int mostOpen() {
    return mostOpen.get();
  }

  DataSource source() {
    return wrap(
        DataSource.class,
        (proxy, method, arguments) ->
            method.getName().equals("getConnection")
                ? connection()
                : call(source, method, arguments));
  }

  /** Returns a source whose database calls itself something else. */
  static DataSource calledSo(String product, DataSource source) {
    return wrap(
        DataSource.class,
        (proxy, method, arguments) -> {
          Object result = call(source, method, arguments);
          return result instanceof Connection ? calledSo(product, (Connection) result) : result;
        });
  }

  private static Connection calledSo(String product, Connection connection) {
    return wrap(
        Connection.class,
        (proxy, method, arguments) -> {
          Object result = call(connection, method, arguments);
          return result instanceof DatabaseMetaData
              ? wrap(DatabaseMetaData.class, (inner, asked, nothing) -> product)
              : result;
        });
  }

  private Connection connection() throws SQLException {
    before.at("CONNECT", null);
    Connection connection = source.getConnection();
    mostOpen.accumulateAndGet(open.incrementAndGet(), Math::max);
    return wrap(
        Connection.class,
        (proxy, method, arguments) -> {
          switch (method.getName()) {
            case "prepareStatement":
              return statement(
                  connection,
                  (String) arguments[0],
                  (PreparedStatement) call(connection, method, arguments));
            case "commit":
              return at("COMMIT", connection, () -> call(connection, method, arguments));
            case "close":
              open.decrementAndGet();
              return at("CLOSE", connection, () -> call(connection, method, arguments));
            case "rollback":
              return at("ROLLBACK", connection, () -> call(connection, method, arguments));
            default:
              return call(connection, method, arguments);
          }
        });
  }

  private PreparedStatement statement(
      Connection connection, String sql, PreparedStatement statement) {
    return wrap(
        PreparedStatement.class,
        (proxy, method, arguments) -> {
          if (!method.getName().startsWith("execute")) {
            return call(statement, method, arguments);
          }
          synchronized (executed) {
            executed.add(sql);
          }
          return at(sql, connection, () -> call(statement, method, arguments));
        });
  }

  /** Does something. */
  private interface Step {

    @Nullable Object run() throws Throwable;
  }

  private @Nullable Object at(String what, Connection connection, Step step) throws Throwable {
    before.at(what, connection);
    Object result = step.run();
    after.at(what, connection);
    return result;
  }

  private static @Nullable Object call(Object target, Method method, Object @Nullable [] arguments)
      throws Throwable {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static <T> T wrap(Class<T> type, InvocationHandler handler) {
    return type.cast(
        Proxy.newProxyInstance(Tap.class.getClassLoader(), new Class<?>[] {type}, handler));
  }
}
