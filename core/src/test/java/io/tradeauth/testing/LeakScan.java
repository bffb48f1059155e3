package io.tradeauth.testing;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import java.util.regex.Pattern;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedStackTrace;
import jdk.jfr.consumer.RecordingFile;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Listens to everything that a test run says and fails the test after which a secret was heard.
 *
 * <p>Every secret of our tests has the word {@code canary} in it. Heard are the library's log at
 * the finest level with its exceptions, standard output and error, the message that every exception
 * is given, thrown or not, caught or the cause of another, by whomever but a test, and the names of
 * threads; and what the manager and the broker of each {@link EngineFixture} and its events print
 * of themselves. Found is the word in plain text, percent-encoded, in Base64 at all three offsets
 * and in hexadecimal.
 *
 * <p>JUnit registers it for the whole run. Exceptions are heard at the end of each class, the rest
 * after each test. For any number of threads.
 */
public final class LeakScan implements BeforeAllCallback, AfterEachCallback, AfterAllCallback {

  private final Pattern secret;
  private final List<String> leaks = new ArrayList<>();

  /** Makes the scan of the run. */
  public LeakScan() {
    this("canary");
  }

  /** Makes a scan for secrets with another word in them. */
  LeakScan(String word) {
    byte[] bytes = word.getBytes(StandardCharsets.US_ASCII);
    this.secret =
        Pattern.compile(
            "(?i:"
                + String.join("|", word, percent(bytes), HexFormat.of().formatHex(bytes))
                + ")|"
                + String.join("|", base64(bytes, 0), base64(bytes, 1), base64(bytes, 2)));
  }

  private static String percent(byte[] word) {
    return HexFormat.of().withPrefix("%").formatHex(word);
  }

  /**
   * Returns what Base64 always makes of a word that stands {@code offset} bytes after a boundary.
   */
  private static String base64(byte[] word, int offset) {
    byte[] shifted = new byte[offset + word.length];
    System.arraycopy(word, 0, shifted, offset, word.length);
    String encoded = Base64.getEncoder().withoutPadding().encodeToString(shifted);
    return encoded.substring((offset * 8 + 5) / 6, shifted.length * 8 / 6);
  }

  /** Returns whether a text gives a secret away. */
  boolean tells(@Nullable String text) {
    return text != null && secret.matcher(text).find();
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    ears(context);
  }

  private Ears ears(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(ExtensionContext.Namespace.create(LeakScan.class))
        .getOrComputeIfAbsent(Ears.class, key -> new Ears(this), Ears.class);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    Thread.getAllStackTraces()
        .keySet()
        .forEach(thread -> hear("a thread's name", thread.getName()));
    failIfHeard();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    ears(context).hearExceptions();
    failIfHeard();
  }

  /** Listens to one text of a channel. */
  void hear(String channel, @Nullable String text) {
    if (tells(text)) {
      synchronized (leaks) {
        // Without the word: this is printed, and heard again.
        leaks.add(channel + " tells a secret: " + secret.matcher(text).replaceAll("***"));
      }
    }
  }

  /** Fails if what is printed of a value tells a secret. */
  void assertPrintsNone(Object value) {
    if (tells(value.toString())) {
      throw new AssertionError(value.getClass().getName() + " prints a secret");
    }
  }

  /** Returns what was heard since the last time. */
  List<String> heard() {
    synchronized (leaks) {
      List<String> all = new ArrayList<>(leaks);
      leaks.clear();
      return all;
    }
  }

  private void failIfHeard() {
    List<String> all = heard();
    if (!all.isEmpty()) {
      throw new AssertionError(all.size() + " leaks, the first: " + all.get(0));
    }
  }

  /** What listens to the whole run. */
  static final class Ears implements ExtensionContext.Store.CloseableResource {

    private static final String EXCEPTION = "jdk.JavaExceptionThrow";
    private static final Set<String> UNREADABLE =
        Set.of("java.io.IOException", "java.io.EOFException", "java.net.ProtocolException");

    /** What repeats the words of its cause, which has been listened to when it was made. */
    private static final Set<String> WRAPS =
        Set.of(
            "java.util.concurrent.CompletionException", "java.util.concurrent.ExecutionException");

