package io.tradeauth.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStoreException;
import java.util.Base64;
import java.util.HexFormat;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A planted leak of each kind is heard (A12, G36); then silence means something. */
class LeakScanTest {

  private static final String SECRET = "rt-planted-1";

  private final LeakScan scan = new LeakScan("planted");

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "xy", "xyz"})
  void anyEncoding_isFound(String before) {
    String text = before + SECRET;
    assertTrue(scan.tells("refused: " + text));
    assertTrue(scan.tells(text.toUpperCase(java.util.Locale.ROOT)));
    assertTrue(scan.tells(Base64.getEncoder().encodeToString(bytes(text))));
    assertTrue(scan.tells(Base64.getUrlEncoder().withoutPadding().encodeToString(bytes(text))));
    assertTrue(scan.tells(HexFormat.of().formatHex(bytes(text))));
    assertTrue(scan.tells(HexFormat.of().withPrefix("%").formatHex(bytes(text))));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  @Test
  void everydayText_isNot() {
    assertFalse(scan.tells("exchange broker=fake user=alice outcome=granted"));
    assertFalse(scan.tells(null));
  }

  @Test
  void logAtTheFinestLevel_exceptionInTheLog_outputAndError_areHeard() {
    LeakScan.Ears ears = new LeakScan.Ears(scan);
    Level before = Logger.getLogger("io.tradeauth").getLevel();
    try {
      Logger.getLogger("io.tradeauth.planted").finest("token=" + SECRET);
      assertEquals(1, scan.heard().size());
      Logger.getLogger("io.tradeauth.planted")
          .log(Level.FINE, "failed", new IllegalStateException(SECRET));
      assertEquals(1, scan.heard().size());
      System.out.println("token=" + SECRET);
      assertEquals(1, scan.heard().size());
      System.err.println("token=" + SECRET);
      assertEquals(1, scan.heard().size());
    } finally {
      ears.close();
      Logger.getLogger("io.tradeauth").setLevel(before);
    }
  }

  @Test
  void exceptionThatNobodyLogs_isHeard() {
    LeakScan.Ears ears = new LeakScan.Ears(scan);
    new TokenStoreException(TokenStoreException.Reason.READ_FAILED, SECRET, null)
        .fillInStackTrace();
    ears.hearExceptions();
    assertEquals(1, scan.heard().size());
    scan.hear("the end", SECRET);
    assertThrows(AssertionError.class, ears::close, "what was heard last fails the run");
  }

  private record Printing(String secret) {}

  @Test
  void whatPrintsItself_isRead() {
    AssertionError leak =
        assertThrows(AssertionError.class, () -> scan.assertPrintsNone(new Printing(SECRET)));
    assertFalse(scan.tells(leak.getMessage()));
    scan.assertPrintsNone(new Printing("nothing"));
  }

  @Test
  void threadName_isHeard() {
    scan.hear("a thread's name", "worker of " + SECRET);
    assertEquals(1, scan.heard().size());
    assertTrue(scan.heard().isEmpty());
  }
}
