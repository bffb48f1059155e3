package io.tradeauth;

import java.time.Instant;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Makes of whatever broke what a caller may see. */
final class Failures {

  private Failures() {}

  /**
   * Returns the failure of a future as one of this caller's own. What is none of ours, a bug in a
   * broker module, a store or here, is told by its class and stack: its message may hold anything.
   */
  static TokenException forCaller(String who, Throwable failure, Instant now) {
    Throwable cause = failure;
    while ((cause instanceof ExecutionException || cause instanceof CompletionException)
        && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause instanceof TokenException
        ? ((TokenException) cause).forCaller()
        : internal(who, cause, now);
  }

  private static BrokerUnavailableException internal(String who, Throwable cause, Instant now) {
    IllegalStateException wordless = new IllegalStateException(cause.getClass().getName());
    wordless.setStackTrace(cause.getStackTrace());
    return new BrokerUnavailableException(
        BrokerUnavailableException.Reason.UNUSABLE_ANSWER,
        who + ": internal failure (" + cause.getClass().getSimpleName() + ")",
        now,
        wordless);
  }
}
