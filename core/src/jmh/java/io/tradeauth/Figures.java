package io.tradeauth;

import io.tradeauth.store.BigStore;
import io.tradeauth.store.JdbcBenchmark;
import io.tradeauth.store.StoreBenchmark;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Measures what the library promises about speed and memory, and prints each figure next to its
 * floor: medians of interleaved rounds, each in a fresh JVM.
 *
 * <p>Arguments: any of {@code get refused http storm heap store jdbc}, all if none is given; {@code
 * rounds=5}; {@code users=1000000} for the heap. Exits with 1 if a promise is missed.
 */
public final class Figures {

  private static final int WARMUPS = 3;

  private static final List<String> STORES = List.of("memory", "files", "postgresql");

  /**
   * An HTTP call has so much code that two processors are busy compiling it for 8 seconds. What
   * goes to a database runs so seldom that its ciphers are not compiled any sooner.
   */
  private static final int LONG_WARMUPS = 16;

  /** What has been measured, by name: a value for each round. */
  private final Map<String, List<Double>> values = new LinkedHashMap<>();

  private final int rounds;
  private final int users;
  private boolean missed;

  private Figures(int rounds, int users) {
    this.rounds = rounds;
    this.users = users;
  }

  /** Measures and prints. */
  public static void main(String[] arguments)
      throws RunnerException, InterruptedException, IOException {
    Logger.getLogger("").setLevel(Level.SEVERE);
    List<String> words = new ArrayList<>(Arrays.asList(arguments));
    Figures figures = new Figures(number(words, "rounds", 5), number(words, "users", 1_000_000));
    boolean all = words.isEmpty();
    System.out.printf(
        "Java %s, %d processors%n%n",
        Runtime.version(), Runtime.getRuntime().availableProcessors());
    if (all || words.contains("get")) {
      figures.get();
    }
    if (all || words.contains("refused")) {
      figures.refused();
    }
    if (all || words.contains("http")) {
      figures.http();
    }
    if (all || words.contains("storm")) {
      figures.storm();
    }
    if (all || words.contains("heap")) {
      figures.heap();
    }
    if (all || words.contains("store")) {
      figures.store();
    }
    if (all || words.contains("jdbc")) {
      figures.jdbc();
    }
    System.exit(figures.missed ? 1 : 0);
  }

  private static int number(List<String> words, String name, int otherwise) {
    for (String word : words) {
      if (word.startsWith(name + "=")) {
        words.remove(word);
        return Integer.parseInt(word.substring(name.length() + 1));
      }
    }
    return otherwise;
  }

  private void get() throws RunnerException {
    for (int round = 0; round < rounds; round++) {
      for (int threads = 1; threads <= 2; threads++) {
        for (String name : List.of("clocks", "floor", "get", "handle", "bounded")) {
          measure(GetBenchmark.class, name, threads, WARMUPS);
        }
      }
      for (String kind : STORES) {
        measure(StoredGetBenchmark.class, "stored", 1, WARMUPS, kind);
      }
    }
    for (int threads = 1; threads <= 2; threads++) {
      String of = " " + threads;
      System.out.printf("Warm get, 1,000 users, %d thread%s%n", threads, threads == 1 ? "" : "s");
      row("floor: map, volatile, clocks", "floor" + of, "ns");
      row("  the two clocks alone", "clocks" + of, "ns");
      ratio("get", "get" + of, "floor" + of, "ns", 1.25);
      ratio("get through a handle", "handle" + of, "floor" + of, "ns", 0.65);
      ratio("get, bounded cache", "bounded" + of, "floor" + of, "ns", 2);
      for (String name : List.of("get", "handle", "bounded")) {
        most(name + ", garbage", median(name + of + " B"), "B/op", 0.5);
      }
      System.out.println();
    }
    System.out.println("Warm get, 1,000 users, 1 thread, with each store");
    row("floor: memory", "stored memory 1", "ns");
    for (String kind : STORES.subList(1, STORES.size())) {
      ratio("get, " + kind, "stored " + kind + " 1", "stored memory 1", "ns", 1.10);
    }
    System.out.println();
  }

  private void refused() throws RunnerException {
    for (int round = 0; round < rounds; round++) {
      for (String kind : List.of("alone", "refused")) {
        RunResult result = measure(RefusedUserBenchmark.class, "good", 1, WARMUPS, kind);
        add("p99 " + kind, result.getPrimaryResult().getStatistics().getPercentile(99));
      }
    }
    System.out.println("Warm get of 999 good users, the slowest but 1 of 100");
    row("floor: by themselves", "p99 alone", "ns");
    ratio("beside one that is refused", "p99 refused", "p99 alone", "ns", 1.05);
    System.out.println();
  }

