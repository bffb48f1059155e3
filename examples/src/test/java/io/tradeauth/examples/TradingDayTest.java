package io.tradeauth.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The first hours of the day; the whole of it is run by {@code .ci/run}. */
class TradingDayTest {

  private static final Instant MORNING = Instant.parse("2026-01-05T05:40:00Z");

  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8);

  private String printed() {
    return printed.toString(StandardCharsets.UTF_8);
  }

  @Test
  void morning_tradeauth_noDamage() {
    assertTrue(TradingDay.run("--store=memory", MORNING, out), this::printed);

    assertTrue(printed().contains("A good day"), this::printed);
    assertFalse(printed().contains("Damage"), this::printed);
  }

  @Test
  void morning_mapAndCheck_damageIsSeen() {
    assertFalse(TradingDay.run("--naive", MORNING, out), this::printed);

    String damage = printed().substring(printed().indexOf("Damage:"));
    assertTrue(damage.contains("tradestation: ") && damage.contains("were spent twice"), damage);
    assertTrue(damage.contains("sign-ins that nobody should need"), damage);
    assertTrue(damage.contains("exchanges while the token in hand was good"), damage);
  }

  @Test
  void unknownArgument_saysSoAndDoesNothing() {
    assertEquals(2, TradingDay.run(List.of("--naif"), out));

    assertEquals(
        "TradingDay takes one argument, --naive or --store=..., not --naif", printed().strip());
  }

  @Test
  void morning_tokensInFiles_noDamage(@TempDir Path directory) {
    assertTrue(
        TradingDay.run("--store=file:" + directory.resolve("tokens"), MORNING, out), this::printed);

    assertTrue(printed().contains("kept in files"), this::printed);
  }

  @Test
  void unknownStore_saysWhichThereAre() {
    assertEquals(2, TradingDay.run(List.of("--store=cloud"), out));

    assertEquals("--store=: memory, file:DIRECTORY or jdbc:URL, not cloud", printed().strip());
  }
}
