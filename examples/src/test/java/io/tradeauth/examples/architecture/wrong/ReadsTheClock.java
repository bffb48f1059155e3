package io.tradeauth.examples.architecture.wrong;

import java.time.Clock;
import java.time.Instant;
import java.time.LocalDateTime;
import java.util.Date;
import java.util.List;
import java.util.function.LongSupplier;

/** Reads clocks that a test can't move. */
public final class ReadsTheClock {

  /** Reads each of them. */
  public List<Object> all() {
    LongSupplier reference = System::nanoTime;
    return List.of(
        System.currentTimeMillis(),
        reference,
        Instant.now(),
        LocalDateTime.now(Clock.systemUTC()),
        new Date());
  }
}
