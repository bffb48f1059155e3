package io.tradeauth.upstox.testing;

import java.util.HashMap;
import java.util.Map;

/**
 * Counts calls per customer and endpoint in windows of the clock. Guarded by the simulator's lock.
 */
final class UpstoxLimits {

  private static final long[] WINDOWS = {1_000, 60_000, 1_800_000};

  private final Map<String, Counter> counters = new HashMap<>();
  private final int[] limits;

  UpstoxLimits(int perSecond, int perMinute, int perHalfHour) {
    limits = new int[] {perSecond, perMinute, perHalfHour};
  }

  static UpstoxLimits none() {
    return new UpstoxLimits(Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE);
  }

  /** Counts a call; false if it is one too many. */
  boolean admits(String userId, String endpoint, long now) {
    return counters.computeIfAbsent(userId + ' ' + endpoint, key -> new Counter()).admits(now);
  }

  private final class Counter {

    private final long[] windows = new long[WINDOWS.length];
    private final int[] calls = new int[WINDOWS.length];

    boolean admits(long now) {
      boolean admitted = true;
      for (int i = 0; i < WINDOWS.length; i++) {
        long window = Math.floorDiv(now, WINDOWS[i]);
        calls[i] = windows[i] == window ? calls[i] + 1 : 1;
        windows[i] = window;
        admitted &= calls[i] <= limits[i];
      }
      return admitted;
    }
  }
}
