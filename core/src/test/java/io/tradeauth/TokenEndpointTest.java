package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import javax.net.ssl.SSLException;
import mockwebserver3.MockResponse;
import mockwebserver3.MockWebServer;
import okhttp3.Cache;
import okhttp3.Call;
import okhttp3.Cookie;
import okhttp3.CookieJar;
import okhttp3.EventListener;
import okhttp3.HttpUrl;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * One attempt is one request on the wire, whatever becomes of it (faults N1 to N15), and what
 * became of it is told without a character of what was sent or received.
 */
@Timeout(60)
class TokenEndpointTest {

  private static final String SECRET = "canary-rt-spent-once";
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final String OK =
      RawServer.answer("200 OK", "", "{\"access_token\":\"canary-at\"}");

  private final List<AutoCloseable> open = new ArrayList<>();
  private final TokenEndpoint endpoint = endpoint(new OkHttpClient());

  @AfterEach
  void close() throws Exception {
    endpoint.close();
    for (AutoCloseable closeable : open) {
      closeable.close();
    }
  }

  private static TokenEndpoint endpoint(OkHttpClient host) {
    return new TokenEndpoint(host, Duration.ofSeconds(3));
  }

  private <T extends AutoCloseable> T opened(T closeable) {
    open.add(closeable);
    return closeable;
  }

  private static BrokerRequest refresh(URI uri) {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("grant_type", "refresh_token");
    fields.put("refresh_token", SECRET);
    fields.put("client_secret", "canary-client-secret");
    return BrokerRequest.post(uri).form(fields);
  }

  private TokenEndpoint.Result send(URI uri) {
    return send(endpoint, refresh(uri), LONG);
  }

  private static TokenEndpoint.Result send(
      TokenEndpoint endpoint, BrokerRequest request, Duration timeout) {
    TokenEndpoint.Result result = endpoint.send(request, Map.of(), null, timeout);
    assertSilent(result);
    return result;
  }

  private static void assertSilent(TokenEndpoint.Result result) {
    StringWriter told = new StringWriter();
    PrintWriter out = new PrintWriter(told);
    out.println(result);
    if (result instanceof TokenEndpoint.Result.Lost lost && lost.cause() != null) {
      lost.cause().printStackTrace(out);
    }
    if (result instanceof TokenEndpoint.Result.NotSent notSent) {
      notSent.cause().printStackTrace(out);
    }
    assertFalse(told.toString().contains("canary"), told::toString);
    String hex = java.util.HexFormat.of().formatHex("canary".getBytes(StandardCharsets.UTF_8));
    assertFalse(told.toString().contains(hex), told::toString);
  }

  private static TokenEndpoint.Result.Lost lost(TokenEndpoint.Result result) {
    return assertInstanceOf(TokenEndpoint.Result.Lost.class, result);
  }

  private static TokenEndpoint.Result.NotSent notSent(TokenEndpoint.Result result) {
    return assertInstanceOf(TokenEndpoint.Result.NotSent.class, result);
  }

  private static Answer answered(TokenEndpoint.Result result) {
    return assertInstanceOf(TokenEndpoint.Result.Answered.class, result).answer();
  }

  /** The first request on each connection is answered, whatever comes next is cut off. */
  private RawServer dyingAfterFirst(String piece) {
    return opened(
        new RawServer(
            (request, out, server) -> {
              if (request.number() == 1) {
                out.write(OK.getBytes(StandardCharsets.ISO_8859_1));
              } else {
                out.write(piece.getBytes(StandardCharsets.ISO_8859_1));
                out.flush();
                throw new IOException("closes");
              }
            }));
  }

  // The answer is lost

