package io.tradeauth;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A server on loopback that reads whole requests, remembers them, and lets a script write whatever
 * bytes it likes. For any number of connections.
 */
final class RawServer implements AutoCloseable {

  private final ServerSocket listening;
  private final Script script;
  private final List<Seen> requests = new CopyOnWriteArrayList<>();
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final CountDownLatch closed = new CountDownLatch(1);

  RawServer(Script script) {
    this.script = script;
    try {
      this.listening = new ServerSocket(0, 200, InetAddress.getByName("127.0.0.1"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    daemon(this::accept);
  }

  /** What is written in answer to a request. */
  interface Script {

    void answer(Seen request, OutputStream out, RawServer server) throws IOException;
  }

  /**
   * One request.
   *
   * @param number how many there were, this one counted
   * @param head the request line and the headers
   * @param connection the number of the request on its connection, from 1
   */
  record Seen(int number, String head, String body, int connection) {

    String header(String name) {
      for (String line : head.split("\r\n")) {
        if (line.toLowerCase(Locale.ROOT).startsWith(name.toLowerCase(Locale.ROOT) + ":")) {
          return line.substring(name.length() + 1).trim();
        }
      }
      return "";
    }
  }

  /** A server that writes {@code answer} to each request and closes the connection. */
  static RawServer closingAfter(String answer) {
    return new RawServer(
        (request, out, server) -> {
          out.write(answer.getBytes(StandardCharsets.ISO_8859_1));
          out.flush();
          throw new IOException("closes");
        });
  }

  /** A server that writes {@code answer} to each request. */
  static RawServer answering(String answer) {
    return new RawServer(
        (request, out, server) -> out.write(answer.getBytes(StandardCharsets.ISO_8859_1)));
  }

  /** A whole answer. */
  static String answer(String status, String headers, String body) {
    return "HTTP/1.1 "
        + status
        + "\r\n"
        + headers
        + "Content-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + listening.getLocalPort() + path);
  }

  int port() {
    return listening.getLocalPort();
  }

  List<Seen> requests() {
    return requests;
  }

  /** Waits a little between two pieces of an answer; false when the server is closed. */
  boolean pause(long millis) {
    try {
      return !closed.await(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      return false;
    }
  }

  /** Returns how many connections are open on this side. */
  int connections() {
    return open.size();
  }

  private void accept() {
    while (!listening.isClosed()) {
      try {
        Socket socket = listening.accept();
        socket.setTcpNoDelay(true);
        open.add(socket);
        daemon(() -> serve(socket));
      } catch (IOException e) {
        return; // closed
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      InputStream in = new BufferedInputStream(socket.getInputStream());
      for (int i = 1; ; i++) {
        String head = head(in);
        if (head == null) {
          return;
        }
        Seen bare = new Seen(0, head, "", i);
        String length = bare.header("Content-Length");
        byte[] body = in.readNBytes(length.isEmpty() ? 0 : Integer.parseInt(length));
        Seen request;
        synchronized (requests) {
          request =
              new Seen(requests.size() + 1, head, new String(body, StandardCharsets.ISO_8859_1), i);
          requests.add(request);
        }
        script.answer(request, socket.getOutputStream(), this);
        socket.getOutputStream().flush();
      }
    } catch (IOException e) {
      // The client has gone, or the script closes.
    } finally {
      open.remove(socket);
    }
  }

  private static String head(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    String text = "";
    while (!text.endsWith("\r\n\r\n")) {
      int next = in.read();
      if (next < 0) {
        return null;
      }
      head.write(next);
      if (next == '\n') {
        text = head.toString(StandardCharsets.ISO_8859_1);
      }
    }
    return text;
  }

  private static void daemon(Runnable task) {
    Thread thread = new Thread(task, "raw-server");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      listening.close();
      for (Socket socket : open) {
        socket.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
