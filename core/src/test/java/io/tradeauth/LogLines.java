package io.tradeauth;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.jspecify.annotations.Nullable;

/** Listens to what the library logs, at any level, until it is closed; for any thread. */
final class LogLines extends Handler implements AutoCloseable {

  private final Logger library = Logger.getLogger("io.tradeauth");
  private final Level level = library.getLevel();
  private final Queue<Line> lines = new ConcurrentLinkedQueue<>();

  /** One line, and what was thrown if it came with it. */
  record Line(String logger, Level level, String text, @Nullable Throwable thrown) {}

  LogLines() {
    library.setLevel(Level.ALL);
    library.addHandler(this);
  }

  List<Line> all() {
    return List.copyOf(lines);
  }

  /** Returns what was said at a level. */
  List<String> at(Level which) {
    return lines.stream().filter(line -> line.level().equals(which)).map(Line::text).toList();
  }

  @Override
  public void publish(LogRecord record) {
    String text = new SimpleFormatter().formatMessage(record);
    lines.add(new Line(record.getLoggerName(), record.getLevel(), text, record.getThrown()));
  }

  @Override
  public void flush() {}

  @Override
  public void close() {
    library.removeHandler(this);
    library.setLevel(level);
  }
}