  private void http() throws RunnerException {
    List<String> names =
        List.of(
            "callFloor",
            "call",
            "repairFloor",
            "repair",
            "exchangeFloor",
            "exchangeHandedOver",
            "exchange");
    for (int round = 0; round < rounds; round++) {
      for (String name : names) {
        measure(HttpBenchmark.class, name, 1, LONG_WARMUPS);
      }
    }
    System.out.println("HTTP on loopback, server in another process, its requests counted");
    row("floor: bare OkHttp call", "callFloor 1", "us");
    row("call with the interceptor", "call 1", "us");
    most("  garbage more", median("call 1 B") - median("callFloor 1 B"), "B/op", 1.1 * 1024);
    row("floor: 401, POST, 200", "repairFloor 1", "us");
    ratio("repaired 401", "repair 1", "repairFloor 1", "us", 1.5);
    row("floor: POST by OkHttp, Jackson", "exchangeFloor 1", "us");
    row("  the same on a thread like ours", "exchangeHandedOver 1", "us");
    ratio("exchange", "exchange 1", "exchangeFloor 1", "us", 1.5);
    row("  garbage of the floor", "exchangeFloor 1 B", "B/op");
    row("  the same on a thread like ours", "exchangeHandedOver 1 B", "B/op");
    most("  garbage", median("exchange 1 B"), "B/op", 16 * 1024);
    System.out.println();
  }

  private void measure(Class<?> benchmark, String name, int threads, int warmups)
      throws RunnerException {
    measure(benchmark, name, threads, warmups, new OptionsBuilder(), name);
  }

  private RunResult measure(Class<?> benchmark, String name, int threads, int warmups, String kind)
      throws RunnerException {
    ChainedOptionsBuilder options = new OptionsBuilder().param("kind", kind);
    return measure(benchmark, name, threads, warmups, options, name + " " + kind);
  }

  private RunResult measure(
      Class<?> benchmark,
      String name,
      int threads,
      int warmups,
      ChainedOptionsBuilder builder,
      String label)
      throws RunnerException {
    Options options =
        builder
            .include("\\." + benchmark.getSimpleName() + "\\." + name + "$")
            .threads(threads)
            .forks(1)
            .warmupIterations(warmups)
            .warmupTime(TimeValue.milliseconds(700))
            .measurementIterations(3)
            .measurementTime(TimeValue.milliseconds(500))
            .addProfiler(GCProfiler.class)
            .jvmArgsAppend("-Xms512m", "-Xmx512m")
            .verbosity(VerboseMode.SILENT)
            .shouldFailOnError(true)
            .build();
    Collection<RunResult> results = new Runner(options).run();
    RunResult result = results.iterator().next();
    add(label + " " + threads, result.getPrimaryResult().getScore());
    Map<String, Result> more = new TreeMap<>();
    result.getSecondaryResults().forEach(more::put);
    more.forEach(
        (metric, value) -> {
          if (metric.endsWith("gc.alloc.rate.norm")) {
            add(label + " " + threads + " B", value.getScore());
          }
        });
    return result;
  }

  private void storm() throws InterruptedException {
    Storm constant = new Storm(RotationProfile.NONE);
    Storm rotating = new Storm(RotationProfile.STRICT);
    for (int round = 0; round < rounds; round++) {
      check("platform", constant.platform());
      check("platform, rotating", rotating.platform());
      if (Storm.hasVirtualThreads()) {
        check("virtual, one caller each", rotating.virtual(1));
        check("virtual", rotating.virtual(Storm.CALLERS));
        check("virtual, constant", constant.virtual(Storm.CALLERS));
      }
    }
    double ideal =
        Storm.USERS * Storm.CALLERS / (double) Storm.THREADS * Storm.ANSWER_MILLIS / 1_000;
    System.out.printf(
        Locale.ROOT, "Storm: %d users, %d callers each%n", Storm.USERS, Storm.CALLERS);
    add("ideal", ideal);
    row("floor: 64 threads, ideal", "ideal", "s");
    ratio("64 platform threads", "platform", "ideal", "s", 1.10);
    ratio("  rotating server", "platform, rotating", "ideal", "s", 1.10);
    if (Storm.hasVirtualThreads()) {
      row("floor: virtual, 1 caller each", "virtual, one caller each", "s");
      ratio("80,000 virtual, rotating", "virtual", "virtual, one caller each", "s", 1.6);
      ratio("80,000 virtual, constant", "virtual, constant", "virtual, one caller each", "s", 1.6);
    }
    System.out.println();
  }

