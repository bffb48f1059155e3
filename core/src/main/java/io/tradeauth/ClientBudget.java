package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What one client may still send to its authorization server: a wrong secret must not get an
 * address blocked, so no more than five requests may be refused in five minutes.
 *
 * <p>Each secret of the client stands for itself; a replaced one has proven nothing yet.
 *
 * <ul>
 *   <li>One that has proven nothing since its last refusal sends one request at a time, and the
 *       others wait for the answer: a thousand users who ask at once make one refusal, not a
 *       thousand.
 *   <li>After two refusals in a row nothing is sent with it for five minutes, then one request per
 *       five minutes.
 *   <li>One that was accepted within the last minute sends as many at once as its server's lane
 *       takes, which is 64; if it has not been for longer, four, until the first is accepted.
 *   <li>All secrets of the client together send nothing unproven while five refusals are not five
 *       minutes old, those counted that are still under way.
 * </ul>
 *
 * <p>What is not kept: if the server stops taking a secret that it took less than a minute ago, the
 * requests under way at that moment, 63 more at most, can't be called back and are refused as well.
 * No other is begun once the first of them is answered. A cap of five would keep to the letter of
 * the limit and make 10,000 expired users wait 13 times as long for a server that is well.
 *
 * <p>A {@code Retry-After} stops the whole client for as long as it says. No pause is ever made
 * shorter.
 *
 * <p>For any number of threads. Whoever waits is woken after the lock is left.
 */
final class ClientBudget {

  private static final int REFUSALS_IN_A_ROW = 2;
  private static final int MOST_REFUSALS = 5;
  private static final int MOST_WITH_AN_OLD_PROOF = 4;
  private static final Duration PAUSE = Duration.ofMinutes(5);
  private static final Duration WINDOW = Duration.ofMinutes(5);
  private static final Duration PROOF = Duration.ofMinutes(1);
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(15);
  private static final Duration NOTICEABLE = Duration.ofSeconds(1);
  private static final Duration MEMORY = Duration.ofHours(1);

  /** Whoever has not said by then what came of a request is dead. */
  private static final Duration LONGEST_UNDER_WAY = Duration.ofSeconds(30);

  private final TimeSource time;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Waiting> waiting = new ArrayDeque<>();
  private final Map<String, Standing> standings = new HashMap<>();
  private final List<Refusal> refusals = new ArrayList<>();
  private final Map<String, Long> announced = new HashMap<>();
  private final Map<String, Long> underWayElsewhere = new HashMap<>();
  private int unsure;
  private long throttledUntilNanos;

  ClientBudget(TimeSource time) {
    this.time = time;
    this.throttledUntilNanos = time.monotonicNanos();
  }

  /** Whether a request may be sent. */
  enum Admission {
    /** Send it, and say what came of it. */
    GO,
    /** Others are under way: the continuation is run when it may go, or nothing may. */
    WAIT,
    /** Nothing may be sent for now. */
    PAUSED
  }

  /** How a secret stands with the server. Guarded by the lock. */
  private static final class Standing {

    boolean proven;
    long acceptedNanos;
    int inARow;
    int refused;
    int underWay;
    long pausedUntilNanos;
    long usedNanos;

    Standing(long now) {
      pausedUntilNanos = now;
      usedNanos = now;
    }

    boolean isFresh(long now) {
      return proven && now - acceptedNanos <= PROOF.toNanos();
    }
  }

  private record Waiting(String fingerprint, Runnable continuation) {}

  private record Refusal(String id, String fingerprint, long nanos) {}

  /**
   * What other processes, and this one after a restart, must know of a client.
   *
   * @param refusals the refusals of the last five minutes, by an id of each
   * @param underWay since when requests are under way that may be refused, by an id of each; when
   *     adopted, those of others
   * @param pauses until when nothing is sent with a secret, by its fingerprint
   * @param throttledUntil until when nothing is sent at all
   */
  record Remembered(
      Map<String, Refused> refusals,
      Map<String, Instant> underWay,
      Map<String, Instant> pauses,
      Instant throttledUntil) {

    /**
     * A refusal.
     *
     * @param fingerprint of the refused secret
     * @param at when
     */
    record Refused(String fingerprint, Instant at) {}
  }

  /** Takes note that a secret is in use, so that it is not forgotten. */
  void use(String secret) {
    lock.lock();
    try {
      standing(secret).usedNanos = time.monotonicNanos();
    } finally {
      lock.unlock();
    }
  }

  /** Returns a turn for a request that proves itself with a secret, by its fingerprint. */
  Turn turn(String secret) {
    return new Turn(secret);
  }

  /** One request of the client: asks to be sent, and says once what came of it. */
  final class Turn {

    private final String secret;
    private boolean underWay;
    private @Nullable String announcement;
    private boolean mayFail;
    private int refusedBefore;

    private Turn(String secret) {
      this.secret = secret;
    }

