package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Reads {@code Retry-After} (RFC 9110 section 10.2.3): seconds or a date, within [1 s, 15 min]. */
final class RetryAfter {

  private static final Duration SHORTEST = Duration.ofSeconds(1);
  private static final Duration LONGEST = Duration.ofMinutes(15);

  private RetryAfter() {}

  /** Returns how long to wait, or null if the header is missing or unreadable. */
  static @Nullable Duration of(Answer answer, Instant now) {
    String header = answer.header("Retry-After");
    if (header == null) {
      return null;
    }
    if (header.trim().matches("[0-9]{1,18}")) {
      return clamp(Duration.ofSeconds(Long.parseLong(header.trim())));
    }
    Instant date = ServerClock.date(header.trim());
    return date == null ? null : clamp(Duration.between(now, date));
  }

  private static Duration clamp(Duration wait) {
    if (wait.compareTo(SHORTEST) < 0) {
      return SHORTEST;
    }
    return wait.compareTo(LONGEST) > 0 ? LONGEST : wait;
  }
}
