package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tradeauth.testing.ManualClock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.Test;

/** The order in which work comes on, where a thread of its own can't be had for each. */
class LaneTest {

  private final Queue<Runnable> threads = new ArrayDeque<>();
  private final List<String> order = new ArrayList<>();
  private boolean outOfThreads;

  private final Lane lane =
      Lane.toServer(this::start, ManualClock.at("2026-01-05T09:00:00Z"), 2, new Slots(2));

  private void start(Runnable thread) {
    if (outOfThreads) {
      throw new OutOfMemoryError("unable to create native thread");
    }
    threads.add(thread);
  }

  private Lane.Task task(String name) {
    return lane.task(() -> order.add(name), () -> {});
  }

  private void runThreads() {
    for (Runnable thread = threads.poll(); thread != null; thread = threads.poll()) {
      thread.run();
    }
  }

  @Test
  void nobodyWaits_continuation_goesOnOnTheSameThread() {
    Lane.Task after = task("after");
    follow("before", after);

    threads.remove().run();
    assertEquals(List.of("before", "after"), order);
  }

  @Test
  void anotherFoundNoThread_continuation_comesBehindIt() {
    Lane.Task after = task("after");
    follow("before", after);
    outOfThreads = true;
    task("between").foreground();
    outOfThreads = false;

    runThreads();
    assertEquals(List.of("before", "between", "after"), order);
  }

  /** Queues a task that another goes on from. */
  private void follow(String name, Lane.Task next) {
    Lane.Task[] before = new Lane.Task[1];
    before[0] =
        lane.task(
            () -> {
              order.add(name);
              next.foregroundAfter(before[0]);
            },
            () -> {});
    before[0].foreground();
  }
}
