package io.tradeauth;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What stands in the way of a login's next exchange. Immutable; gone with the first success.
 *
 * @param version the version of the record whose tokens could not be renewed
 * @param failures how many exchanges have failed in a row
 * @param last the last failure
 * @param notBeforeNanos when the next one may begin, by the monotonic clock
 * @param doubt the id of the intent whose answer was lost, if the session may depend on it
 * @param probes how many times the answer was asked for since
 * @param denial what the server keeps saying that it may say for a while only; null if it does not
 */
record Trouble(
    TokenStore.@Nullable Version version,
    int failures,
    BrokerUnavailableException last,
    long notBeforeNanos,
    @Nullable String doubt,
    int probes,
    @Nullable Denial denial) {

  /**
   * A temporary refusal that has come again and again.
   *
   * @param sinceNanos since when
   * @param lastNanos when it came last
   */
  record Denial(long sinceNanos, long lastNanos) {

    /** Who was not asked for so long may have changed their mind twice. */
    private static final Duration LONGEST_SILENCE = Duration.ofMinutes(15);

    /** Returns the denial after it has come now. */
    static Denial again(@Nullable Denial before, long now) {
      boolean goesOn = before != null && now - before.lastNanos <= LONGEST_SILENCE.toNanos();
      return new Denial(goesOn && before != null ? before.sinceNanos : now, now);
    }

    boolean hasLasted(Duration patience) {
      return lastNanos - sinceNanos >= patience.toNanos();
    }
  }

  /** Returns whether what is stored now came after it. */
  boolean isOver(TokenStore.Version stored) {
    return version != null && !version.equals(stored);
  }

  /** Returns whether it is of a record of this generation. */
  boolean isOf(String generation) {
    return version != null && version.generation().equals(generation);
  }

  boolean isCooling(TimeSource time) {
    return notBeforeNanos - time.monotonicNanos() > 0;
  }
}
