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
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An authorization server and API as cheap as can be, in a process of its own, so that a figure
 * shows the client's work and garbage alone.
 *
 * <p>{@code POST /token} answers with new tokens; its refresh tokens are used once, and it counts
 * each second use. {@code GET /data} takes any token, {@code GET /once} takes each token once and
 * answers 401 afterwards, {@code GET /requests}, {@code /exchanges} and {@code /reused} tell what
 * was counted. The process ends when its standard input does.
 */
public final class BenchServer {

  /** The user whose refresh token is refused. */
  static final String REFUSED = "refused";

  private static final String NEW_TOKENS =
      "{\"access_token\":\"canary-access-%020d\",\"token_type\":\"Bearer\",\"expires_in\":36000,"
          + "\"refresh_token\":\"%s\",\"scope\":\"read trade\"}";

  private static final String INVALID_GRANT = "{\"error\":\"invalid_grant\"}";

  private final AtomicLong requests = new AtomicLong();
  private final AtomicLong exchanges = new AtomicLong();
  private final AtomicLong reused = new AtomicLong();
  private final Map<String, String> current = new ConcurrentHashMap<>();
  private final Set<String> seenOnce = ConcurrentHashMap.newKeySet();
  private final boolean rotating;
  private final long answerMillis;

  private BenchServer(boolean rotating, long answerMillis) {
    this.rotating = rotating;
    this.answerMillis = answerMillis;
  }

  /** Arguments: {@code rotating} or {@code constant}; milliseconds that a token answer takes. */
  public static void main(String[] arguments) throws IOException {
    BenchServer server =
        new BenchServer(arguments[0].equals("rotating"), Long.parseLong(arguments[1]));
    ServerSocket socket = new ServerSocket(0, 1_000, InetAddress.getLoopbackAddress());
    System.out.println(socket.getLocalPort());
    daemon(() -> server.accept(socket));
    while (System.in.read() >= 0) {
      continue; // until the process that wants it is gone
    }
  }

  private static void daemon(Runnable task) {
    Thread thread = new Thread(task, "bench-server");
    thread.setDaemon(true);
    thread.start();
  }

