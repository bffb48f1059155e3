package io.tradeauth.examples;

import io.tradeauth.AuthRejected;
import io.tradeauth.RequestUser;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import okhttp3.ConnectionPool;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/**
 * The application: many threads that ask for tokens and call the brokers' APIs, for all users at
 * once. Who must sign in again does so after each round.
 */
final class Desk implements AutoCloseable {

  private static final int THREADS = 24;
  private static final int RUSH = 12;

  private final Tokens tokens;
  private final DayClock clock;
  private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);
  private final Random random = new Random(3_30);
  private final Map<Market, Counter> counters = new HashMap<>();
  private final Set<Visit> turnedAway = ConcurrentHashMap.newKeySet();
  private final List<Round> rounds = new ArrayList<>();

  Desk(Tokens tokens, List<Market> markets, DayClock clock) {
    this.tokens = tokens;
    this.clock = clock;
    OkHttpClient http =
        new OkHttpClient.Builder()
            .connectionPool(new ConnectionPool(THREADS * markets.size(), 1, TimeUnit.MINUTES))
            .build();
    for (Market market : markets) {
      OkHttpClient api = http.newBuilder().addInterceptor(tokens.interceptor(market)).build();
      counters.put(market, new Counter(api));
    }
  }

  /** What the desk has counted itself at one broker; all else is told by the simulators. */
  static final class Counter {

    final OkHttpClient http;
    final LongAdder gets = new LongAdder();
    final LongAdder reads = new LongAdder();
    final LongAdder refusedReads = new LongAdder();
    final LongAdder readsWithoutSignIn = new LongAdder();
    final LongAdder orders = new LongAdder();
    private final List<String> failures = Collections.synchronizedList(new ArrayList<>());

    Counter(OkHttpClient http) {
      this.http = http;
    }

    /** Returns what went wrong that no sign-in would mend. */
    List<String> failures() {
      synchronized (failures) {
        return List.copyOf(failures);
      }
    }
  }

  /** A user who looks in at a broker. */
  record Visit(Market market, String user) {}

  /**
   * Visits at the same time.
   *
   * @param emptyHanded how many callers of a login found no token in hand that could be used
   */
  record Round(Instant from, Instant to, Map<Visit, LongAdder> emptyHanded) {}

  Counter counter(Market market) {
    Counter counter = counters.get(market);
    if (counter == null) {
      throw new IllegalArgumentException("market: not opened");
    }
    return counter;
  }

  long gets() {
    return counters.values().stream().mapToLong(counter -> counter.gets.sum()).sum();
  }

  List<Round> rounds() {
    return rounds;
  }

  /** Signs a user in, who is asked to. */
  void signIn(Market market, String user) {
    tokens.signIn(market, user, market.grant(user, tokens));
  }

  /**
   * Lets users look in, each on several threads at once if there is no token in hand; with an order
   * or without.
   */
  void round(List<Visit> visits, int callers, boolean withOrder) {
    Map<Visit, LongAdder> emptyHanded = new ConcurrentHashMap<>();
    List<Runnable> calls = new ArrayList<>();
    for (Visit visit : visits) {
      int atOnce = tokens.isReady(visit.market(), visit.user()) ? callers : Math.max(RUSH, callers);
      for (int i = 0; i < atOnce; i++) {
        boolean order = withOrder && i == 0 && visit.market().takesOrders(clock.now());
        calls.add(() -> look(visit, order, emptyHanded));
      }
    }
    Collections.shuffle(calls, random);
    Instant from = clock.now();
    runAll(calls);
    rounds.add(new Round(from, clock.now(), emptyHanded));
    turnedAway.forEach(visit -> signIn(visit.market(), visit.user()));
    turnedAway.clear();
  }

  private void runAll(List<Runnable> calls) {
    CountDownLatch left = new CountDownLatch(calls.size());
    for (Runnable call : calls) {
      threads.execute(
          () -> {
            try {
              call.run();
            } finally {
              left.countDown();
            }
          });
    }
    try {
      while (!left.await(1, TimeUnit.MILLISECONDS)) {
        clock.creep();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted in the middle of the day", e);
    }
  }

  private void look(Visit visit, boolean withOrder, Map<Visit, LongAdder> emptyHanded) {
    Counter counter = counter(visit.market());
    if (!tokens.isReady(visit.market(), visit.user())) {
      emptyHanded.computeIfAbsent(visit, first -> new LongAdder()).increment();
    }
    try {
      counter.gets.increment();
      tokens.get(visit.market(), visit.user());
      String answer = read(visit, counter);
      if (withOrder && !answer.isEmpty()) {
        order(visit, counter, answer);
      }
    } catch (IOException | RuntimeException e) {
      failed(visit, counter, e);
    }
  }

  /** Reads and returns the answer; empty if it was refused. */
  private String read(Visit visit, Counter counter) throws IOException {
    counter.reads.increment();
    try (Response response = send(visit, counter, visit.market().read(visit.user()))) {
      if (response.isSuccessful()) {
        return response.body().string();
      }
      counter.refusedReads.increment();
      refused(visit, counter, response);
      return "";
    } catch (IOException e) {
      if (signInRequired(e)) {
        counter.readsWithoutSignIn.increment();
      }
      throw e;
    }
  }

  /**
   * Places an order. It is never repeated behind our back; but a 401 says that nothing was done,
   * and if the token was replaced then, the desk sends it again itself.
   */
  private void order(Visit visit, Counter counter, String answer) throws IOException {
    for (int attempt = 1; attempt <= 2; attempt++) {
      counter.orders.increment();
      Request.Builder order = visit.market().order(visit.user(), answer);
      try (Response response = send(visit, counter, order)) {
        if (response.isSuccessful()) {
          return;
        }
        boolean replaced =
            AuthRejected.of(response).map(AuthRejected::isTokenReplaced).orElse(false);
        if (!replaced) {
          refused(visit, counter, response);
          return;
        }
      }
    }
    counter.failures.add("an order was refused twice");
  }

  private static Response send(Visit visit, Counter counter, Request.Builder request)
      throws IOException {
    Request signed = request.tag(RequestUser.class, new RequestUser(visit.user())).build();
    return counter.http.newCall(signed).execute();
  }

  private void refused(Visit visit, Counter counter, Response response) {
    Throwable reason = AuthRejected.of(response).flatMap(AuthRejected::failure).orElse(null);
    if (reason != null && tokens.isSignInRequired(reason)) {
      counter.readsWithoutSignIn.increment();
      turnedAway.add(visit);
    } else {
      counter.failures.add("status " + response.code() + ", " + reason);
    }
  }

  private void failed(Visit visit, Counter counter, Exception failure) {
    if (signInRequired(failure)) {
      turnedAway.add(visit);
    } else {
      counter.failures.add(failure.toString());
    }
  }

  private boolean signInRequired(Throwable failure) {
    Throwable cause = failure.getCause();
    return tokens.isSignInRequired(failure) || (cause != null && tokens.isSignInRequired(cause));
  }

  @Override
  public void close() {
    threads.shutdown();
  }
}
