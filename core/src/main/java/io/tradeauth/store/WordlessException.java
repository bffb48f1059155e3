package io.tradeauth.store;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * What somebody else's code threw, without its words: a driver puts addresses with passwords and
 * the values of a statement into its messages. Types, states and stack traces are kept.
 */
final class WordlessException extends Exception {

  private static final long serialVersionUID = 1L;
  private static final int DEEPEST = 8;

  private WordlessException(Throwable original, @Nullable Throwable cause) {
    super(describe(original), cause);
    setStackTrace(original.getStackTrace());
  }

  static WordlessException of(Throwable original) {
    return of(original, DEEPEST);
  }

  private static WordlessException of(Throwable original, int deepest) {
    Throwable cause = original.getCause();
    return new WordlessException(
        original, cause == null || deepest == 0 ? null : of(cause, deepest - 1));
  }

  private static String describe(Throwable original) {
    String type = original.getClass().getName();
    return original instanceof SQLException ? type + ", " + state((SQLException) original) : type;
  }

  private static String state(SQLException failure) {
    String state = failure.getSQLState();
    return "SQLState "
        + (state == null ? "unknown" : state.replaceAll("[^A-Za-z0-9]", "?"))
        + ", code "
        + failure.getErrorCode();
  }
}