  private void check(String name, Storm.Result result) {
    System.out.printf(
        Locale.ROOT,
        "  %-30s %7.2f s, %d exchanges, %d reused, all callers of %d users at once%n",
        name,
        result.seconds(),
        result.exchanges(),
        result.reused(),
        result.overlapping());
    missed |= result.exchanges() != Storm.USERS || result.reused() != 0;
    add(name, result.seconds());
  }

  private void heap() throws InterruptedException {
    System.out.printf(Locale.ROOT, "Heap for each of %,d cached users%n", users);
    for (int length : new int[] {40, 1_000}) {
      add("bare " + length, Heap.bare(users, length));
      add("cached " + length, Heap.cached(users, length));
      row("floor: map, record, " + length, "bare " + length, "B");
      row("cached, tokens of " + length, "cached " + length, "B");
      most("  at most", median("cached " + length), "B", length == 40 ? 450 : 1_400);
    }
    System.out.println();
  }

  private void store() throws RunnerException, IOException {
    for (int round = 0; round < rounds; round++) {
      for (String name :
          List.of("replaceFloor", "commit", "cipherFloor", "envelope", "partsFloor", "record")) {
        measure(StoreBenchmark.class, name, 1, WARMUPS);
      }
    }
    try (BigStore big = new BigStore(100_000)) {
      for (int round = 0; round < rounds; round++) {
        add("open", big.open());
        add("list", big.list());
      }
    }
    System.out.println("Encrypted files");
    row("floor: write, fsync, rename", "replaceFloor 1", "us");
    ratio("commit", "commit 1", "replaceFloor 1", "us", 1.3);
    row("floor: HKDF, AES-GCM of 2 KB", "cipherFloor 1", "us");
    ratio("seal and open 2 KB", "envelope 1", "cipherFloor 1", "us", 1.5);
    row("floor: same, label apart", "partsFloor 1", "us");
    ratio("seal and open a record", "record 1", "partsFloor 1", "us", 1.5);
    most("open, 100,000 users", median("open"), "s", 2);
    row("list 100,000 labels", "list", "s");
    System.out.println();
  }

  private void jdbc() throws RunnerException {
    for (int round = 0; round < rounds; round++) {
      measure(JdbcBenchmark.class, "jdbcFloor", 1, LONG_WARMUPS);
      measure(JdbcBenchmark.class, "jdbc", 1, LONG_WARMUPS);
    }
    System.out.println("PostgreSQL on loopback, its disk forced at each commit");
    row("floor: SELECT, two UPDATEs", "jdbcFloor 1", "us");
    ratio("load, begin, commit", "jdbc 1", "jdbcFloor 1", "us", 1.2);
    System.out.println();
  }

  private void add(String name, double value) {
    values.computeIfAbsent(name, key -> new ArrayList<>()).add(value);
  }

  private double median(String name) {
    List<Double> sorted = new ArrayList<>(values.getOrDefault(name, List.of(Double.NaN)));
    sorted.sort(null);
    int half = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(half)
        : (sorted.get(half - 1) + sorted.get(half)) / 2;
  }

  private void row(String what, String name, String unit) {
    System.out.printf(Locale.ROOT, "  %-30s %9.2f %s%n", what, median(name), unit);
  }

  private void ratio(String what, String name, String floor, String unit, double bar) {
    double ratio = median(name) / median(floor);
    System.out.printf(
        Locale.ROOT,
        "  %-30s %9.2f %-4s %5.2f x floor, at most %.2f: %s%n",
        what,
        median(name),
        unit,
        ratio,
        bar,
        verdict(ratio <= bar));
  }

  private void most(String what, double value, String unit, double bar) {
    System.out.printf(
        Locale.ROOT,
        "  %-30s %9.2f %-4s at most %.1f: %s%n",
        what,
        value,
        unit,
        bar,
        verdict(value <= bar));
  }

  private String verdict(boolean kept) {
    missed |= !kept;
    return kept ? "kept" : "MISSED";
  }
}