    /** Asks whether the request may be sent. */
    Admission admit(Runnable continuation) {
      lock.lock();
      try {
        Standing standing = standing(secret);
        standing.usedNanos = time.monotonicNanos();
        if (pauseOf(secret) != null) {
          return Admission.PAUSED;
        }
        if (!hasRoom(secret, 0, 0)) {
          waiting.add(new Waiting(secret, continuation));
          return Admission.WAIT;
        }
        underWay = true;
        mayFail = !standing.isFresh(standing.usedNanos);
        refusedBefore = standing.refused;
        standing.underWay++;
        unsure += mayFail ? 1 : 0;
        return Admission.GO;
      } finally {
        lock.unlock();
      }
    }

    /** Returns how long nothing may be sent yet, or null if something may. */
    @Nullable Duration pause() {
      lock.lock();
      try {
        return pauseOf(secret);
      } finally {
        lock.unlock();
      }
    }

    /** Returns whether the server has taken this secret in this process. */
    boolean isProven() {
      lock.lock();
      try {
        return standing(secret).proven;
      } finally {
        lock.unlock();
      }
    }

    /**
     * Lets other processes know of this request, by the next that is remembered.
     *
     * @return false if those of others leave no room for it: then nothing is known of it
     */
    boolean announce(String id) {
      lock.lock();
      try {
        dropDead();
        if (refusals.size() + unsure + underWayElsewhere.size() > MOST_REFUSALS) {
          return false;
        }
        announced.put(id, time.monotonicNanos());
        announcement = id;
        return true;
      } finally {
        lock.unlock();
      }
    }

    /** The server has taken the client for good, whatever it said of the user. */
    void accepted() {
      settle(
          standing -> {
            // An answer to a question from before the last refusal is older than that refusal.
            if (standing.refused == refusedBefore) {
              standing.proven = true;
              standing.acceptedNanos = time.monotonicNanos();
              standing.inARow = 0;
            }
          });
    }

    /**
     * The server has refused the client.
     *
     * @param id names this refusal and no other
     */
    void refused(String id) {
      settle(
          standing -> {
            long now = time.monotonicNanos();
            standing.proven = false;
            standing.refused++;
            standing.inARow++;
            refusals.add(new Refusal(id, secret, now));
            if (standing.inARow >= REFUSALS_IN_A_ROW) {
              standing.pausedUntilNanos = later(standing.pausedUntilNanos, now, PAUSE);
            }
          });
    }

    /**
     * The server has asked for patience.
     *
     * @return whether for noticeably longer than it was known already
     */
    boolean throttled(Duration wait) {
      AtomicBoolean longer = new AtomicBoolean();
      settle(
          standing -> {
            long before = throttledUntilNanos;
            throttledUntilNanos = later(before, time.monotonicNanos(), wait);
            longer.set(throttledUntilNanos - before >= NOTICEABLE.toNanos());
          });
      return longer.get();
    }

    /** Nothing was learned of the client. */
    void nothingLearned() {
      settle(standing -> {});
    }

    private void settle(Consumer<Standing> change) {
      List<Runnable> woken;
      lock.lock();
      try {
        if (!underWay) {
          return; // said already
        }
        underWay = false;
        if (announcement != null) {
          announced.remove(announcement);
        }
        Standing standing = standing(secret);
        standing.underWay--;
        unsure -= mayFail ? 1 : 0;
        change.accept(standing);
        woken = whoMayGo();
      } finally {
        lock.unlock();
      }
      woken.forEach(Runnable::run);
    }
  }

  private Standing standing(String secret) {
    Standing known = standings.get(secret);
    if (known != null) {
      return known;
    }
    Standing first = new Standing(time.monotonicNanos());
    standings.put(secret, first);
    return first;
  }

  private static long later(long untilNanos, long now, Duration wait) {
    return untilNanos - now > wait.toNanos() ? untilNanos : now + wait.toNanos();
  }

  private @Nullable Duration pauseOf(String secret) {
    long now = time.monotonicNanos();
    Standing standing = standing(secret);
    long pause = Math.max(throttledUntilNanos - now, standing.pausedUntilNanos - now);
    pause = Math.max(pause, windowLeft(secret, standing.isFresh(now), now));
    return pause > 0 ? Duration.ofNanos(pause) : null;
  }

  /** Returns how long the refusals that count leave no room for another. */
  private long windowLeft(String secret, boolean fresh, long now) {
    if (refusals.isEmpty()) {
      return 0;
    }
    refusals.removeIf(refusal -> now - refusal.nanos() >= WINDOW.toNanos());
    // A secret that the server takes does not suffer from the others.
    List<Refusal> counted =
        refusals.stream()
            .filter(refusal -> !fresh || refusal.fingerprint().equals(secret))
            .collect(Collectors.toList());
    return counted.size() < MOST_REFUSALS
        ? 0
        : counted.get(counted.size() - MOST_REFUSALS).nanos() + WINDOW.toNanos() - now;
  }

  /** Returns whether one more may be under way, besides those just let go that may fail. */
  private boolean hasRoom(String secret, int othersOfIt, int others) {
    Standing standing = standing(secret);
    if (standing.isFresh(time.monotonicNanos())) {
      return true;
    }
    int most = standing.proven ? MOST_WITH_AN_OLD_PROOF : 1;
    return standing.underWay + othersOfIt < most
        && refusals.size() + unsure + others < MOST_REFUSALS;
  }

