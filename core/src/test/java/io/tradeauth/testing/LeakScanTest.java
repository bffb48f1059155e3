package io.tradeauth.testing;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.tradeauth.TokenName;
import io.tradeauth.TokenStoreException;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Base64;
import java.util.HexFormat;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Level;
import java.util.logging.Logger;
import mockwebserver3.MockResponse;
import mockwebserver3.MockWebServer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineTestKit;

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

  // Each channel as in any run: by a test that leaks, and the scan that is registered with it ----

  @Test
  void nameOfAThread_failsTheTest() {
    String failure = failureOf(NamesAThread.class).getMessage();

    NamesAThread.OVER.countDown();
    assertEquals("1 leaks, the first: a thread's name tells a secret: worker of rt-***-1", failure);
  }

  static class NamesAThread {

    static final CountDownLatch OVER = new CountDownLatch(1);

    @RegisterExtension final LeakScan scan = new LeakScan("planted");

    @Test
    void leaks() {
      Thread thread =
          new Thread(() -> assertDoesNotThrow(() -> OVER.await()), "worker of " + SECRET);
      thread.setDaemon(true);
      thread.start();
    }
  }

  @Test
  void event_failsTheTest_andIsHeardInTheLog() {
    String failure = failureOf(PublishesAnEvent.class).getMessage();

    assertTrue(failure.contains("the log tells a secret"), failure);
    assertTrue(failure.contains("SignedIn[broker=fake, userId=***"), failure);
  }

  static class PublishesAnEvent {

    @RegisterExtension static final LeakScan SCAN = new LeakScan("planted");

    @Test
    void leaks() {
      try (EngineFixture engine = EngineFixture.strict()) {
        engine.signIn("planted");
      }
    }
  }

  @Test
  void eventThatNobodyLogs_failsTheTestThatClosesItsEngine() {
    EngineFixture engine = EngineFixture.strict();
    Logger library = Logger.getLogger("io.tradeauth");
    Level before = library.getLevel();
    library.setLevel(Level.OFF);
    try {
      engine.signIn("canary-for-a-user");
      engine.settle(); // the line of the attempt comes when the caller has gone on
      assertThrows(AssertionError.class, engine::close);
    } finally {
      library.setLevel(before);
    }
  }

  @Test
  void anyException_ofTheLibrary_orMadeForIt_orOnAThreadOfOthers_failsTheClass() {
    String library = failureOf(ThrownByTheLibrary.class).getMessage();
    assertTrue(library.startsWith("1 leaks, the first: java.lang.IllegalArgument"), library);

    String runtime = failureOf(ThrownForTheLibrary.class).getMessage();
    assertTrue(runtime.startsWith("1 leaks, the first: java.lang.IllegalArgument"), runtime);

    String others = failureOf(ThrownByOthers.class).getMessage();
    assertTrue(others.contains("the first: java.net.ProtocolException"), others);
  }

  static class ThrownByTheLibrary {

    @RegisterExtension static final LeakScan SCAN = new LeakScan("planted");

    @Test
    void leaks() {
      assertThrows(IllegalArgumentException.class, () -> new TokenName(SECRET));
    }
  }

  static class ThrownForTheLibrary {

    @RegisterExtension static final LeakScan SCAN = new LeakScan("planted");

    @Test
    void leaks() {
      try (EngineFixture engine = EngineFixture.strict()) {
        assertThrows(
            IllegalArgumentException.class, () -> engine.tokens().apiUri("/no address " + SECRET));
      }
    }
  }

  static class ThrownByOthers {

    @RegisterExtension static final LeakScan SCAN = new LeakScan("planted");

    @Test
    void leaks() throws IOException {
      try (MockWebServer server = new MockWebServer()) {
        server.enqueue(new MockResponse.Builder().status(SECRET).build());
        server.start();
        assertThrows(
            IOException.class,
            () ->
                HttpClient.newHttpClient()
                    .send(
                        HttpRequest.newBuilder(server.url("/").uri()).build(),
                        HttpResponse.BodyHandlers.discarding()));
      }
    }
  }

  @Test
  void exceptionOfATest_isNot() {
    LeakScan.Ears ears = new LeakScan.Ears(scan);
    assertEquals(SECRET, new IllegalStateException(SECRET).getMessage());
    ears.close();
  }

  private static Throwable failureOf(Class<?> leaking) {
    return EngineTestKit.engine("junit-jupiter")
        .selectors(selectClass(leaking))
        .execute()
        .allEvents()
        .failed()
        .stream()
        .map(event -> event.getRequiredPayload(TestExecutionResult.class))
        .flatMap(result -> result.getThrowable().stream())
        .findFirst()
        .orElseThrow(() -> new AssertionError("the leak was not found"));
  }
}
