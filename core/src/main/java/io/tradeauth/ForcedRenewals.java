package io.tradeauth;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How often the tokens of a login may be renewed because an API refused them.
 *
 * <p>Once in 30 seconds. If two tokens that were renewed for that reason are refused within a
 * minute of being made, renewing does not help, and for five minutes none is forced. Where a second
 * login ends the first, three refusals in an hour mean that somebody else logs in too: then the
 * pause is five minutes and doubles.
 *
 * <p>For any number of threads. A login's history is one immutable value, replaced whole.
 */
final class ForcedRenewals {

  static final Duration APART = Duration.ofSeconds(30);
  static final Duration PAUSE = Duration.ofMinutes(5);
  private static final Duration LONGEST_PAUSE = Duration.ofHours(1);
  private static final Duration MEMORY = Duration.ofHours(1);

  /** A token that has worked for longer has helped. */
  private static final Duration AT_ONCE = Duration.ofSeconds(60);

  private static final int FRUITLESS = 2;
  private static final int TAKEOVERS = 3;

  private final TimeSource time;
  private final ConcurrentMap<String, History> histories = new ConcurrentHashMap<>();

  ForcedRenewals(TimeSource time) {
    this.time = time;
  }

  /**
   * What a forced renewal has brought.
   *
   * @param token the token
   * @param madeNanos when
   * @param refusedAtOnce whether its first refusal came at once; null while it was not refused
   */
  private record Made(AccessToken token, long madeNanos, @Nullable Boolean refusedAtOnce) {

    Made refused(AccessToken rejected, long now) {
      return refusedAtOnce == null && token.equals(rejected)
          ? new Made(token, madeNanos, now - madeNanos <= AT_ONCE.toNanos())
          : this;
    }

    boolean wasRefusedAtOnce() {
      return refusedAtOnce != null && refusedAtOnce;
    }
  }

  /**
   * What has been forced for a login.
   *
   * @param forced when renewals were forced within the last hour, the last at the end
   * @param made what the last one has brought; null until it is known
   * @param fruitless how many before it, in a row, have brought what was refused at once
   * @param takeovers how many pauses there were because somebody else logs in
   * @param pausedUntilNanos until when none is forced, if there was a pause
   * @param reason why there is a pause; null if there is none
   */
  private record History(
      List<Long> forced,
      @Nullable Made made,
      int fruitless,
      int takeovers,
      long pausedUntilNanos,
      BrokerUnavailableException.@Nullable Reason reason) {

    static History first(long now) {
      return new History(List.of(now), null, 0, 0, now, null);
    }

    long lastNanos() {
      return forced.get(forced.size() - 1);
    }

    /** Returns how many are not older than an hour. */
    int recent(long now) {
      return (int) forced.stream().filter(nanos -> now - nanos <= MEMORY.toNanos()).count();
    }

    boolean isFruitless() {
      return made != null && made.wasRefusedAtOnce();
    }

    History refused(AccessToken rejected, long now) {
      return made == null
          ? this
          : new History(
              forced, made.refused(rejected, now), fruitless, takeovers, pausedUntilNanos, reason);
    }

    History made(AccessToken token, long now) {
      Made brought = new Made(token, now, null);
      return new History(forced, brought, fruitless, takeovers, pausedUntilNanos, reason);
    }

    History forcedAgain(long now) {
      List<Long> recent = new ArrayList<>(forced);
      recent.removeIf(nanos -> now - nanos > MEMORY.toNanos());
      recent.add(now);
      boolean afterPause = reason != null;
      int inARow = isFruitless() && !afterPause ? fruitless + 1 : 0;
      return new History(List.copyOf(recent), null, inARow, takeovers, now, null);
    }

    History paused(Verdict verdict, long now) {
      boolean takenOver = verdict.reason() == BrokerUnavailableException.Reason.SESSION_TAKEN_OVER;
      return new History(
          forced,
          null,
          0,
          takenOver ? takeovers + 1 : takeovers,
          now + verdict.pause().toNanos(),
          verdict.reason());
    }

    Duration takeoverPause() {
      return Backoff.doubled(PAUSE, takeovers + 1, LONGEST_PAUSE);
    }

    boolean isForgotten(long now) {
      return now - lastNanos() > MEMORY.toNanos() && now - pausedUntilNanos > MEMORY.toNanos();
    }
  }

  /**
   * Whether a renewal may be forced.
   *
   * @param pause how long not; zero if it may
   * @param reason why not
   * @param isNew whether the pause begins just now
   */
  record Verdict(Duration pause, BrokerUnavailableException.Reason reason, boolean isNew) {

    static final Verdict GRANTED =
        new Verdict(Duration.ZERO, BrokerUnavailableException.Reason.COOLING_DOWN, false);

    boolean isGranted() {
      return this == GRANTED;
    }
  }

  /**
   * Asks to renew because {@code rejected} was refused, and takes note of it.
   *
   * @param exclusive whether a second login ends the first
   * @param isOver whether who asks has been overtaken: it is not held up, and nothing is noted
   */
  Verdict ask(String subject, AccessToken rejected, boolean exclusive, BooleanSupplier isOver) {
    long now = time.monotonicNanos();
    AtomicReference<Verdict> answer = new AtomicReference<>(Verdict.GRANTED);
    histories.compute(
        subject,
        (key, before) -> {
          if (isOver.getAsBoolean()) {
            return before;
          }
          if (before == null || before.isForgotten(now)) {
            return History.first(now);
          }
          History history = before.refused(rejected, now);
          Verdict verdict = verdict(history, exclusive, now);
          answer.set(verdict);
          if (verdict.isGranted()) {
            return history.forcedAgain(now);
          }
          return verdict.isNew() ? history.paused(verdict, now) : history;
        });
    return answer.get();
  }

  private static Verdict verdict(History history, boolean exclusive, long now) {
    if (history.reason() != null) {
      long pause = history.pausedUntilNanos() - now;
      // The first one after a pause is free: perhaps the cause is gone.
      return pause > 0
          ? new Verdict(Duration.ofNanos(pause), history.reason(), false)
          : Verdict.GRANTED;
    }
    long since = now - history.lastNanos();
    if (since < APART.toNanos()) {
      return new Verdict(
          APART.minusNanos(since), BrokerUnavailableException.Reason.COOLING_DOWN, false);
    }
    if (exclusive && history.recent(now) + 1 >= TAKEOVERS) {
      return new Verdict(
          history.takeoverPause(), BrokerUnavailableException.Reason.SESSION_TAKEN_OVER, true);
    }
    if (history.isFruitless() && history.fruitless() + 1 >= FRUITLESS) {
      return new Verdict(
          PAUSE, BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN, true);
    }
    return Verdict.GRANTED;
  }

  /** Takes note of what a forced renewal has brought. */
  void made(String subject, AccessToken token) {
    long now = time.monotonicNanos();
    histories.computeIfPresent(subject, (key, history) -> history.made(token, now));
  }

  /** Forgets a login: it has signed in anew. */
  void forget(String subject) {
    histories.remove(subject);
  }

  /** Forgets what is too old to matter. */
  void sweep() {
    long now = time.monotonicNanos();
    histories.values().removeIf(history -> history.isForgotten(now));
  }
}
