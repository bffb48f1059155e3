package io.tradeauth;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What a reading of each clock costs: part of the floor under every other figure. */
@State(Scope.Benchmark)
public class ClockBenchmark {

  private final TimeSource time = TimeSource.system();

  @Benchmark
  public long wall() {
    return time.wallMillis();
  }

  @Benchmark
  public long monotonic() {
    return time.monotonicNanos();
  }
}
