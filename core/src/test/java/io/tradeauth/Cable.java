package io.tradeauth;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.SocketFactory;
import okhttp3.OkHttpClient;

/** The way from a client to its servers, which a test can cut: then nothing connects. */
final class Cable extends SocketFactory {

  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private final AtomicInteger connects = new AtomicInteger();
  private final AtomicInteger refusals = new AtomicInteger();
  private volatile Runnable whileItFails = () -> {};

  /** Returns a client that reaches its servers this way. */
  OkHttpClient client() {
    return new OkHttpClient.Builder().socketFactory(this).build();
  }

  /** Ends all connections and lets so many of the next ones fail. */
  Cable cut(int times) {
    connects.set(0);
    refusals.set(times);
    for (Socket socket : sockets) {
      try {
        socket.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return this;
  }

  /** Lets a connection that fails take as long as this. */
  Cable whileItFails(Runnable pause) {
    whileItFails = pause;
    return this;
  }

  /** Lets everything connect from now on. */
  void mend() {
    refusals.set(0);
  }

  /** Returns how many connections were tried since it was cut. */
  int connects() {
    return connects.get();
  }

  @Override
  public Socket createSocket() {
    Socket socket = new Wire();
    sockets.add(socket);
    return socket;
  }

  private final class Wire extends Socket {

    @Override
    public void connect(SocketAddress server, int timeoutMillis) throws IOException {
      connects.incrementAndGet();
      if (refusals.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        whileItFails.run();
        throw new ConnectException("the test says so");
      }
      super.connect(server, timeoutMillis);
    }
  }

  @Override
  public Socket createSocket(String host, int port) {
    throw new UnsupportedOperationException("OkHttp connects by itself");
  }

  @Override
  public Socket createSocket(InetAddress host, int port) {
    throw new UnsupportedOperationException("OkHttp connects by itself");
  }

  @Override
  public Socket createSocket(String host, int port, InetAddress local, int localPort) {
    throw new UnsupportedOperationException("OkHttp connects by itself");
  }

  @Override
  public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort) {
    throw new UnsupportedOperationException("OkHttp connects by itself");
  }
}
