package io.tradeauth.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tradeauth.Broker;
import io.tradeauth.BrokerProfile;
import io.tradeauth.settrade.Settrade;
import io.tradeauth.tastytrade.Tastytrade;
import io.tradeauth.tradestation.TradeStation;
import io.tradeauth.tradestation.TradeStation.RefreshTokens;
import io.tradeauth.upstox.Upstox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The README's table of brokers tells the figures of the modules. */
class ReadmeBrokersTest {

  @Test
  void skewRenewAheadAndRotation_asTold() throws IOException {
    assertTold("tastytrade", Tastytrade.live(), "");
    assertTold("tastytrade", Tastytrade.sandbox(), "");
    String rotating = TradeStation.live(RefreshTokens.ROTATING).profile().rotation().kind().name();
    assertTold(
        "TradeStation",
        TradeStation.live(),
        ", `" + rotating + "` for rotating keys: `TradeStation.live(RefreshTokens.ROTATING)`");
    assertTold("Upstox", Upstox.live(), "");
    assertTold("Settrade", Settrade.live(), "");
  }

  private static void assertTold(String name, Broker broker, String more) throws IOException {
    BrokerProfile profile = broker.profile();
    String figures =
        "`"
            + profile.rotation().kind()
            + "`"
            + more
            + " | "
            + profile.skew().toSeconds()
            + " s | "
            + profile.renewAhead().toSeconds()
            + " s |";
    String row = row(name);
    assertEquals(figures, row.substring(row.length() - figures.length()), row);
  }

  private static String row(String name) throws IOException {
    Path here = Path.of("").toAbsolutePath();
    while (!Files.exists(here.resolve("LICENSE"))) {
      here = here.getParent();
    }
    List<String> readme = Files.readAllLines(here.resolve("README.md"));
    return readme.stream()
        .dropWhile(line -> !line.equals("<!-- table: brokers -->"))
        .filter(line -> line.startsWith("| " + name + " |"))
        .findFirst()
        .orElseThrow(() -> new AssertionError("README.md has no row for " + name));
  }
}
