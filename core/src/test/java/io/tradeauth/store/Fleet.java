package io.tradeauth.store;

import io.tradeauth.RotationProfile;
import io.tradeauth.TokenStore;
import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Several processes over one store, against one server that ends a session when a refresh token is
 * used twice. The test's own process keeps the server and the clock, and asks for no tokens.
 *
 * <p>For one test thread.
 */
final class Fleet implements AutoCloseable {

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(90);
  private static final long PACE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final String address;
  private final EngineFixture engine;
  private final List<Member> members = new CopyOnWriteArrayList<>();
  private final AtomicInteger asks = new AtomicInteger();
  private final Object news = new Object();
  private volatile History history = new History();
  private List<String> read = List.of();

  /**
   * Starts processes.
   *
   * @param address of the store, as each of them opens it
   * @param store the same store, as this process has opened it
   */
  Fleet(String address, TokenStore store, int size) throws IOException {
    this.address = address;
    this.engine = EngineFixture.of(RotationProfile.STRICT).store(store).start();
    for (int i = 0; i < size; i++) {
      members.add(new Member());
    }
    members.forEach(Member::begin);
    awaitReady();
  }

  EngineFixture engine() {
    return engine;
  }

  List<Member> members() {
    return List.copyOf(members);
  }

  // Users ---------------------------------------------------------------------------------------

  /** Signs users in, in a process of their own that is gone afterwards. */
  void signIn(Collection<String> users) {
    try (EngineFixture another = engine.another()) {
      another.signIn(users.toArray(String[]::new));
    }
  }

  boolean isIntentOpen(String user) {
    TokenStore.StoredRecord stored =
        engine.store().load(new TokenStore.Key(TokenStore.Kind.LOGIN, FakeBroker.NAME, user));
    return stored != null && stored.intent() != null;
  }

  int exchanges(String user) {
    return engine.server().count("token", user);
  }

  // Time ----------------------------------------------------------------------------------------

  /** Lets all access tokens come to their end at once. */
  void expire() {
    jump(engine.server().life().plusSeconds(1));
  }

  /** Lets time have gone by in which nobody was awake. */
  void jump(Duration span) {
    engine.clock().jump(span);
    tellAll("jump " + span.toMillis());
  }

  /** Lets the clocks go as fast as real time until it is so. */
  void flowUntil(BooleanSupplier isSo) {
    long start = System.nanoTime();
    long told = start;
    while (!isSo.getAsBoolean()) {
      awaitNews();
      long now = System.nanoTime();
      if (now - start > PATIENCE_NANOS) {
        throw new AssertionError("it has not come about, though time went by");
      }
      if (now - told >= PACE_NANOS) {
        long millis = TimeUnit.NANOSECONDS.toMillis(now - told);
        advance(Duration.ofMillis(millis));
        told += TimeUnit.MILLISECONDS.toNanos(millis);
      }
    }
  }

  /** Moves the clocks step by step, each when all processes have nothing left to do. */
  void stepUntil(Duration step, BooleanSupplier isSo) {
    stepUntil(step, isSo, members);
  }

  private void stepUntil(Duration step, BooleanSupplier isSo, List<Member> whose) {
    long start = System.nanoTime();
    settle(whose);
    while (!isSo.getAsBoolean()) {
      if (System.nanoTime() - start > PATIENCE_NANOS) {
        throw new AssertionError("it has not come about, though time went by");
      }
      advance(step);
      settle(whose);
    }
  }

  /** As {@link #stepUntil}; one process is in the middle of something and can't come to rest. */
  void stepOthersUntil(Member busy, Duration step, BooleanSupplier isSo) {
    List<Member> others = members.stream().filter(member -> member != busy).toList();
    stepUntil(step, isSo, others);
  }

  /** Lets time go by, second by second. */
  void live(Duration span) {
    stepFor(Duration.ofSeconds(1), span);
  }

