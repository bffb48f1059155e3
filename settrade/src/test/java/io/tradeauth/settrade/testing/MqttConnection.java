package io.tradeauth.settrade.testing;

import java.io.EOFException;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import okio.Buffer;
import okio.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * The server's end of one MQTT 3.1.1 connection over a WebSocket: enough of the protocol to
 * connect, subscribe with QoS 0, receive and ping. The frames come from one thread; {@link
 * #publish} and {@link #end} may be called from any.
 */
final class MqttConnection extends WebSocketListener {

  private static final int CONNECT = 1;
  private static final int SUBSCRIBE = 8;
  private static final int UNSUBSCRIBE = 10;
  private static final int PINGREQ = 12;
  private static final int DISCONNECT = 14;

  private final boolean refuses;
  private final Consumer<MqttConnection> whenClosed;
  private final Set<String> topics = ConcurrentHashMap.newKeySet();
  private final Buffer received = new Buffer();
  private volatile @Nullable WebSocket socket;
  private volatile boolean connected;

  /** Makes a connection that answers CONNECT with 5, not authorized, if it {@code refuses}. */
  MqttConnection(boolean refuses, Consumer<MqttConnection> whenClosed) {
    this.refuses = refuses;
    this.whenClosed = whenClosed;
  }

  @Override
  public void onOpen(WebSocket webSocket, Response response) {
    socket = webSocket;
  }

  @Override
  public void onMessage(WebSocket webSocket, ByteString bytes) {
    received.write(bytes);
    try {
      while (readPacket(webSocket)) {
        // A frame may hold several packets, or a part of one.
      }
    } catch (EOFException e) {
      webSocket.close(1002, "malformed packet");
    }
  }

  private boolean readPacket(WebSocket webSocket) throws EOFException {
    long length = 0;
    long header = 1;
    for (int shift = 0; ; shift += 7) {
      if (received.size() <= header) {
        return false;
      }
      byte digit = received.getByte(header++);
      length |= (long) (digit & 0x7f) << shift;
      if (digit >= 0) {
        break;
      }
      if (shift == 21) {
        throw new EOFException("a length has at most four digits");
      }
    }
    if (received.size() < header + length) {
      return false;
    }
    int type = (received.getByte(0) & 0xf0) >> 4;
    received.skip(header);
    Buffer packet = new Buffer();
    packet.write(received, length);
    take(webSocket, type, packet);
    return true;
  }

  private void take(WebSocket webSocket, int type, Buffer packet) throws EOFException {
    if (type != CONNECT && !connected) {
      webSocket.close(1002, "CONNECT comes first");
      return;
    }
    switch (type) {
      case CONNECT -> connect(webSocket, packet);
      case SUBSCRIBE -> subscribe(webSocket, packet);
      case UNSUBSCRIBE -> unsubscribe(webSocket, packet);
      case PINGREQ -> send(webSocket, 0xd0, new Buffer());
      case DISCONNECT -> webSocket.close(1000, null);
      default -> webSocket.close(1003, "not served here");
    }
  }

  private void connect(WebSocket webSocket, Buffer packet) throws EOFException {
    boolean speaksIt = text(packet).equals("MQTT") && packet.readByte() == 4;
    int code = !speaksIt ? 1 : refuses ? 5 : 0;
    send(webSocket, 0x20, new Buffer().writeByte(0).writeByte(code));
    connected = code == 0;
    if (!connected) {
      webSocket.close(1000, null);
    }
  }

  private void subscribe(WebSocket webSocket, Buffer packet) throws EOFException {
    Buffer answer = new Buffer().writeShort(packet.readShort());
    while (!packet.exhausted()) {
      topics.add(text(packet));
      packet.readByte();
      answer.writeByte(0);
    }
    send(webSocket, 0x90, answer);
  }

  private void unsubscribe(WebSocket webSocket, Buffer packet) throws EOFException {
    Buffer answer = new Buffer().writeShort(packet.readShort());
    while (!packet.exhausted()) {
      topics.remove(text(packet));
    }
    send(webSocket, 0xb0, answer);
  }

  /** Sends a message if its topic is subscribed; tells whether it was. */
  boolean publish(String topic, ByteString payload) {
    WebSocket to = socket;
    if (to == null || !topics.contains(topic)) {
      return false;
    }
    byte[] name = topic.getBytes(StandardCharsets.UTF_8);
    return send(to, 0x30, new Buffer().writeShort(name.length).write(name).write(payload));
  }

  /** Closes the socket from the server's side. */
  void end() {
    WebSocket to = socket;
    if (to != null) {
      to.close(1000, null);
    }
  }

  private static boolean send(WebSocket webSocket, int firstByte, Buffer packet) {
    Buffer bytes = new Buffer().writeByte(firstByte);
    long rest = packet.size();
    do {
      bytes.writeByte((int) (rest % 128) | (rest >= 128 ? 0x80 : 0));
      rest /= 128;
    } while (rest > 0);
    bytes.write(packet, packet.size());
    return webSocket.send(bytes.readByteString());
  }

  private static String text(Buffer packet) throws EOFException {
    return packet.readUtf8(packet.readShort() & 0xffff);
  }

  @Override
  public void onClosing(WebSocket webSocket, int code, String reason) {
    webSocket.close(1000, null);
  }

  @Override
  public void onClosed(WebSocket webSocket, int code, String reason) {
    whenClosed.accept(this);
  }

  @Override
  public void onFailure(WebSocket webSocket, Throwable failure, @Nullable Response response) {
    whenClosed.accept(this);
  }
}
