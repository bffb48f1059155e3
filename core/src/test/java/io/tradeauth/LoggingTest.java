package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.logging.Level;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What is logged is what the README's table of loggers tells. */
class LoggingTest {

  private static final List<String> LEVELS = List.of("error", "warn", "info", "debug");
  private static final Pattern LOGGER = Pattern.compile("getLogger\\((?:\"(.*)\"|.*\\.class)\\)");
  private static final Pattern CALL = Pattern.compile("\\bLOG\\.(error|warn|info|debug|trace)\\(");
  private static final Pattern PLACEHOLDER = Pattern.compile("=…");

  private final Path root = SourceTree.root();

  private Map<String, Set<String>> told() throws IOException {
    Map<String, Set<String>> told = new TreeMap<>();
    Files.readAllLines(root.resolve("README.md")).stream()
        .dropWhile(line -> !line.startsWith("| Logger |"))
        .skip(2)
        .takeWhile(line -> line.startsWith("|"))
        .map(line -> line.split("\\|", -1))
        .forEach(
            cells -> {
              Set<String> levels = new TreeSet<>();
              for (int i = 0; i < LEVELS.size(); i++) {
                if (!cells[2 + i].isBlank()) {
                  levels.add(LEVELS.get(i));
                }
              }
              told.put(cells[1].replace("`", "").strip(), levels);
            });
    return told;
  }

  private Map<String, Set<String>> used() throws IOException {
    Map<String, Set<String>> used = new TreeMap<>();
    try (Stream<Path> sources = Files.walk(root.resolve("core/src/main/java"))) {
      for (Path source : (Iterable<Path>) sources.filter(Files::isRegularFile)::iterator) {
        String text = Files.readString(source);
        Matcher logger = LOGGER.matcher(text);
        if (logger.find()) {
          String name = logger.group(1) == null ? packageOf(text) : logger.group(1);
          CALL.matcher(text)
              .results()
              .forEach(
                  call -> used.computeIfAbsent(name, key -> new TreeSet<>()).add(call.group(1)));
        }
      }
    }
    return used;
  }

  private static String packageOf(String source) {
    return source.lines().findFirst().orElseThrow().replaceAll("package |;", "");
  }

  @Test
  void loggersAndLevels_asTheReadmeTells() throws IOException {
    assertFalse(used().isEmpty());
    assertEquals(told(), used());
  }

  /** X3: whoever looks for a lost rotation finds which exchange had no end, and when. */
  @Test
  void rotationLost_theLineNamesTheIntentThatHadNoEnd_X3() {
    try (LogLines log = new LogLines();
        EngineFixture engine = EngineFixture.strict().signIn("alice")) {
      engine.expire();
      engine.server().fail("token", Fault.loseAnswer(), 1);
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));
      String open = Objects.requireNonNull(engine.stored("alice").intent()).id();

      engine.clock().jump(Duration.ofSeconds(61));
      assertThrows(SignInRequiredException.class, () -> engine.get("alice"));

      List<String> lines = log.at(Level.INFO).stream().filter(LoggingTest::isOfAnAttempt).toList();
      String lost = lines.get(lines.size() - 2);
      assertTrue(lost.contains(" intent=" + open + " ") && lost.contains("=in_doubt "), lost);
      String probe = lines.get(lines.size() - 1);
      assertTrue(probe.contains(" displaces=" + open + " "), probe);
      assertTrue(probe.contains(" outcome=refused "), probe);
    }
  }

  @Test
  void oneLineForEachAttempt_asTheReadmeTells() throws IOException {
    Cable cable = new Cable();
    try (LogLines log = new LogLines();
        EngineFixture engine =
            EngineFixture.of(RotationProfile.NONE)
                .manager(manager -> manager.httpClient(cable.client()))
                .start()) {
      engine.signIn("alice a");
      engine.server().fail("token", Fault.json(503, "{\"error\":\"busy\"}"), 1);
      engine.expire();
      CompletableFuture<AccessToken> got = engine.tokens().getAsync("alice a");
      engine.liveUntil(Duration.ofMillis(100), got::isDone);
      cable.cut(1);
      engine.expire();
      CompletableFuture<AccessToken> later = engine.tokens().getAsync("alice a");
      engine.liveUntil(Duration.ofMillis(100), later::isDone);
      engine.server().fail("token", Fault.status(429), 1);
      engine.expire();
      assertThrows(BrokerUnavailableException.class, () -> engine.get("alice a"));
      engine.server().endSessions("alice a");
      engine.expire();
      assertThrows(SignInRequiredException.class, () -> engine.get("alice a"));

      List<String> lines = log.at(Level.INFO).stream().filter(LoggingTest::isOfAnAttempt).toList();
      assertEquals(
          List.of(
              line(1, "granted status=200 code= took_ms=0"),
              line(1, "in_doubt status=503 code=http_503 took_ms=0"),
              line(2, "granted status=200 code= took_ms=some"),
              line(1, "not_sent status=0 code=ConnectException took_ms=0"),
              line(2, "granted status=200 code= took_ms=some"),
              line(1, "later status=429 code=http_429 took_ms=0"),
              line(1, "refused status=400 code=invalid_grant took_ms=0")),
          lines.stream()
              .map(line -> line.replaceAll("took_ms=[1-9].*", "took_ms=some"))
              .map(line -> line.replaceAll("intent=\\w+", "intent=some"))
              .toList());
      Pattern format = format();
      lines.forEach(line -> assertTrue(format.matcher(line).matches(), line));
    }
  }

  @Test
  void userIdWithALineBreak_forgesNoLine() {
    String user = "alice\nERROR forged";
    try (LogLines log = new LogLines();
        EngineFixture engine =
            EngineFixture.of(RotationProfile.NONE)
                .broker(broker -> broker.revokes(SignOut.Reach.CLIENT))
                .start()) {
      engine.signIn(user);
      engine.expire();
      engine.get(user);
      BrokerConfigurationException refused =
          assertThrows(
              BrokerConfigurationException.class,
              () -> engine.manager().revoke(FakeBroker.NAME, user));
      engine.signOut(user);

      assertFalse(refused.getMessage().contains("\n"), refused::getMessage);
      List<String> lines = log.at(Level.FINE);
      assertTrue(lines.stream().anyMatch(line -> line.contains("alice")), lines::toString);
      assertTrue(lines.stream().noneMatch(line -> line.contains("\n")), lines::toString);
    }
  }

  private static boolean isOfAnAttempt(String line) {
    return line.startsWith("exchange ");
  }

  private static String line(int attempt, String outcome) {
    return "exchange broker=fake user=alice_a grant=Refresh intent=some displaces= attempt="
        + attempt
        + " outcome="
        + outcome;
  }

  private Pattern format() throws IOException {
    String readme = Files.readString(root.resolve("README.md"));
    Matcher format = Pattern.compile("`(exchange broker=[^`]*)`").matcher(readme);
    assertTrue(format.find());
    return Pattern.compile(PLACEHOLDER.matcher(format.group(1)).replaceAll("=[^ ]*"));
  }
}
