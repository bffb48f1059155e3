package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a request is told, whichever way its bytes go; OkHttp itself takes only some of them. */
class WatchedSocketsTest {

  private static final InetAddress HERE = InetAddress.getLoopbackAddress();

  private final WatchedSockets sockets = new WatchedSockets();
  private final List<String> told = new ArrayList<>();

  private ServerSocket listener;
  private Socket watched;
  private Socket server;

  @BeforeEach
  void connect() throws IOException {
    listener = new ServerSocket(0, 1, HERE);
    watched = sockets.createSocket();
    watched.connect(listener.getLocalSocketAddress());
    server = listener.accept();
  }

  @AfterEach
  void close() throws IOException {
    watched.close();
    server.close();
    listener.close();
  }

  @Test
  void oneByteWritten_watcherAskedFirst() throws IOException {
    sockets.watch(watcher(true));
    watched.getOutputStream().write(7);

    assertEquals(List.of("writes"), told);
    assertEquals(7, server.getInputStream().read());
  }

  @Test
  void manyBytesWritten_watcherAskedFirst() throws IOException {
    sockets.watch(watcher(true));
    watched.getOutputStream().write(new byte[] {7, 8});

    assertEquals(List.of("writes"), told);
    assertEquals(7, server.getInputStream().read());
  }

  @Test
  void watcherForbidsIt_nothingLeaves() throws IOException {
    sockets.watch(watcher(false));

    assertThrows(IOException.class, () -> watched.getOutputStream().write(7));
    assertThrows(IOException.class, () -> watched.getOutputStream().write(new byte[] {7, 8}));
    watched.shutdownOutput();
    assertEquals(-1, server.getInputStream().read());
  }

  @Test
  void oneByteRead_watcherTold() throws IOException {
    sockets.watch(watcher(true));
    server.getOutputStream().write(7);

    assertEquals(7, watched.getInputStream().read());
    assertEquals(List.of("hasRead"), told);
  }

  @Test
  void manyBytesRead_watcherTold() throws IOException {
    sockets.watch(watcher(true));
    server.getOutputStream().write(7);

    assertEquals(1, watched.getInputStream().read(new byte[2]));
    assertEquals(List.of("hasRead"), told);
  }

  @Test
  void nobodyWatchesAnyMore_bytesGoAndNobodyIsTold() throws IOException {
    sockets.watch(watcher(true));
    sockets.watch(null);

    watched.getOutputStream().write(7);
    assertEquals(7, server.getInputStream().read());
    server.getOutputStream().write(8);
    assertEquals(8, watched.getInputStream().read());
    assertEquals(List.of(), told);
  }

  @Test
  void socketThatNobodyWouldWatch_none() {
    int port = listener.getLocalPort();
    String host = HERE.getHostAddress();

    assertThrows(
        UnsupportedOperationException.class, () -> sockets.createSocket(host, port).close());
    assertThrows(
        UnsupportedOperationException.class, () -> sockets.createSocket(HERE, port).close());
    assertThrows(
        UnsupportedOperationException.class,
        () -> sockets.createSocket(host, port, HERE, 0).close());
    assertThrows(
        UnsupportedOperationException.class,
        () -> sockets.createSocket(HERE, port, HERE, 0).close());
  }

  private WatchedSockets.Watcher watcher(boolean mayWrite) {
    return new WatchedSockets.Watcher() {
      @Override
      public void writes(InputStream incoming) throws IOException {
        if (!mayWrite) {
          throw new IOException("not now");
        }
        told.add("writes");
      }

      @Override
      public void hasRead() {
        told.add("hasRead");
      }
    };
  }
}