  /** Lets time go by, step by step. */
  void stepFor(Duration step, Duration span) {
    long end = engine.clock().wallMillis() + span.toMillis();
    stepUntil(step, () -> engine.clock().wallMillis() >= end);
  }

  private void advance(Duration step) {
    engine.advance(step);
    members.stream()
        .filter(member -> member.stoppedAtMillis == 0)
        .forEach(member -> member.tell("advance " + step.toMillis()));
  }

  /** Waits until no process has anything left to do before its clock moves. */
  void settle() {
    settle(members);
  }

  private void settle(List<Member> whose) {
    engine.settle();
    List<Member> all = List.copyOf(whose);
    List<Integer> before = all.stream().map(member -> member.settled.get()).toList();
    all.forEach(member -> member.tell("settle"));
    await(
        () -> {
          for (int i = 0; i < all.size(); i++) {
            if (all.get(i).alive && all.get(i).settled.get() == before.get(i)) {
              return false;
            }
          }
          return true;
        });
  }

  private void await(BooleanSupplier isSo) {
    long start = System.nanoTime();
    while (!isSo.getAsBoolean()) {
      awaitNews();
      if (System.nanoTime() - start > PATIENCE_NANOS) {
        throw new AssertionError("a process does not answer");
      }
    }
  }

  private void awaitNews() {
    synchronized (news) {
      try {
        TimeUnit.NANOSECONDS.timedWait(news, PACE_NANOS);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  // Processes -----------------------------------------------------------------------------------

  private void awaitReady() {
    await(() -> members.stream().allMatch(member -> member.ready));
  }

  /** Kills a process, and starts another that is let begin by {@link #welcome}. */
  Member replace(Member victim) throws IOException {
    victim.kill();
    members.remove(victim);
    return new Member();
  }

  /** Lets a process take part. */
  void welcome(Member member) {
    members.add(member);
    member.begin();
    awaitReady();
    if (!read.isEmpty()) {
      member.startReading();
    }
  }

  /** Lets all processes ask for these users all the time, those that are yet to come, too. */
  void startReading(List<String> users) {
    read = List.copyOf(users);
    history = new History();
    members.forEach(Member::startReading);
  }

  /** Returns what they were given so far. */
  History history() {
    return history;
  }

  /** Lets them stop, and returns what they were given. */
  History stopReading() {
    read = List.of();
    tellAll("rest");
    settle();
    return history;
  }

  /** Lets a process stand still as a whole (SIGSTOP). */
  void stop(Member member) throws Exception {
    member.stoppedAtMillis = engine.clock().wallMillis();
    member.signal("STOP");
  }

  /** Lets a process go on, for which all the time between has gone by at once. */
  void resume(Member member) throws Exception {
    member.signal("CONT");
    member.tell("jump " + (engine.clock().wallMillis() - member.stoppedAtMillis));
    member.stoppedAtMillis = 0;
  }

  /** Says something to all processes. */
  void tellAll(String line) {
    members.forEach(member -> member.tell(line));
  }

  /** Asks all processes for all users; for each user another process is asked first. */
  List<Ask> askAll(String what, List<String> users) {
    List<Member> all = members();
    List<Ask> asked = all.stream().map(member -> member.newAsk(what, users.size())).toList();
    for (int i = 0; i < users.size(); i++) {
      for (int j = 0; j < all.size(); j++) {
        int which = (i + j) % all.size();
        all.get(which).tell(what + " " + asked.get(which).id + " " + users.get(i));
      }
    }
    return asked;
  }

  @Override
  public void close() {
    members.forEach(Member::kill);
    engine.close();
  }

  /** What a process was asked for, and what it has said so far; for any number of threads. */
  static final class Ask {

    private final int id;
    private final Member member;
    private final int expected;
    private final AtomicInteger answered = new AtomicInteger();
    private final ConcurrentMap<String, List<String>> answers = new ConcurrentHashMap<>();

    private Ask(int id, Member member, int expected) {
      this.id = id;
      this.member = member;
      this.expected = expected;
    }

    private void answered(String user, String answer) {
      answers.computeIfAbsent(user, key -> new CopyOnWriteArrayList<>()).add(answer);
      answered.incrementAndGet();
    }

    /** Returns whether no more answers will come. */
    boolean isDone() {
      return answered.get() == expected || !member.alive;
    }

    /** Returns what came for a user: numbers of tokens, or failures. */
    List<String> of(String user) {
      return answers.getOrDefault(user, List.of());
    }
  }

  /** A process; for any number of threads. */
  final class Member {

    private final Process process;
    private final Map<Integer, Ask> asked = new ConcurrentHashMap<>();
    private final List<String> events = new CopyOnWriteArrayList<>();
    private final Thread listener;
    private volatile boolean ready;
    private volatile boolean alive = true;
    private final AtomicInteger settled = new AtomicInteger();
    private final AtomicInteger halts = new AtomicInteger();

    /** For the one test thread; 0 if it runs. */
    private long stoppedAtMillis;

    /** For the one test thread: the machine's clock before it opened the store. */
    private long began;

    private Member() throws IOException {
      URI server = engine.server().tokenUri();
      process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:TieredStopAtLevel=1",
                  "-Xshare:auto",
                  "-Xmx128m",
                  "-cp",
                  System.getProperty("java.class.path"),
                  FleetMember.class.getName(),
                  address,
                  server.toString())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      listener = new Thread(this::listen, "fleet-listener");
      listener.setDaemon(true);
      listener.start();
    }

    private void begin() {
      began = System.nanoTime();
      tell(engine.clock().now().toString());
    }

    private void startReading() {
      history.began(process.pid(), began);
      tell("read " + String.join(",", read));
    }

    private void listen() {
      try (BufferedReader said =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
        for (String line = said.readLine(); line != null; line = said.readLine()) {
          if (line.endsWith(FleetMember.END)) {
            hear(line.split(" "));
          }
        }
      } catch (IOException e) {
        // It was killed.
      }
      alive = false;
      tellNews();
    }

    private void hear(String[] words) {
      switch (words[0]) {
        case "ready" -> ready = true;
        case "settled" -> settled.incrementAndGet();
        case "halted" -> halts.incrementAndGet();
        case "event" -> events.add(words[1] + " " + words[2]);
        case "read" -> history.add(History.Read.of(process.pid(), words));
        case "answer" -> asked.get(Integer.valueOf(words[1])).answered(words[2], words[3]);
        default -> throw new IllegalArgumentException(words[0]);
      }
      tellNews();
    }

    private void tellNews() {
      synchronized (news) {
        news.notifyAll();
      }
    }

    /** Says something to it. */
    void tell(String line) {
      try {
        process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
        process.getOutputStream().flush();
      } catch (IOException e) {
        throw new UncheckedIOException("a process has died by itself", e);
      }
    }

    /** Asks it for a user: {@code get} with two callers, else one. */
    Ask ask(String what, String user, String... more) {
      Ask ask = newAsk(what, 1);
      tell(what + " " + ask.id + " " + user + " " + String.join(" ", more));
      return ask;
    }

    private Ask newAsk(String what, int users) {
      Ask ask = new Ask(asks.incrementAndGet(), this, what.equals("get") ? 2 * users : users);
      asked.put(ask.id, ask);
      return ask;
    }

    /** Returns how many events of a type it has told of that are about some users. */
    int events(String type, Collection<String> users) {
      Set<String> which = users.stream().map(user -> type + " " + user).collect(Collectors.toSet());
      return (int) events.stream().filter(which::contains).count();
    }

    /** Returns how often it has halted where it was told to. */
    int halts() {
      return halts.get();
    }

    private void signal(String name) throws Exception {
      int status =
          new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
      if (status != 0) {
        throw new IllegalStateException("kill -" + name + ": " + status);
      }
    }

    /** Kills it; what it said before is heard. */
    void kill() {
      process.toHandle().destroyForcibly();
      try {
        process.waitFor();
        listener.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      process.destroy();
    }
  }
}