  static Stream<Arguments> pieces() {
    return Stream.of(
        Arguments.of("nothing", ""),
        Arguments.of("half a status line", "HTTP/1.1 20"),
        Arguments.of("the status line", "HTTP/1.1 200 OK\r\n"),
        Arguments.of("half a header", "HTTP/1.1 200 OK\r\nContent-Ty"),
        Arguments.of("half a header with a secret", "HTTP/1.1 200 OK\r\nSet-Cookie: s=canary-c"),
        Arguments.of("headers without their end", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n"),
        Arguments.of("headers", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"),
        Arguments.of(
            "half a body with a length",
            "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"refresh_token\":\"canary-rt-new\","),
        Arguments.of(
            "all of a body but a byte",
            "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{\"refresh_token\":\"canary-rt-new22\"}"),
        Arguments.of(
            "half a chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2f\r\n{\"refresh_token\":\"can"),
        Arguments.of(
            "no last chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n23\r\n"
                + "{\"refresh_token\":\"canary-rt-new22\"}\r\n"),
        Arguments.of(
            "a chunk without a size",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n{}\r\n0\r\n\r\n"),
        Arguments.of("no HTTP at all", "{\"access_token\":\"canary-at\"}\r\n\r\n"),
        Arguments.of("an early hint only", "HTTP/1.1 103 Early Hints\r\n\r\n"),
        Arguments.of("a continue only", "HTTP/1.1 100 Continue\r\n\r\n"));
  }

  /** N4, N7: the reply is cut at each stage on a fresh connection. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("pieces")
  void replyCut_freshConnection_lostAfterOneRequest(String stage, String piece) {
    RawServer server = opened(RawServer.closingAfter(piece));

    lost(send(server.uri("/token")));

    assertEquals(1, server.requests().size());
  }

  /** N5, N7: the reply is cut at each stage on a connection that worked before. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("pieces")
  void replyCut_reusedConnection_lostAfterOneRequest(String stage, String piece) {
    RawServer server = dyingAfterFirst(piece);
    answered(send(server.uri("/token")));

    lost(send(server.uri("/token")));

    assertEquals(2, server.requests().size());
    assertEquals(2, server.requests().get(1).connection(), "not the same connection");
  }

  /** N4: the server reads the request and closes, a thousand times. */
  @Test
  void requestReadAndClosed_thousandRuns_oneRequestEach() {
    RawServer server = opened(RawServer.closingAfter(""));
    for (int run = 1; run <= 1_000; run++) {
      lost(send(server.uri("/token")));
      assertEquals(run, server.requests().size());
    }
  }

  /** N5: as N4, but on a connection that worked before. */
  @Test
  void reusedConnectionDies_hundredRuns_oneRequestEach() {
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  if (request.connection() == 2) {
                    throw new IOException("closes");
                  }
                  out.write(OK.getBytes(StandardCharsets.ISO_8859_1));
                }));
    for (int run = 1; run <= 100; run++) {
      answered(send(server.uri("/token")));
      lost(send(server.uri("/token")));
      assertEquals(2 * run, server.requests().size());
    }
  }

  /** N7: without a length nobody can tell that half is missing, but half is no JSON. */
  @Test
  void halfABodyWithoutLength_answeredButNotJson() {
    RawServer server =
        opened(
            RawServer.closingAfter("HTTP/1.1 200 OK\r\n\r\n{\"refresh_token\":\"canary-rt-new\","));

    Answer answer = answered(send(server.uri("/token")));

    assertNull(answer.json());
    assertInstanceOf(ExchangeAnswer.Unclear.class, TokenErrors.meaning(answer));
  }

  // Answers that invite to send again

  static Stream<Arguments> invitations() {
    return Stream.of(
            "408 Request Timeout|",
            "408 Request Timeout|Connection: close\r\n",
            "503 Service Unavailable|Retry-After: 0\r\n",
            "503 Service Unavailable|Retry-After: 00\r\n",
            "503 Service Unavailable|Retry-After: 0\r\nConnection: close\r\n",
            "421 Misdirected Request|",
            "401 Unauthorized|WWW-Authenticate: Basic realm=\"x\"\r\n",
            "500 Internal Server Error|Retry-After: 0\r\n",
            "429 Too Many Requests|Retry-After: 0\r\n")
        .flatMap(row -> Stream.of("POST", "GET", "DELETE").map(m -> Arguments.of(m, row)));
  }

