package io.tradeauth;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Proxy;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicInteger;

/** A SOCKS proxy (RFC 1928) that asks for no password and goes to ports of this machine. */
final class SocksProxy implements AutoCloseable {

  private final ServerSocket listening;
  private final AtomicInteger connections = new AtomicInteger();

  private interface Work {

    void run() throws IOException;
  }

  SocksProxy() throws IOException {
    listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    daemon(this::accept);
  }

  Proxy address() {
    return new Proxy(Proxy.Type.SOCKS, listening.getLocalSocketAddress());
  }

  /** Returns how many connections went through. */
  int connections() {
    return connections.get();
  }

  private void accept() throws IOException {
    while (true) {
      Socket client = listening.accept();
      daemon(() -> serve(client));
    }
  }

  private void serve(Socket client) throws IOException {
    try (client) {
      DataInputStream in = new DataInputStream(client.getInputStream());
      OutputStream out = client.getOutputStream();
      in.readByte(); // the version
      in.readFully(new byte[in.readUnsignedByte()]); // ways to say who asks
      out.write(new byte[] {5, 0});
      in.readFully(new byte[3]); // the version, CONNECT, reserved
      in.readFully(new byte[in.readByte() == 3 ? in.readUnsignedByte() : 4]); // a name, or IPv4
      try (Socket server = new Socket(InetAddress.getLoopbackAddress(), in.readUnsignedShort())) {
        connections.incrementAndGet();
        out.write(new byte[] {5, 0, 0, 1, 0, 0, 0, 0, 0, 0});
        daemon(() -> pass(server.getInputStream(), client));
        pass(in, server);
      }
    }
  }

  private static void pass(InputStream from, Socket to) throws IOException {
    from.transferTo(to.getOutputStream());
    to.close();
  }

  /** What fails has been closed by one side. */
  private static void daemon(Work task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException e) {
                // closed
              }
            },
            "socks-proxy");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() throws IOException {
    listening.close();
  }
}