  private void accept(ServerSocket socket) {
    while (true) {
      try {
        Socket connection = socket.accept();
        connection.setTcpNoDelay(true);
        daemon(() -> serve(connection));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      InputStream in = new BufferedInputStream(connection.getInputStream());
      OutputStream out = connection.getOutputStream();
      for (String head = head(in); head != null; head = head(in)) {
        byte[] body = in.readNBytes(Integer.parseInt(header(head, "content-length", "0")));
        out.write(answer(head, new String(body, StandardCharsets.UTF_8)));
      }
    } catch (IOException e) {
      // The client has closed the connection.
    }
  }

  private static String head(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream(512);
    int newLines = 0;
    while (newLines < 2) {
      int next = in.read();
      if (next < 0) {
        return null;
      }
      head.write(next);
      newLines = next == '\n' ? newLines + 1 : next == '\r' ? newLines : 0;
    }
    return head.toString(StandardCharsets.ISO_8859_1);
  }

  private static String header(String head, String name, String absent) {
    int at = head.toLowerCase(Locale.ROOT).indexOf("\n" + name + ":");
    return at < 0
        ? absent
        : head.substring(at + name.length() + 2, head.indexOf('\r', at + 1)).trim();
  }

  private byte[] answer(String head, String body) {
    String path = head.substring(head.indexOf(' ') + 1, head.indexOf(" HTTP"));
    if (path.equals("/requests")) {
      return http("200 OK", requests.toString());
    }
    if (path.equals("/exchanges")) {
      return http("200 OK", exchanges.toString());
    }
    if (path.equals("/reused")) {
      return http("200 OK", reused.toString());
    }
    requests.incrementAndGet();
    if (path.equals("/token")) {
      return token(body);
    }
    boolean refused = path.equals("/once") && !seenOnce.add(header(head, "authorization", ""));
    if (refused) {
      seenOnce.remove(header(head, "authorization", "")); // each is refused once
    }
    return refused
        ? http("401 Unauthorized", "{\"error\":\"invalid_token\"}")
        : http("200 OK", "{\"symbol\":\"ACME\",\"quantity\":100}");
  }

  private byte[] token(String form) {
    long number = exchanges.incrementAndGet();
    if (answerMillis > 0) {
      try {
        Thread.sleep(answerMillis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    int start = form.indexOf("refresh_token=canary-") + "refresh_token=".length();
    int end = form.indexOf('&', start);
    String sent = form.substring(start, end < 0 ? form.length() : end);
    if (sent.startsWith("canary-" + REFUSED)) {
      return http("400 Bad Request", INVALID_GRANT);
    }
    if (!rotating) {
      return http("200 OK", String.format(Locale.ROOT, NEW_TOKENS, number, sent));
    }
    // canary-USER-NUMBER: only the newest number of a user may be used.
    int dash = sent.lastIndexOf('-');
    String user = sent.substring(0, dash);
    String next = user + "-" + (Long.parseLong(sent.substring(dash + 1)) + 1);
    String expected = current.put(user, next);
    if (expected != null && !expected.equals(sent)) {
      reused.incrementAndGet();
      return http("400 Bad Request", INVALID_GRANT);
    }
    return http("200 OK", String.format(Locale.ROOT, NEW_TOKENS, number, next));
  }

  private static byte[] http(String status, String body) {
    return ("HTTP/1.1 "
            + status
            + "\r\nContent-Type: application/json\r\nContent-Length: "
            + body.length()
            + "\r\n\r\n"
            + body)
        .getBytes(StandardCharsets.ISO_8859_1);
  }

  /** A server in its own process, as the benchmarks see it. */
  static final class Remote implements AutoCloseable {

    private final Process process;
    private final URI base;

    Remote(boolean rotating, long answerMillis) {
      try {
        this.process =
            new ProcessBuilder(
                    System.getProperty("java.home") + "/bin/java",
                    "-Xshare:auto",
                    "-XX:+UseSerialGC",
                    "-cp",
                    System.getProperty("java.class.path"),
                    BenchServer.class.getName(),
                    rotating ? "rotating" : "constant",
                    Long.toString(answerMillis))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        this.base = URI.create("http://127.0.0.1:" + process.inputReader().readLine());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    URI uri(String path) {
      return base.resolve(path);
    }

    long count(String what) {
      try (InputStream answer = uri("/" + what).toURL().openStream()) {
        return Long.parseLong(new String(answer.readAllBytes(), StandardCharsets.UTF_8));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() {
      process.destroy();
    }

    /** The broker of this server. */
    StandardBroker broker(RotationProfile rotation) {
      return StandardBroker.builder(
              BrokerProfile.builder("bench", ApiHosts.of(base.toString()))
                  .rotation(rotation)
                  .build(),
              uri("/token"))
          .build();
    }
  }

  /** A store with a record for each user, made up: its token ends when {@code expiresAt} says. */
  static TokenStore store(List<String> users, java.time.Instant expiresAt) {
    TokenStore store = TokenStore.inMemory();
    fill(store, users, expiresAt);
    return store;
  }

  static void fill(TokenStore store, List<String> users, java.time.Instant expiresAt) {
    for (String user : users) {
      store.supersede(
          new TokenStore.Key(TokenStore.Kind.LOGIN, "bench", user),
          LoginCodec.write(login(user, "canary-access-" + user, expiresAt)));
    }
  }

  /** A login that was received an hour ago. */
  static Login login(String user, String accessToken, java.time.Instant expiresAt) {
    java.time.Instant received = java.time.Instant.now().minusSeconds(3_600);
    return Login.active(
        user,
        received,
        new TokenSet(
            Secret.of(accessToken),
            "Bearer",
            received,
            received,
            expiresAt,
            RefreshToken.of("canary-" + user + "-0"),
            null,
            Set.of(),
            Map.of(),
            null),
        null,
        CLIENT.id());
  }

  static final ClientCredentials CLIENT =
      ClientCredentials.of("bench-client", "canary-bench-client-secret");
}
