package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The README's table of defaults tells the figures of the code. */
class ReadmeDefaultsTest {

  private final List<String> readme = lines();
  private final BrokerSettings usual = settings(RotationProfile.NONE);
  private final BrokerSettings strict = settings(RotationProfile.STRICT);

  private static List<String> lines() {
    try {
      return Files.readAllLines(SourceTree.root().resolve("README.md"));
    } catch (IOException e) {
      throw new AssertionError("README.md can't be read", e);
    }
  }

  private static BrokerSettings settings(RotationProfile rotation) {
    ApiHosts hosts = ApiHosts.of(List.of(URI.create("https://api.example.com")));
    return new BrokerSettings(BrokerProfile.builder("usual", hosts).rotation(rotation).build());
  }

  private String told(String setting) {
    return readme.stream()
        .dropWhile(line -> !line.equals("<!-- table: defaults -->"))
        .map(line -> line.split(" \\| "))
        .filter(cells -> cells.length == 3 && cells[1].equals(setting))
        .map(cells -> cells[2].replace(" |", ""))
        .findFirst()
        .orElseThrow(() -> new AssertionError("README.md has no row for " + setting));
  }

  private static String seconds(Duration duration) {
    return duration.toSeconds() + " s";
  }

  private static String either(Duration usual, Duration fragile) {
    return seconds(usual) + "; " + seconds(fragile) + " for `STRICT` and `LEEWAY`";
  }

  @Test
  void settingsOfABroker_asTold() {
    assertEquals("the broker's, see above; " + seconds(usual.skew()), told("`skew`"));
    assertEquals("the broker's, see above; " + seconds(usual.renewAhead()), told("`renewAhead`"));
    assertEquals(seconds(usual.connectTimeout()), told("`connectTimeout`"));
    assertEquals(either(usual.attemptTimeout(), strict.attemptTimeout()), told("`attemptTimeout`"));
    assertEquals(seconds(usual.commitTimeout()), told("`commitTimeout`"));
    assertEquals(either(usual.hold(), strict.hold()), told("`hold`"));
    assertEquals(seconds(usual.maxWait()), told("`maxWait`"));
  }

  @Test
  void exchangesAtOnce_asTold() {
    assertTold(told("`maximumExchanges`"), Lane.MOST + " and " + Lane.MOST_IN_ALL + ";");
  }

  @Test
  void fixedFigures_asTold() {
    String fixed =
        String.join("\n", readme.stream().filter(row -> row.contains("| fixed |")).toList());

    assertTold(fixed, "exchanges of one user are apart | fixed | " + seconds(Renewal.APART));
    assertTold(fixed, "forced by 401s are apart | fixed | " + seconds(ForcedRenewals.APART));
    assertTold(fixed, "fruitless ones " + ForcedRenewals.PAUSE.toMinutes() + " min");
    assertTold(fixed, "none started later than " + seconds(BrokerSettings.ATTEMPTS));
  }

  private static void assertTold(String text, String figure) {
    assertEquals(true, text.contains(figure), "README.md does not say: " + figure);
  }
}
