package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What happened to a user's tokens, without secrets. A closed set.
 *
 * <p>Listeners run on the application's executor, one after the other for each listener; a slow one
 * delays nobody.
 *
 * @see TokenManager#on
 */
public sealed interface TokenEvent {

  /** Returns the name of the broker and environment. */
  String broker();

  /** Returns whose tokens. */
  String userId();

  /** Returns when, by the wall clock. */
  Instant at();

  /** Returns what an operator should do about it; empty if nothing. */
  String advice();

  /**
   * An access token was renewed and stored.
   *
   * @param expiresAt its end, by the server's clock
   * @param took how long the exchange took
   */
  record Renewed(String broker, String userId, Instant at, Instant expiresAt, Duration took)
      implements TokenEvent {

    @Override
    public String advice() {
      return "";
    }
  }

  /**
   * A renewal failed and will be tried again.
   *
   * @param reason the class of the failure
   * @param failures how many in a row
   * @param retryAt when the next attempt may be made
   */
  record RenewalFailing(
      String broker,
      String userId,
      Instant at,
      BrokerUnavailableException.Reason reason,
      int failures,
      Instant retryAt)
      implements TokenEvent {

    @Override
    public String advice() {
      return "watch it: the token in hand is served while it lasts";
    }
  }

  /**
   * A renewal worked again.
   *
   * @param failures how many had failed in a row
   */
  record Recovered(String broker, String userId, Instant at, int failures) implements TokenEvent {

    @Override
    public String advice() {
      return "";
    }
  }

  /**
   * Only the user can go on.
   *
   * @param reason why
   */
  record SignInRequired(
      String broker, String userId, Instant at, SignInRequiredException.Reason reason)
      implements TokenEvent {

    @Override
    public String advice() {
      return "ask the user to sign in";
    }
  }

  /**
   * The token ends soon and only the user can get another.
   *
   * @param due when it stops being served
   */
  record SignInDue(String broker, String userId, Instant at, Instant due) implements TokenEvent {

    @Override
    public String advice() {
      return "ask the user to sign in before " + due;
    }
  }

  /**
   * The broker issued a new refresh token and the store refuses it; it is kept in memory and
   * retried.
   */
  record UnsavedRotation(String broker, String userId, Instant at) implements TokenEvent {

    @Override
    public String advice() {
      return "mend the token store and do not stop this process";
    }
  }

  /**
   * The store has an older record of this user than this process has seen before: a failover has
   * lost what was committed, or a backup was put back.
   *
   * @param isMended whether this process still had the newer one, and has saved it again; else the
   *     user must sign in when the token in hand has ended
   */
  record StoreSetBack(String broker, String userId, Instant at, boolean isMended)
      implements TokenEvent {

    @Override
    public String advice() {
      return "find out what has set the store back, and whether it has lost more";
    }
  }

  /**
   * The broker refused a refresh token that is still the stored one, before its known end: somebody
   * who does not use this store has spent it, or the login was ended at the broker.
   *
   * @param sent the fingerprint of the refused refresh token
   * @param stored the fingerprint of the stored one; that it is the same says that no process that
   *     shares the store has renewed it
   * @param instance the id of the manager that stored it, which says so in its log when it starts
   * @param isOurs whether that was this manager
   */
  record ReuseSuspected(
      String broker,
      String userId,
      Instant at,
      String sent,
      String stored,
      String instance,
      boolean isOurs)
      implements TokenEvent {

    @Override
    public String advice() {
      return "find out whether another program holds this refresh token, which was last stored by "
          + (isOurs ? "this instance" : "instance " + instance);
    }
  }

  /** Another program keeps logging in with the same credential. */
  record SessionTakenOver(String broker, String userId, Instant at) implements TokenEvent {

    @Override
    public String advice() {
      return "stop the other program, or give it a credential of its own";
    }
  }

  /**
   * A user has signed in.
   *
   * @param missingScope what was asked for and not granted
   * @param renewable whether the login can be renewed without the user
   */
  record SignedIn(
      String broker, String userId, Instant at, Set<String> missingScope, boolean renewable)
      implements TokenEvent {

    /** Copies the set. */
    public SignedIn {
      missingScope = Set.copyOf(missingScope);
    }

    @Override
    public String advice() {
      List<String> advice = new ArrayList<>();
      if (!missingScope.isEmpty()) {
        advice.add("not granted: " + String.join(" ", missingScope));
      }
      if (!renewable) {
        advice.add("nothing renews this login: ask the user again when it ends");
      }
      return String.join("; ", advice);
    }
  }

  /** A user has signed out, or was signed out. */
  record SignedOut(String broker, String userId, Instant at) implements TokenEvent {

    @Override
    public String advice() {
      return "";
    }
  }

  /**
   * The broker granted another scope than before.
   *
   * @param before the scope until now
   * @param now the scope from now on
   */
  record ScopeChanged(String broker, String userId, Instant at, Set<String> before, Set<String> now)
      implements TokenEvent {

    /** Copies the sets. */
    public ScopeChanged {
      before = Set.copyOf(before);
      now = Set.copyOf(now);
    }

    @Override
    public String advice() {
      return "check that the calls of this user need no more than " + String.join(" ", now);
    }
  }

  /**
   * A token response was not as RFC 6749 section 5.1 has it, and what could be used of it was: a
   * life that is not told, or not readable, is taken to be short. Each flaw is told once for a
   * broker.
   *
   * @param flaws what could not be used, without a character of it, such as {@code expires_in:
   *     missing}
   */
  record FlawedResponse(String broker, String userId, Instant at, List<String> flaws)
      implements TokenEvent {

    /** Copies the list. */
    public FlawedResponse {
      flaws = List.copyOf(flaws);
    }

    @Override
    public String advice() {
      return "ask the broker why its answers are not as they were documented";
    }
  }
}