    private final LeakScan scan;
    private final Map<String, Boolean> tests = new HashMap<>();
    private final Logger library = Logger.getLogger("io.tradeauth");
    private final Handler log;
    private final PrintStream out = System.out;
    private final PrintStream err = System.err;
    private Recording exceptions = exceptions();

    Ears(LeakScan scan) {
      this.scan = scan;
      this.log = new LogEar(scan);
      library.addHandler(log);
      library.setLevel(Level.ALL);
      System.setOut(new PrintStream(new StreamEar(scan, out), true, StandardCharsets.UTF_8));
      System.setErr(new PrintStream(new StreamEar(scan, err), true, StandardCharsets.UTF_8));
    }

    /** Not a stream of events: on Java 25 it never tells of exceptions. */
    private static Recording exceptions() {
      Recording recording = new Recording();
      recording.enable(EXCEPTION).withStackTrace();
      recording.start();
      return recording;
    }

    /** Listens to the exceptions that were made since the last time. */
    synchronized void hearExceptions() {
      try (Recording made = exceptions) {
        exceptions = exceptions();
        made.stop();
        Path file = Files.createTempFile("exceptions", ".jfr");
        made.dump(file);
        try (RecordingFile events = new RecordingFile(file)) {
          while (events.hasMoreEvents()) {
            hearException(events.readEvent());
          }
        }
        Files.delete(file);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private void hearException(RecordedEvent event) {
      if (event.getEventType().getName().equals(EXCEPTION)) {
        String type = event.getClass("thrownClass").getName();
        List<String> callers = callers(event.getStackTrace());
        if (type.startsWith("io.tradeauth.")
            || !(isOfATest(callers) || isUnreadableAnswer(type, callers) || WRAPS.contains(type))) {
          scan.hear(type, event.getString("message"));
        }
      }
    }

    private static List<String> callers(@Nullable RecordedStackTrace trace) {
      return trace == null
          ? List.of()
          : trace.getFrames().stream().map(frame -> frame.getMethod().getType().getName()).toList();
    }

    /**
     * Returns whether a test made it, and not the library, what it calls, or a thread of others.
     */
    private boolean isOfATest(List<String> callers) {
      return callers.stream()
          .filter(type -> type.startsWith("io.tradeauth."))
          .findFirst()
          .filter(type -> tests.computeIfAbsent(type, Ears::isATest))
          .isPresent();
    }

    /**
     * OkHttp quotes what it can't read; the token endpoint takes the words away, as its test sees.
     */
    private static boolean isUnreadableAnswer(String type, List<String> callers) {
      return UNREADABLE.contains(type) && callers.stream().anyMatch(Ears::isOkHttp);
    }

    private static boolean isOkHttp(String caller) {
      return caller.startsWith("okhttp3.") || caller.startsWith("okio.");
    }

    private static boolean isATest(String type) {
      String outer = type.replaceFirst("\\$\\$Lambda.*", "");
      URL file = LeakScan.class.getClassLoader().getResource(outer.replace('.', '/') + ".class");
      return file == null || file.getPath().matches(".*(/test-classes/|-tests\\.jar!).*");
    }

    @Override
    public void close() {
      hearExceptions();
      exceptions.close();
      library.removeHandler(log);
      System.setOut(out);
      System.setErr(err);
      scan.failIfHeard();
    }
  }

  private static final class LogEar extends Handler {

    private final LeakScan scan;

    LogEar(LeakScan scan) {
      this.scan = scan;
      setLevel(Level.ALL);
      setFormatter(new SimpleFormatter());
    }

    @Override
    public void publish(LogRecord record) {
      scan.hear("the log", getFormatter().format(record));
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  /** Hears whole lines; what follows the last line's end is heard with the next. */
  private static final class StreamEar extends OutputStream {

    private static final int LONGEST_LINE = 16 * 1024;

    private final LeakScan scan;
    private final PrintStream stream;
    private final StringBuilder line = new StringBuilder();

    StreamEar(LeakScan scan, PrintStream stream) {
      this.scan = scan;
      this.stream = stream;
    }

    @Override
    public synchronized void write(int value) {
      stream.write(value);
      if (value == '\n' || line.length() == LONGEST_LINE) {
        scan.hear("standard output", line.toString());
        line.setLength(0);
      } else {
        line.append((char) value);
      }
    }

    @Override
    public void flush() {
      stream.flush();
    }
  }
}