  private List<Runnable> whoMayGo() {
    if (waiting.isEmpty()) {
      return List.of();
    }
    List<Runnable> woken = new ArrayList<>();
    Map<String, Integer> let = new HashMap<>();
    Set<String> full = new HashSet<>();
    int maySoonFail = 0;
    for (Iterator<Waiting> each = waiting.iterator(); each.hasNext(); ) {
      Waiting next = each.next();
      String secret = next.fingerprint();
      if (full.contains(secret)) {
        continue;
      }
      int same = let.getOrDefault(secret, 0);
      if (pauseOf(secret) != null) {
        each.remove();
        woken.add(next.continuation());
      } else if (hasRoom(secret, same, maySoonFail)) {
        each.remove();
        woken.add(next.continuation());
        let.put(secret, same + 1);
        maySoonFail += standing(secret).isFresh(time.monotonicNanos()) ? 0 : 1;
      } else {
        full.add(secret);
      }
    }
    return woken;
  }

  private void dropDead() {
    long now = time.monotonicNanos();
    underWayElsewhere.values().removeIf(since -> now - since > LONGEST_UNDER_WAY.toNanos());
  }

  /** Returns what is to be remembered. */
  Remembered remembered() {
    lock.lock();
    try {
      long now = time.monotonicNanos();
      Map<String, Remembered.Refused> refused = new HashMap<>();
      for (Refusal refusal : refusals) {
        refused.put(
            refusal.id(),
            new Remembered.Refused(refusal.fingerprint(), wall(refusal.nanos(), now)));
      }
      Map<String, Instant> pauses = new HashMap<>();
      standings.forEach(
          (secret, standing) -> {
            if (standing.pausedUntilNanos - now > 0) {
              pauses.put(secret, wall(standing.pausedUntilNanos, now));
            }
          });
      dropDead();
      Map<String, Instant> underWay = new HashMap<>();
      underWayElsewhere.forEach((id, since) -> underWay.put(id, wall(since, now)));
      announced.forEach((id, since) -> underWay.put(id, wall(since, now)));
      // What is over is not told: by a clock that is behind, it would be still to come.
      Instant throttledUntil =
          throttledUntilNanos - now > 0 ? wall(throttledUntilNanos, now) : Instant.EPOCH;
      return new Remembered(refused, underWay, pauses, throttledUntil);
    } finally {
      lock.unlock();
    }
  }

  private Instant wall(long nanos, long now) {
    return time.now().plusMillis((nanos - now) / 1_000_000);
  }

  /** Adds what was remembered elsewhere or before a restart. */
  void adopt(Remembered remembered) {
    List<Runnable> woken;
    lock.lock();
    try {
      long now = time.monotonicNanos();
      remembered.refusals().forEach((id, refused) -> adopt(id, refused, now));
      underWayElsewhere.clear();
      remembered.underWay().forEach((id, since) -> underWayElsewhere.put(id, nanos(since, now)));
      refusals.sort(Comparator.comparingLong(refusal -> refusal.nanos() - now));
      remembered
          .pauses()
          .forEach(
              (secret, until) -> {
                Standing standing = standing(secret);
                standing.pausedUntilNanos =
                    later(standing.pausedUntilNanos, now, left(until, PAUSE));
              });
      throttledUntilNanos =
          later(throttledUntilNanos, now, left(remembered.throttledUntil(), LONGEST_PAUSE));
      woken = whoMayGo(); // a pause that was not known ends the waiting
    } finally {
      lock.unlock();
    }
    woken.forEach(Runnable::run);
  }

  private void adopt(String id, Remembered.Refused refused, long now) {
    Duration age = Duration.between(refused.at(), time.now());
    boolean known = refusals.stream().anyMatch(refusal -> refusal.id().equals(id));
    if (known || age.compareTo(WINDOW) >= 0) {
      return;
    }
    refusals.add(new Refusal(id, refused.fingerprint(), nanos(refused.at(), now)));
    Standing standing = standing(refused.fingerprint());
    standing.inARow = Math.min(standing.inARow + 1, REFUSALS_IN_A_ROW);
  }

  private long nanos(Instant at, long now) {
    Duration age = Duration.between(at, time.now());
    boolean ahead = age.isNegative(); // the other's clock may be
    return ahead ? now : now - Math.min(age.toMillis(), MEMORY.toMillis()) * 1_000_000;
  }

  private Duration left(Instant until, Duration most) {
    Duration left = Duration.between(time.now(), until);
    return left.compareTo(most) > 0 ? most : left;
  }

  /**
   * Forgets secrets that were not used for long.
   *
   * @return whether nothing is left
   */
  boolean sweep() {
    lock.lock();
    try {
      long now = time.monotonicNanos();
      standings
          .values()
          .removeIf(
              standing -> standing.underWay == 0 && now - standing.usedNanos > MEMORY.toNanos());
      return standings.isEmpty() && waiting.isEmpty();
    } finally {
      lock.unlock();
    }
  }
}
