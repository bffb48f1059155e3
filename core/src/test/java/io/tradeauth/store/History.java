package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;

/**
 * What the processes of a fleet were given all the time, and when. The times are of the machine's
 * one monotonic clock, so it is known which read came after which, also in another process.
 *
 * <p>Written by any number of threads, checked by one when they have ended.
 */
final class History {

  private static final String TOKEN = "canary-access-";

  private final Map<Long, Long> began = new ConcurrentHashMap<>();
  private final Queue<Read> reads = new ConcurrentLinkedQueue<>();

  /**
   * What one {@code get} was given.
   *
   * @param pid of the process
   * @param invoked when it was called, in nanoseconds of the machine
   * @param clock what the process took for the time then
   * @param returned when it came back, in nanoseconds of the machine
   * @param answer the token, or the failure
   */
  record Read(long pid, String user, long invoked, Instant clock, long returned, String answer) {

    /** Parses what a process says: user, invoked, clock, returned, answer. */
    static Read of(long pid, String[] words) {
      return new Read(
          pid,
          words[1],
          Long.parseLong(words[2]),
          Instant.ofEpochMilli(Long.parseLong(words[3])),
          Long.parseLong(words[4]),
          words[5]);
    }

    boolean isServed() {
      return answer.startsWith(TOKEN);
    }

    /** The server counts what it issues. */
    long number() {
      return Long.parseLong(answer.substring(TOKEN.length()).split("-")[0]);
    }
  }

  /** Notes when a process was about to open the store. */
  void began(long pid, long nanos) {
    began.put(pid, nanos);
  }

  void add(Read read) {
    reads.add(read);
  }

  int size() {
    return reads.size();
  }

  /** Returns whether anybody was given this token. */
  boolean wasServed(String token) {
    return reads.stream().anyMatch(read -> read.answer().equals(token));
  }

  /** Returns the users that were told this failure. */
  Set<String> told(String failure) {
    return reads.stream()
        .filter(read -> read.answer().equals(failure))
        .map(Read::user)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Returns every failure that somebody was told. */
  Set<String> failures() {
    return reads.stream()
        .filter(read -> !read.isServed())
        .map(Read::answer)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /**
   * Checks that every token was the user's own and not past its end, that no process went back, and
   * that none that began later was behind what any had been given before.
   */
  void check(TokenLedger ledger, Duration life) {
    Map<String, List<Read>> served =
        reads.stream().filter(Read::isServed).collect(Collectors.groupingBy(Read::user));
    served.forEach(
        (user, ofUser) -> {
          ofUser.forEach(read -> checkOwnAndAlive(read, ledger, life));
          List<Read> byReturn = sorted(ofUser, Comparator.comparingLong(Read::returned));
          ofUser.stream()
              .collect(Collectors.groupingBy(Read::pid))
              .forEach((pid, ofProcess) -> checkForward(pid, ofProcess, byReturn));
        });
  }

  private static void checkOwnAndAlive(Read read, TokenLedger ledger, Duration life) {
    assertEquals(read.user(), ledger.owner(read.answer()), read::toString);
    Instant end = Objects.requireNonNull(ledger.issuedAt(read.answer())).plus(life);
    assertTrue(read.clock().isBefore(end), () -> read + " is past its end, " + end);
  }

  private void checkForward(long pid, List<Read> ofProcess, List<Read> ofAllByReturn) {
    long beginning = Objects.requireNonNull(began.get(pid));
    long newest =
        ofAllByReturn.stream()
            .filter(read -> read.returned() < beginning)
            .mapToLong(Read::number)
            .max()
            .orElse(0);
    List<Read> byReturn = sorted(ofProcess, Comparator.comparingLong(Read::returned));
    int next = 0;
    for (Read read : sorted(ofProcess, Comparator.comparingLong(Read::invoked))) {
      while (byReturn.get(next).returned() < read.invoked()) {
        newest = Math.max(newest, byReturn.get(next).number());
        next++;
      }
      assertFalse(read.number() < newest, read + " came after number " + newest);
    }
  }

  private static List<Read> sorted(List<Read> reads, Comparator<Read> order) {
    return reads.stream().sorted(order).toList();
  }
}
