package io.tradeauth;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * What the broker has said of tokens that its API refused for a reason that may be another. Asked
 * once for all who doubt the same token, and not again for 30 seconds.
 *
 * <p>For any number of threads. A doubt is one immutable value, replaced whole.
 */
final class Doubts {

  private static final long GOOD_FOR_NANOS = Duration.ofSeconds(30).toNanos();

  private final TimeSource time;
  private final ConcurrentMap<String, Doubt> doubts = new ConcurrentHashMap<>();

  Doubts(TimeSource time) {
    this.time = time;
  }

  private record Doubt(AccessToken token, CompletableFuture<ProbeAnswer> answer, long askedNanos) {}

  /**
   * Returns what is said of {@code token}; runs {@code probe} on {@code executor} if nobody has
   * yet.
   */
  CompletableFuture<ProbeAnswer> about(
      String userId, AccessToken token, Executor executor, Supplier<ProbeAnswer> probe) {
    Doubt mine = new Doubt(token, new CompletableFuture<>(), time.monotonicNanos());
    Doubt current =
        doubts.compute(
            userId,
            (user, before) ->
                before != null && before.token().equals(token) && isGood(before) ? before : mine);
    if (current == mine) {
      ask(userId, mine, executor, probe);
    }
    return current.answer();
  }

  private void ask(String userId, Doubt mine, Executor executor, Supplier<ProbeAnswer> probe) {
    boolean asked = false;
    try {
      executor.execute(() -> answer(mine, probe));
      asked = true;
    } finally {
      if (!asked) { // as when no thread can be had: others wait for it
        doubts.remove(userId, mine);
        mine.answer().complete(new ProbeAnswer.Unknown("not asked"));
      }
    }
  }

  private boolean isGood(Doubt doubt) {
    return time.monotonicNanos() - doubt.askedNanos() < GOOD_FOR_NANOS;
  }

  private static void answer(Doubt doubt, Supplier<ProbeAnswer> probe) {
    ProbeAnswer answer = new ProbeAnswer.Unknown("broke off");
    try {
      answer = answerOf(probe);
    } finally {
      doubt.answer().complete(answer); // after an Error, too: others wait for it
    }
  }

  private static ProbeAnswer answerOf(Supplier<ProbeAnswer> probe) {
    try {
      return probe.get();
    } catch (RuntimeException e) {
      // Whatever is wrong with the question says nothing of the token.
      return new ProbeAnswer.Unknown(e.getClass().getSimpleName());
    }
  }

  /** Forgets what was said of a user's token. */
  void forget(String userId) {
    doubts.remove(userId);
  }

  /** Forgets what is too old to count. */
  void sweep() {
    doubts.values().removeIf(doubt -> !isGood(doubt));
  }
}
