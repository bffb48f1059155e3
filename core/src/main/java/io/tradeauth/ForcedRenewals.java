package io.tradeauth;

import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * How often the tokens of a login may be renewed because an API refused them.
 *
 * <p>Once in 30 seconds. If two tokens that were renewed for that reason are refused as well,
 * renewing does not help, and for five minutes none is forced. Where a second login ends the first,
 * three refusals in an hour mean that somebody else logs in too: then the pause is five minutes and
 * doubles.
 *
 * <p>For any number of threads. A login's history is one immutable value, replaced whole.
 */
final class ForcedRenewals {

  static final Duration APART = Duration.ofSeconds(30);
  static final Duration PAUSE = Duration.ofMinutes(5);
  private static final Duration LONGEST_PAUSE = Duration.ofHours(1);
  private static final Duration MEMORY = Duration.ofHours(1);
  private static final int FRUITLESS = 2;
  private static final int TAKEOVERS = 3;

  private final TimeSource time;
  private final ConcurrentMap<String, History> histories = new ConcurrentHashMap<>();

  ForcedRenewals(TimeSource time) {
    this.time = time;
  }

  /**
   * What has been forced for a login.
   *
   * @param lastNanos when a renewal was last forced
   * @param made the token that it brought; null until it is known
   * @param fruitless how many of these in a row were refused too
   * @param refusals how many refusals there were within the hour that began with the first
   * @param firstNanos when the first of these was
   * @param pauses how many pauses there have been
   * @param pausedUntilNanos until when none is forced, if there was a pause
   * @param reason why there is a pause
   */
  private record History(
      long lastNanos,
      @Nullable AccessToken made,
      int fruitless,
      int refusals,
      long firstNanos,
      int pauses,
      long pausedUntilNanos,
      BrokerUnavailableException.@Nullable Reason reason) {

    History forcedAgain(AccessToken rejected, long now) {
      int stillFruitless = rejected.equals(made) ? fruitless + 1 : 0;
      int counted = reason == null ? refusals + 1 : refusals;
      return new History(now, null, stillFruitless, counted, firstNanos, pauses, now, null);
    }

    History paused(BrokerUnavailableException.Reason why, long now) {
      long until = now + nextPause().toNanos();
      return new History(lastNanos, null, 0, TAKEOVERS - 1, now, pauses + 1, until, why);
    }

    Duration nextPause() {
      return Backoff.doubled(PAUSE, pauses + 1, LONGEST_PAUSE);
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
   */
  Verdict ask(String subject, AccessToken rejected, boolean exclusive) {
    long now = time.monotonicNanos();
    AtomicReference<Verdict> verdict = new AtomicReference<>();
    histories.compute(
        subject,
        (key, before) -> {
          History history = before == null || isForgotten(before, now) ? null : before;
          Verdict refusal = history == null ? null : refusal(history, rejected, exclusive, now);
          verdict.set(refusal == null ? Verdict.GRANTED : refusal);
          if (history == null) {
            return new History(now, null, 0, 1, now, 0, now, null);
          }
          return refusal == null
              ? history.forcedAgain(rejected, now)
              : refusal.isNew() ? history.paused(refusal.reason(), now) : history;
        });
    return verdict.get();
  }

  private static @Nullable Verdict refusal(
      History history, AccessToken rejected, boolean exclusive, long now) {
    long pause = history.pausedUntilNanos() - now;
    if (history.reason() != null) {
      // The first one after a pause is free: perhaps the cause is gone.
      return pause > 0 ? new Verdict(Duration.ofNanos(pause), history.reason(), false) : null;
    }
    if (now - history.lastNanos() < APART.toNanos()) {
      return new Verdict(
          APART.minusNanos(now - history.lastNanos()),
          BrokerUnavailableException.Reason.COOLING_DOWN,
          false);
    }
    if (exclusive && history.refusals() + 1 >= TAKEOVERS) {
      return new Verdict(
          history.nextPause(), BrokerUnavailableException.Reason.SESSION_TAKEN_OVER, true);
    }
    if (rejected.equals(history.made()) && history.fruitless() + 1 >= FRUITLESS) {
      return new Verdict(
          history.nextPause(),
          BrokerUnavailableException.Reason.REJECTED_DESPITE_FRESH_TOKEN,
          true);
    }
    return null;
  }

  private static boolean isForgotten(History history, long now) {
    return now - history.firstNanos() > MEMORY.toNanos();
  }

  /** Takes note of what a forced renewal has brought. */
  void made(String subject, AccessToken token) {
    histories.computeIfPresent(
        subject,
        (key, history) ->
            new History(
                history.lastNanos(),
                token,
                history.fruitless(),
                history.refusals(),
                history.firstNanos(),
                history.pauses(),
                history.pausedUntilNanos(),
                history.reason()));
  }

  /** Forgets a login: it has signed in anew. */
  void forget(String subject) {
    histories.remove(subject);
  }

  /** Forgets what is too old to matter. */
  void sweep() {
    long now = time.monotonicNanos();
    histories.values().removeIf(history -> isForgotten(history, now));
  }
}
