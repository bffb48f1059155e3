package io.tradeauth.tradestation.testing;

import io.tradeauth.TimeSource;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import mockwebserver3.MockResponse;
import mockwebserver3.MockResponseBody;
import okio.BufferedSink;
import org.jspecify.annotations.Nullable;

/**
 * One open stream: JSON objects, each followed by a newline and cut in two over the chunks.
 *
 * <p>The connection's thread writes what any other thread sends.
 */
final class Stream implements MockResponseBody {

  private static final Duration SILENCE = Duration.ofSeconds(5);
  private static final String END = "";

  private final BlockingQueue<String> chunks = new LinkedBlockingQueue<>();
  private final TimeSource time;
  private TimeSource.@Nullable Timer heartbeat;
  private boolean silent;
  private boolean ended;

  Stream(TimeSource time) {
    this.time = time;
  }

  MockResponse response(String contentType) {
    return new MockResponse.Builder()
        .body(this)
        .removeHeader("Content-Length")
        .setHeader("Transfer-Encoding", "chunked")
        .setHeader("Content-Type", contentType)
        .build();
  }

  synchronized void send(String object) {
    if (ended || silent) {
      return;
    }
    String line = object + "\n";
    int middle = line.length() / 2;
    chunks.add(line.substring(0, middle));
    chunks.add(line.substring(middle));
    stopHeartbeat();
    heartbeat = time.after(SILENCE, this::beat);
  }

  private void beat() {
    send("{\"Heartbeat\":1,\"Timestamp\":\"" + time.now() + "\"}");
  }

  /** Says nothing any more, and leaves the connection open. */
  synchronized void silence() {
    silent = true;
    stopHeartbeat();
  }

  synchronized void end() {
    ended = true;
    stopHeartbeat();
    chunks.add(END);
  }

  private void stopHeartbeat() {
    if (heartbeat != null) {
      heartbeat.cancel();
      heartbeat = null;
    }
  }

  @Override
  public long getContentLength() {
    return -1;
  }

  @Override
  public void writeTo(BufferedSink sink) throws IOException {
    try {
      for (String chunk = chunks.take(); !chunk.equals(END); chunk = chunks.take()) {
        sink.writeHexadecimalUnsignedLong(chunk.length()).writeUtf8("\r\n");
        sink.writeUtf8(chunk).writeUtf8("\r\n").flush();
      }
      sink.writeUtf8("0\r\n");
    } catch (InterruptedException e) {
      throw new InterruptedIOException("the server is closing");
    } finally {
      end();
    }
  }
}
