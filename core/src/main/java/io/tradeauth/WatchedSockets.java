package io.tradeauth;

import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import javax.net.SocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * Sockets that tell the request on whose thread they are used what they do, so that it finds out
 * whether an answer was there before it asked. For any number of threads.
 */
final class WatchedSockets extends SocketFactory {

  private static final String UNWATCHED =
      "nobody would watch this socket: make one, then connect it";

  private final ThreadLocal<@Nullable Watcher> watchers = new ThreadLocal<>();

  /** A request that wants to know. Called on the thread that it is sent from. */
  interface Watcher {

    /**
     * Bytes are about to leave.
     *
     * @param incoming what has come on the same socket
     * @throws IOException if they must not
     */
    void writes(InputStream incoming) throws IOException;

    /** Bytes, or their end, were waited for. */
    void hasRead();
  }

  /** Says who watches what is done on this thread from now on; null for nobody. */
  void watch(@Nullable Watcher watcher) {
    watchers.set(watcher);
  }

  @Override
  public Socket createSocket() {
    return new Watched();
  }

  // OkHttp connects by itself. If it ever does not, no socket is better than one nobody watches.

  @Override
  public Socket createSocket(String host, int port) {
    throw new UnsupportedOperationException(UNWATCHED);
  }

  @Override
  public Socket createSocket(String host, int port, InetAddress local, int localPort) {
    throw new UnsupportedOperationException(UNWATCHED);
  }

  @Override
  public Socket createSocket(InetAddress host, int port) {
    throw new UnsupportedOperationException(UNWATCHED);
  }

  @Override
  public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort) {
    throw new UnsupportedOperationException(UNWATCHED);
  }

  private final class Watched extends Socket {

    @Override
    public InputStream getInputStream() throws IOException {
      return new FilterInputStream(super.getInputStream()) {
        @Override
        public int read() throws IOException {
          tell();
          return super.read();
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
          tell();
          return super.read(bytes, offset, length);
        }
      };
    }

    private void tell() {
      Watcher watcher = watchers.get();
      if (watcher != null) {
        watcher.hasRead();
      }
    }

    @Override
    public OutputStream getOutputStream() throws IOException {
      InputStream incoming = super.getInputStream();
      return new FilterOutputStream(super.getOutputStream()) {
        @Override
        public void write(int one) throws IOException {
          ask(incoming);
          out.write(one);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
          ask(incoming);
          out.write(bytes, offset, length);
        }
      };
    }

    private void ask(InputStream incoming) throws IOException {
      Watcher watcher = watchers.get();
      if (watcher != null) {
        watcher.writes(incoming);
      }
    }
  }
}
