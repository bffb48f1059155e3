package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import okhttp3.OkHttpClient;

/**
 * 10,000 users whose tokens have ended, 8 callers each, and a server that takes 20 ms: how long it
 * takes, and how many exchanges, by the server's count.
 */
final class Storm {

  static final int USERS = 10_000;
  static final int CALLERS = 8;
  static final int THREADS = 64;
  static final int ANSWER_MILLIS = 20;

  private final RotationProfile rotation;

  Storm(RotationProfile rotation) {
    this.rotation = rotation;
  }

  /**
   * What came of a storm.
   *
   * @param seconds how long it took
   * @param exchanges how many token requests the server got
   * @param reused how often a refresh token came a second time
   * @param overlapping for how many users all callers were inside at the same moment
   */
  record Result(double seconds, long exchanges, long reused, long overlapping) {}

  /** Runs the calls on 64 platform threads, the callers of one user side by side. */
  Result platform() throws InterruptedException {
    return run(
        CALLERS,
        (calls, call) -> {
          CountDownLatch done = new CountDownLatch(THREADS);
          for (int t = 0; t < THREADS; t++) {
            int first = t;
            new Thread(
                    () -> {
                      for (int i = first; i < calls; i += THREADS) {
                        call.make(i);
                      }
                      done.countDown();
                    })
                .start();
          }
          done.await();
        });
  }

  /** Runs each call on a virtual thread of its own. */
  Result virtual(int callers) throws InterruptedException {
    ThreadFactory threads = virtualThreads();
    return run(
        callers,
        (calls, call) -> {
          CountDownLatch done = new CountDownLatch(calls);
          for (int i = 0; i < calls; i++) {
            int number = i;
            threads
                .newThread(
                    () -> {
                      call.make(number);
                      done.countDown();
                    })
                .start();
          }
          done.await();
        });
  }

  static boolean hasVirtualThreads() {
    return Runtime.version().feature() >= 21;
  }

  private static ThreadFactory virtualThreads() {
    try {
      Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
      return (ThreadFactory)
          Class.forName("java.lang.Thread$Builder").getMethod("factory").invoke(builder);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("no virtual threads before Java 21", e);
    }
  }

  private interface Call {
    void make(int number);
  }

  private interface Way {
    void make(int calls, Call call) throws InterruptedException;
  }

  private Result run(int callers, Way way) throws InterruptedException {
    List<String> users = new ArrayList<>();
    IntStream.range(0, USERS).forEach(i -> users.add("user" + i));
    int calls = USERS * callers;
    long[] began = new long[calls];
    long[] ended = new long[calls];
    boolean rotating = rotation.kind() != RotationProfile.Kind.NONE;
    try (BenchServer.Remote server = new BenchServer.Remote(rotating, ANSWER_MILLIS);
        TokenManager manager =
            TokenManager.builder()
                .store(BenchServer.store(users, Instant.now().minusSeconds(60)))
                .httpClient(new OkHttpClient())
                .broker(
                    server.broker(rotation),
                    settings -> settings.client(BenchServer.CLIENT).maxWait(Duration.ofMinutes(2)))
                .build()) {
      TokenProvider tokens = manager.provider("bench");
      long start = System.nanoTime();
      way.make(
          calls,
          number -> {
            began[number] = System.nanoTime();
            tokens.get(users.get(number / callers));
            ended[number] = System.nanoTime();
          });
      double seconds = (System.nanoTime() - start) / (double) TimeUnit.SECONDS.toNanos(1);
      return new Result(
          seconds,
          server.count("exchanges"),
          server.count("reused"),
          IntStream.range(0, USERS).filter(user -> overlap(user, callers, began, ended)).count());
    }
  }

  private static boolean overlap(int user, int callers, long[] began, long[] ended) {
    long last = Long.MIN_VALUE;
    long first = Long.MAX_VALUE;
    for (int i = user * callers; i < (user + 1) * callers; i++) {
      last = Math.max(last, began[i]);
      first = Math.min(first, ended[i]);
      if (ended[i] == 0) {
        return false; // the call has failed
      }
    }
    return last < first;
  }
}
