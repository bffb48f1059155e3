package io.tradeauth;

import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One renewal or look-up of one login under way, and all who wait for it: the refresh lock of a
 * user. Who finds a flight in the map shares its outcome.
 */
final class Flight {

  final ManagedTokenProvider provider;
  final String userId;
  final String subject;
  final Demand demand;
  final CompletableFuture<Outcome> outcome = new CompletableFuture<>();

  /** Whether somebody waits for it. */
  volatile boolean awaited;

  /** The version of the record that it has read or written; null before that. */
  volatile TokenStore.@Nullable Version version;

  /** Whether somebody has signed in or out meanwhile; written in the login's atomic step. */
  boolean replaced;

  /** Why its outcome could not be published; null if it could. Of the thread that ends it. */
  @Nullable Throwable unpublished;

  /** The place in the queue; null until it is queued. */
  volatile Lane.@Nullable Task task;

  Flight(ManagedTokenProvider provider, String userId, String subject, Demand demand) {
    this.provider = provider;
    this.userId = userId;
    this.subject = subject;
    this.demand = demand;
  }

  /**
   * What came of a flight.
   *
   * @param login what is stored now; null if that is unknown or the flight was superseded
   * @param exchanged whether tokens were exchanged for it
   * @param failure why it failed; null if it did not
   */
  record Outcome(@Nullable Login login, boolean exchanged, @Nullable TokenException failure) {

    /** A sign-in or sign-out came first: whoever waited looks again. */
    static final Outcome SUPERSEDED = new Outcome(null, false, null);

    /** Nothing came of a look that failed before there was a flight. */
    static Outcome none(Throwable failure) {
      return SUPERSEDED;
    }

    static Outcome of(Login login, boolean exchanged) {
      return new Outcome(login, exchanged, null);
    }

    static Outcome failed(TokenException failure) {
      return failed(failure, null);
    }

    static Outcome failed(TokenException failure, @Nullable Login stored) {
      return new Outcome(stored, false, failure);
    }
  }
}