  /** Experiment 1.1: OkHttp's silent resends, for bodies and for what has none. */
  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("invitations")
  void invitedToResend_freshAndReusedConnection_oneRequestEach(String method, String row) {
    String[] parts = row.split("\\|", 2);
    int status = Integer.parseInt(parts[0].substring(0, 3));
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  String text = RawServer.answer(parts[0], parts[1], "{}");
                  out.write(text.getBytes(StandardCharsets.ISO_8859_1));
                  if (parts[1].contains("close")) {
                    out.flush();
                    throw new IOException("closes");
                  }
                }));
    URI uri = server.uri("/token");
    BrokerRequest request =
        method.equals("POST")
            ? refresh(uri)
            : method.equals("GET") ? BrokerRequest.get(uri) : BrokerRequest.delete(uri);

    assertEquals(status, answered(send(endpoint, request, LONG)).status());
    assertEquals(1, server.requests().size());
    assertEquals(status, answered(send(endpoint, request, LONG)).status());
    assertEquals(2, server.requests().size());
  }

  /** N14: what claims to be a proxy, where there is none. */
  @Test
  void proxyAuthenticationAskedForWithoutProxy_lostAfterOneRequest() {
    RawServer server =
        opened(
            RawServer.answering(
                RawServer.answer(
                    "407 Proxy Authentication Required",
                    "Proxy-Authenticate: Basic realm=\"x\"\r\n",
                    "")));

    lost(send(server.uri("/token")));

    assertEquals(1, server.requests().size());
  }

  /** N12: no redirect is followed, to this host or another. */
  @ParameterizedTest
  @CsvSource({
    "300,same", "301,same", "302,same", "303,same", "307,same", "308,same",
    "300,other", "301,other", "302,other", "303,other", "307,other", "308,other"
  })
  void redirect_notFollowed(int status, String where) {
    RawServer other = opened(RawServer.answering(OK));
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  URI target = where.equals("same") ? self.uri("/else") : other.uri("/else");
                  String text =
                      RawServer.answer(status + " Moved", "Location: " + target + "\r\n", "");
                  out.write(text.getBytes(StandardCharsets.ISO_8859_1));
                }));

    Answer answer = answered(send(server.uri("/token")));

    assertEquals(status, answer.status());
    assertEquals(1, server.requests().size());
    assertEquals(0, other.requests().size());
    assertInstanceOf(ExchangeAnswer.Later.class, TokenErrors.meaning(answer));
  }

  // Odd, but answers

  /** N13: informational answers before the real one. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n"
      })
  void informationalFirst_theRealAnswerAfterOneRequest(String first) {
    RawServer server = opened(RawServer.answering(first + OK));

    assertEquals(200, answered(send(server.uri("/token"))).status());
    assertEquals(1, server.requests().size());
  }

  /** N13: several informational answers: whatever it is taken for, never an answer of "no". */
  @Test
  void manyInformational_neverTakenForARefusal() {
    RawServer server =
        opened(
            RawServer.answering(
                "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK));

    TokenEndpoint.Result result = send(server.uri("/token"));

    assertEquals(1, server.requests().size());
    if (result instanceof TokenEndpoint.Result.Answered whole && whole.answer().status() != 200) {
      assertInstanceOf(ExchangeAnswer.Unclear.class, TokenErrors.meaning(whole.answer()));
    }
  }

  /** N13: lengths that contradict each other: the last counts, and what is over is no answer. */
  @ParameterizedTest
  @CsvSource({"28,28,first", "5,28,first", "28,5,unclear"})
  void twoLengths_oneRequestAndNothingOfIt_inTheNextAnswer(int one, int two, String whatComes) {
    String lengths = "Content-Length: " + one + "\r\nContent-Length: " + two + "\r\n";
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  String text =
                      request.number() == 1
                          ? "HTTP/1.1 200 OK\r\n" + lengths + "\r\n{\"access_token\":\"canary-at\"}"
                          : RawServer.answer(
                              "200 OK", "", "{\"access_token\":\"canary-of-the-next\"}");
                  out.write(text.getBytes(StandardCharsets.ISO_8859_1));
                }));

    assertEquals(whatComes, outcome(send(server.uri("/token"))));
    assertEquals(1, server.requests().size());
    assertEquals("next", outcome(send(server.uri("/token"))));
    assertEquals(2, server.requests().size());
  }

  /** N13: OkHttp has it in hand when the next request is made. */
  @Test
  void answerThatComesTwice_isNotTheNextOnes() {
    RawServer server = opened(firstAnswerTwice());

    assertEquals("first", outcome(send(server.uri("/token"))));
    assertInstanceOf(TokenEndpoint.Result.Lost.class, send(server.uri("/token")));
    assertEquals("next", outcome(send(server.uri("/token"))));
  }

  /** N13: nobody looks at sockets of the host's own. */
  @Test
  void answerThatComesTwice_hostsOwnSockets_connectionIsNotUsedAgain() {
    RawServer server = opened(firstAnswerTwice());
    TokenEndpoint endpoint = endpoint(new Cable().client());

    assertEquals("first", outcome(send(endpoint, refresh(server.uri("/token")), LONG)));
    assertEquals("next", outcome(send(endpoint, refresh(server.uri("/token")), LONG)));
    assertEquals("close", server.requests().get(0).header("Connection"));
    assertEquals(1, server.requests().get(1).connection());
  }

  /** N13: nor at those that OkHttp makes for a SOCKS proxy. */
  @Test
  void socksProxy_connectionIsNotUsedAgain() throws Exception {
    MockWebServer server = tlsServer();
    server.enqueue(new MockResponse.Builder().body("{}").build());
    SocksProxy proxy = opened(new SocksProxy());
    OkHttpClient host = LocalhostTls.trusting().proxy(proxy.address()).build();
    TokenEndpoint endpoint = endpoint(host);

    answered(send(endpoint, refresh(tlsUri(server, "localhost")), LONG));
    answered(send(endpoint, refresh(tlsUri(server, "localhost")), LONG));

    assertEquals(0, server.takeRequest().getExchangeIndex());
    assertEquals(0, server.takeRequest().getExchangeIndex());
    assertEquals(2, proxy.connections());
  }

  /** N13: a server complains that nothing came, or says something again, when all is long over. */
  @ParameterizedTest
  @ValueSource(strings = {"408 Request Timeout", "200 OK"})
  void somethingComesBetweenTwoRequests_theNextIsNotSent_norAnsweredByIt(String status)
      throws Exception {
    String unasked = RawServer.answer(status, "", "{\"access_token\":\"canary-of-nobody\"}");

    assertFalse(nextAfter(unasked).tls());
  }

  /** As when a gateway has told a length that is too small: OkHttp would show the line. */
  @Test
  void restOfAnAnswerComesBetweenTwoRequests_nothingOfItIsTold() throws Exception {
    StringWriter told = new StringWriter();

    nextAfter("\"refresh_token\":\"canary-rt\"}\r\n\r\n")
        .cause()
        .printStackTrace(new PrintWriter(told));

    assertFalse(told.toString().contains("canary"), told::toString);
  }

  /** Lets something come after a first answer; returns what becomes of the next request then. */
  private TokenEndpoint.Result.NotSent nextAfter(String unasked) throws Exception {
    CompletableFuture<Void> isRead = new CompletableFuture<>();
    CountDownLatch hasCome = new CountDownLatch(1);
    String answer = RawServer.answer("200 OK", "", "{\"access_token\":\"canary-at\"}");
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  out.write(answer.getBytes(StandardCharsets.ISO_8859_1));
                  if (request.number() == 1) {
                    out.flush();
                    isRead.join();
                    out.write(unasked.getBytes(StandardCharsets.ISO_8859_1));
                    out.flush();
                    hasCome.countDown();
                  }
                }));

    assertEquals("first", outcome(send(server.uri("/token"))));
    isRead.complete(null);
    assertTrue(hasCome.await(10, java.util.concurrent.TimeUnit.SECONDS));

    TokenEndpoint.Result.NotSent next = notSent(send(server.uri("/token")));
    assertEquals("first", outcome(send(server.uri("/token"))));
    assertEquals(2, server.requests().size());
    return next;
  }

  private static RawServer firstAnswerTwice() {
    String first = RawServer.answer("200 OK", "", "{\"access_token\":\"canary-at\"}");
    String next = RawServer.answer("200 OK", "", "{\"access_token\":\"canary-of-the-next\"}");
    return new RawServer(
        (request, out, self) -> {
          String text = request.number() == 1 ? first + first : next;
          out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        });
  }

  private static String outcome(TokenEndpoint.Result result) {
    Answer answer = answered(result);
    Json json = answer.json();
    if (json == null) {
      assertInstanceOf(ExchangeAnswer.Unclear.class, TokenErrors.meaning(answer));
      return "unclear";
    }
    String token = json.text("access_token");
    assertTrue(
        List.of("canary-at", "canary-of-the-next").contains(token), "no answer of the server");
    return "canary-at".equals(token) ? "first" : "next";
  }

  /** N8: a page instead of JSON. */
  @Test
  void htmlWith200_unclear() {
    RawServer server =
        opened(
            RawServer.answering(
                RawServer.answer(
                    "200 OK",
                    "Content-Type: application/json\r\n",
                    "<html><body>{\"refresh_token\":\"canary-rt\"}</body></html>")));

    Answer answer = answered(send(server.uri("/token")));

    assertNull(answer.json());
    assertInstanceOf(ExchangeAnswer.Unclear.class, TokenErrors.meaning(answer));
  }

  // Too slow, too much

  /**
   * N6, N15: no bytes, as of a link that is open at one end only, slow headers, a slow body:
   * bounded by the time for the attempt.
   */
  @ParameterizedTest
  @ValueSource(strings = {"silence", "slow-loris", "drip"})
  void tooSlow_lostWhenTheTimeIsUp_socketFreed(String how) throws Exception {
    CountDownLatch freed = new CountDownLatch(1);
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  try {
                    slowly(how, out, self);
                  } finally {
                    freed.countDown();
                  }
                }));

    long begun = System.nanoTime();
    lost(send(endpoint, refresh(server.uri("/token")), Duration.ofMillis(300)));
    Duration took = Duration.ofNanos(System.nanoTime() - begun);

    assertTrue(took.compareTo(Duration.ofMillis(290)) > 0, "gave up early: " + took);
    assertTrue(took.compareTo(Duration.ofMillis(1_300)) < 0, "too late: " + took);
    assertEquals(1, server.requests().size());
    if (!how.equals("silence")) {
      assertTrue(freed.await(2, java.util.concurrent.TimeUnit.SECONDS), "the socket stays open");
    }
  }

  private static void slowly(String how, OutputStream out, RawServer server) throws IOException {
    String start =
        how.equals("drip")
            ? "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
            : "HTTP/1.1 200 OK\r\n";
    if (!how.equals("silence")) {
      out.write(start.getBytes(StandardCharsets.ISO_8859_1));
    }
    while (server.pause(20)) {
      if (!how.equals("silence")) {
        out.write('x');
        out.flush();
      }
    }
  }

  /** N9: stops at 64 KiB of a body that never ends. */
  @ParameterizedTest
  @ValueSource(strings = {"", "Content-Length: 2000000000\r\n", "Transfer-Encoding: chunked\r\n"})
  void endlessBody_lost_readNoFurther(String header) throws Exception {
    AtomicLong written = new AtomicLong();
    CountDownLatch stopped = new CountDownLatch(1);
    byte[] piece = new byte[8 * 1024];
    java.util.Arrays.fill(piece, (byte) ' ');
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  out.write(("HTTP/1.1 200 OK\r\n" + header + "\r\n").getBytes());
                  try {
                    while (true) {
                      if (header.startsWith("T")) {
                        out.write("2000\r\n".getBytes());
                      }
                      out.write(piece);
                      if (header.startsWith("T")) {
                        out.write("\r\n".getBytes());
                      }
                      written.addAndGet(piece.length);
                    }
                  } finally {
                    stopped.countDown();
                  }
                }));

    lost(send(server.uri("/token")));

    assertTrue(stopped.await(5, java.util.concurrent.TimeUnit.SECONDS), "still reading");
    // What the sockets' buffers hold was written too, though nobody has read it.
    assertTrue(written.get() < 16 * 1024 * 1024, () -> "written: " + written);
    assertEquals(1, server.requests().size());
  }

  /** N9: the largest body that is read, and one byte more. */
  @Test
  void bodyOf64KiB_answered_oneMore_lost() {
    RawServer largest =
        opened(RawServer.answering(RawServer.answer("200 OK", "", "{" + " ".repeat(65_534) + "}")));
    RawServer larger =
        opened(RawServer.answering(RawServer.answer("200 OK", "", "{" + " ".repeat(65_535) + "}")));

    assertTrue(answered(send(largest.uri("/token"))).json() != null);
    assertNull(lost(send(larger.uri("/token"))).cause());
  }

  /** N9: headers without end. */
  @Test
  void endlessHeaders_lost() {
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  out.write("HTTP/1.1 200 OK\r\n".getBytes());
                  while (true) {
                    out.write(("X-Canary: " + "canary-".repeat(100) + "\r\n").getBytes());
                  }
                }));

    lost(send(server.uri("/token")));

    assertEquals(1, server.requests().size());
  }

  /** N9: what was not asked for is not unpacked. */
  @Test
  void gzipBomb_notUnpacked() throws Exception {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      byte[] blanks = new byte[1024 * 1024];
      java.util.Arrays.fill(blanks, (byte) ' ');
      for (int i = 0; i < 5; i++) {
        gzip.write(blanks);
      }
    }
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  out.write(
                      ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "
                              + packed.size()
                              + "\r\n\r\n")
                          .getBytes());
                  out.write(packed.toByteArray());
                }));

    Answer answer = answered(send(server.uri("/token")));

    assertNull(answer.json());
    assertEquals("gzip", answer.header("Content-Encoding"), "it was unpacked");
    assertEquals("identity", server.requests().get(0).header("Accept-Encoding"));
  }

  /** N9: brackets nested to the last byte are no reason to fail. */
  @Test
  void deepNesting_readWithoutOverflow() {
    RawServer server =
        opened(RawServer.answering(RawServer.answer("200 OK", "", "{\"a\":" + "[".repeat(60_000))));

    assertNull(answered(send(server.uri("/token"))).json());
  }

  // Nothing was sent

  /** N2. */
  @Test
  void connectionRefused_notSent() throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      port = socket.getLocalPort();
    }

    TokenEndpoint.Result.NotSent result =
        notSent(send(URI.create("http://127.0.0.1:" + port + "/token")));

    assertFalse(result.tls());
    assertInstanceOf(ConnectException.class, result.cause());
  }

  /** N1. */
  @Test
  void unknownHost_notSent() {
    OkHttpClient host =
        new OkHttpClient.Builder()
            .dns(
                name -> {
                  throw new UnknownHostException(name);
                })
            .build();

    TokenEndpoint.Result.NotSent result =
        notSent(send(endpoint(host), refresh(URI.create("https://broker.invalid/token")), LONG));

    assertFalse(result.tls());
    assertInstanceOf(UnknownHostException.class, result.cause());
  }

  /** N1: a resolver of the host's with a bug. */
  @Test
  void resolverThrows_notSent() {
    OkHttpClient host =
        new OkHttpClient.Builder()
            .dns(
                name -> {
                  throw new IllegalStateException("canary");
                })
            .build();

    assertFalse(
        notSent(send(endpoint(host), refresh(URI.create("https://broker.invalid/token")), LONG))
            .tls());
  }

  /** N2: a host that swallows what it is sent. */
  @Test
  void connectTakesTooLong_notSent() {
    // TEST-NET-1 (RFC 5737): nobody answers; a network without a route says so at once.
    TokenEndpoint hasty = new TokenEndpoint(new OkHttpClient(), Duration.ofMillis(200));

    long begun = System.nanoTime();
    notSent(send(hasty, refresh(URI.create("https://192.0.2.1/token")), LONG));

    assertTrue(System.nanoTime() - begun < Duration.ofSeconds(3).toNanos());
  }

  // TLS

  /** N3: a certificate that nobody vouches for. */
  @Test
  void untrustedCertificate_notSentAndSaidToBeTls() throws Exception {
    MockWebServer server = tlsServer();

    TokenEndpoint.Result.NotSent result = notSent(send(tlsUri(server, "localhost")));

    assertTrue(result.tls());
    assertInstanceOf(SSLException.class, result.cause());
    assertEquals(0, server.getRequestCount());
  }

  /** N3: a certificate of another host, though the application's client would take it. */
  @Test
  void wrongHost_notSentEvenIfTheHostsClientTakesAll() throws Exception {
    MockWebServer server = tlsServer();
    OkHttpClient host = LocalhostTls.trusting().hostnameVerifier((name, session) -> true).build();

    TokenEndpoint.Result.NotSent result =
        notSent(send(endpoint(host), refresh(tlsUri(server, "127.0.0.1")), LONG));

    assertTrue(result.tls());
    assertEquals(0, server.getRequestCount());
  }

  /** N13: the token endpoint is spoken to in HTTP/1.1, whatever it offers. */
  @Test
  void http2Offered_http11Used() throws Exception {
    MockWebServer server = tlsServer();
    server.setProtocols(List.of(Protocol.HTTP_2, Protocol.HTTP_1_1));
    TokenEndpoint trusting = endpoint(LocalhostTls.trusting().build());

    assertEquals(
        200, answered(send(trusting, refresh(tlsUri(server, "localhost")), LONG)).status());
    assertEquals("POST /token HTTP/1.1", server.takeRequest().getRequestLine());
  }

  /** N3: what speaks no TLS. */
  @Test
  void plainServerBehindHttps_notSent() {
    RawServer server = opened(RawServer.answering(OK));

    URI uri = URI.create("https://127.0.0.1:" + server.port() + "/token");

    notSent(send(endpoint, refresh(uri), Duration.ofMillis(300)));

    assertEquals(0, server.requests().size());
  }

  private MockWebServer tlsServer() throws Exception {
    MockWebServer server = opened(LocalhostTls.server());
    server.enqueue(new MockResponse.Builder().body("{}").build());
    return server;
  }

  private static URI tlsUri(MockWebServer server, String host) {
    return URI.create("https://" + host + ":" + server.getPort() + "/token");
  }

  // Proxies

  /** N14: a proxy gets a tunnel to dig and no secret. */
  @ParameterizedTest
  @ValueSource(strings = {"502 Bad Gateway", "407 Proxy Authentication Required", "200 OK"})
  void proxyRefusesTheTunnel_notSent(String status) {
    RawServer proxy =
        opened(
            RawServer.closingAfter(
                RawServer.answer(status, "Proxy-Authenticate: Basic realm=\"x\"\r\n", "")));

    notSent(
        send(endpoint(behind(proxy)), refresh(URI.create("https://api.example.com/token")), LONG));

    assertFalse(proxy.requests().isEmpty());
    for (RawServer.Seen seen : proxy.requests()) {
      assertTrue(seen.head().startsWith("CONNECT api.example.com:443 "), seen.head());
      assertFalse((seen.head() + seen.body()).contains("canary"));
    }
  }

  /** N14: what is not encrypted goes past the proxy, to loopback. */
  @Test
  void plainHttpAndAProxy_proxySeesNothing() {
    RawServer proxy = opened(RawServer.answering(OK));
    RawServer server = opened(RawServer.answering(OK));

    answered(send(endpoint(behind(proxy)), refresh(server.uri("/token")), LONG));

    assertEquals(0, proxy.requests().size());
    assertEquals(1, server.requests().size());
  }

  private static OkHttpClient behind(RawServer proxy) {
    return new OkHttpClient.Builder()
        .proxy(new Proxy(Proxy.Type.HTTP, new InetSocketAddress("127.0.0.1", proxy.port())))
        .build();
  }

  // What is the host's stays the host's

  @Test
  void hostsOwnHelpers_notUsed(@TempDir Path directory) throws Exception {
    List<String> used = new CopyOnWriteArrayList<>();
    OkHttpClient host =
        new OkHttpClient.Builder()
            .addInterceptor(
                chain -> {
                  used.add("interceptor");
                  return chain.proceed(chain.request());
                })
            .addNetworkInterceptor(
                chain -> {
                  used.add("network interceptor");
                  return chain.proceed(chain.request());
                })
            .authenticator(
                (route, response) -> {
                  used.add("authenticator");
                  return response.request();
                })
            .cookieJar(
                new CookieJar() {
                  @Override
                  public void saveFromResponse(HttpUrl url, List<Cookie> cookies) {
                    used.add("cookies");
                  }

                  @Override
                  public List<Cookie> loadForRequest(HttpUrl url) {
                    used.add("cookies");
                    return List.of();
                  }
                })
            .cache(new Cache(directory.toFile(), 1024 * 1024))
            .eventListenerFactory(
                call -> {
                  used.add("event listener factory");
                  return new EventListener() {
                    @Override
                    public void callStart(Call started) {
                      used.add("event listener");
                    }
                  };
                })
            .callTimeout(Duration.ofMillis(1))
            .readTimeout(Duration.ofMillis(1))
            .build();
    RawServer server =
        opened(
            new RawServer(
                (request, out, self) -> {
                  self.pause(50);
                  String text =
                      RawServer.answer(
                          "401 Unauthorized",
                          "WWW-Authenticate: Basic realm=\"x\"\r\nSet-Cookie: a=b\r\n"
                              + "Cache-Control: max-age=60\r\n",
                          "{}");
                  out.write(text.getBytes(StandardCharsets.ISO_8859_1));
                }));
    TokenEndpoint own = endpoint(host);

    send(own, refresh(server.uri("/token")), LONG);
    send(own, BrokerRequest.get(server.uri("/token")), LONG);
    Answer answer = answered(send(own, BrokerRequest.get(server.uri("/token")), LONG));

    assertEquals(401, answer.status());
    assertEquals(List.of(), used);
    assertEquals(3, server.requests().size());
    assertEquals("", server.requests().get(2).header("Cookie"));
    assertEquals(0, host.cache().requestCount());
  }

  @Test
  void hostsEventListener_notUsed() {
    List<String> used = new CopyOnWriteArrayList<>();
    OkHttpClient host =
        new OkHttpClient.Builder()
            .eventListener(
                new EventListener() {
                  @Override
                  public void callStart(Call started) {
                    used.add("event listener");
                  }
                })
            .build();
    RawServer server = opened(RawServer.answering(OK));

    answered(send(endpoint(host), refresh(server.uri("/token")), LONG));

    assertEquals(List.of(), used);
  }

  // Headers

  /** Experiment 1.1: a header value that can't be sent is refused, and not shown. */
  @ParameterizedTest
  @ValueSource(strings = {"canary\r\nX: y", "canary\n", "canary\u0000", "canaryé", "canary\u007f"})
  void badHeaderValue_refusedWithoutShowingIt(String value) {
    RawServer server = opened(RawServer.answering(OK));
    BrokerRequest request = refresh(server.uri("/token"));

    for (org.junit.jupiter.api.function.Executable attempt :
        List.<org.junit.jupiter.api.function.Executable>of(
            () -> endpoint.send(request.header("X-Api-Key", value), Map.of(), null, LONG),
            () -> endpoint.send(request, Map.of("X-Api-Key", value), null, LONG),
            () -> endpoint.send(request, Map.of(), "Bearer " + value, LONG))) {
      BrokerConfigurationException refused =
          assertThrows(BrokerConfigurationException.class, attempt);
      assertFalse(refused.toString().contains("canary"), refused::toString);
      assertNull(refused.getCause());
    }
    assertEquals(0, server.requests().size());
  }

  /** The request's own headers win over the broker's; the bearer over both. */
  @Test
  void headers_requestOverBroker() {
    RawServer server = opened(RawServer.answering(OK));

    endpoint.send(
        refresh(server.uri("/token")).header("User-Agent", "own"),
        Map.of("User-Agent", "brokers", "X-Broker", "yes"),
        "Bearer canary-at",
        LONG);

    RawServer.Seen seen = server.requests().get(0);
    assertEquals("own", seen.header("User-Agent"));
    assertEquals("yes", seen.header("X-Broker"));
    assertEquals("Bearer canary-at", seen.header("Authorization"));
    assertEquals("application/x-www-form-urlencoded", seen.header("Content-Type"));
    assertTrue(seen.body().contains("refresh_token=" + SECRET));
  }

  /** A pool that shuts down interrupts whoever waits for the store just before. */
  @Test
  void interruptedBefore_sentAllTheSame_stillInterruptedAfterwards_C4() throws Exception {
    try (MockWebServer server = new MockWebServer()) {
      server.start();
      for (int i = 0; i < 2; i++) { // on a new connection, and on one that is there
        server.enqueue(new MockResponse.Builder().body("{}").build());
        Thread.currentThread().interrupt();
        TokenEndpoint.Result result = send(server.url("/token").uri());

        assertTrue(Thread.interrupted());
        assertInstanceOf(TokenEndpoint.Result.Answered.class, result);
      }
    }
  }

  /** OkHttp declares none and throws it where it races addresses. */
  @Test
  void interruptedWhileItConnects_toldAsNotSent() {
    OkHttpClient host =
        new OkHttpClient.Builder()
            .dns(
                name -> {
                  throw TokenEndpointTest.<RuntimeException>undeclared(new InterruptedException());
                })
            .build();

    TokenEndpoint.Result result =
        send(endpoint(host), refresh(URI.create("https://auth.example.com/token")), LONG);

    assertInstanceOf(TokenEndpoint.Result.NotSent.class, result);
  }

  @SuppressWarnings("unchecked")
  private static <X extends Exception> X undeclared(Exception e) throws X {
    throw (X) e;
  }
}
