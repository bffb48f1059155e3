package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import org.jspecify.annotations.Nullable;

/**
 * How far the clock of an authorization server is ahead of this machine's, learned from the {@code
 * Date} headers of its answers (RFC 9110 section 6.6.1). For any number of threads.
 */
final class ServerClock {

  /** A date has whole seconds, and travels: smaller differences mean nothing. */
  private static final long NOISE_MILLIS = 1_500;

  /** A server that is further off is wrong itself. */
  private static final long ABSURD_MILLIS = Duration.ofDays(1).toMillis();

  /** An answer that took longer tells its date too vaguely. */
  private static final long TOO_SLOW_MILLIS = 3_000;

  private volatile long aheadMillis;

  /** Learns from an answer. */
  void learn(Answer answer, long sentMillis, long receivedMillis) {
    Instant date = date(answer.header("Date"));
    if (date == null || receivedMillis - sentMillis > TOO_SLOW_MILLIS) {
      return;
    }
    // Written somewhere between sending and receiving, and cut to the second.
    long ahead = date.toEpochMilli() + 500 - (sentMillis + receivedMillis) / 2;
    if (Math.abs(ahead) < ABSURD_MILLIS) {
      aheadMillis = Math.abs(ahead) < NOISE_MILLIS ? 0 : ahead;
    }
  }

  static @Nullable Instant date(@Nullable String header) {
    if (header == null) {
      return null;
    }
    try {
      return ZonedDateTime.parse(header, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
    } catch (DateTimeParseException e) {
      // A date that can't be read is as good as none.
      return null;
    }
  }

  /** Returns how far the server is ahead; negative if it is behind. */
  Duration ahead() {
    return Duration.ofMillis(aheadMillis);
  }

  /** Returns the server's clock at a moment of this machine's. */
  Instant toServer(Instant local) {
    return local.equals(Instant.MAX) ? local : local.plusMillis(aheadMillis);
  }

  /** Returns this machine's clock at a moment of the server's. */
  Instant toLocal(Instant server) {
    return server.equals(Instant.MAX) ? server : server.minusMillis(aheadMillis);
  }
}
