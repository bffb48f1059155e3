package io.tradeauth.settrade.testing;

import java.util.Map;

/** Counts calls in fixed blocks of the clock's second and minute. For one thread at a time. */
final class RateLimit {

  private long second;
  private long minute;
  private int inSecond;
  private int inMinute;

  /** Counts one more call, unless a block is full; tells whether it was counted. */
  boolean admits(long now, int perSecond, int perMinute) {
    turn(now);
    if (inSecond >= perSecond || inMinute >= perMinute) {
      return false;
    }
    inSecond++;
    inMinute++;
    return true;
  }

  private void turn(long now) {
    if (now / 1_000 != second) {
      second = now / 1_000;
      inSecond = 0;
    }
    if (now / 60_000 != minute) {
      minute = now / 60_000;
      inMinute = 0;
    }
  }

  /** Returns the four headers, which tell what is left of both blocks. */
  Map<String, String> headers(int perSecond, int perMinute) {
    return Map.of(
        "X-RateLimit-Limit-second", Integer.toString(perSecond),
        "X-RateLimit-Remaining-second", Integer.toString(Math.max(0, perSecond - inSecond)),
        "X-RateLimit-Limit-minute", Integer.toString(perMinute),
        "X-RateLimit-Remaining-minute", Integer.toString(Math.max(0, perMinute - inMinute)));
  }
}
