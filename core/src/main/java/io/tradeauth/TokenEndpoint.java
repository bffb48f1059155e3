package io.tradeauth;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.SocketFactory;
import javax.net.ssl.HostnameVerifier;
import javax.net.ssl.SSLException;
import okhttp3.Authenticator;
import okhttp3.Call;
import okhttp3.ConnectionPool;
import okhttp3.ConnectionSpec;
import okhttp3.CookieJar;
import okhttp3.Dispatcher;
import okhttp3.EventListener;
import okhttp3.Headers;
import okhttp3.HttpUrl;
import okhttp3.Interceptor;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.Route;
import okio.BufferedSink;
import okio.BufferedSource;
import okio.Utf8;
import org.jspecify.annotations.Nullable;

/**
 * Sends a request once: one attempt is one request on the wire, whatever happens to it.
 *
 * <p>OkHttp resends a POST whose connection dies, and after a 408, a 503 with {@code Retry-After:
 * 0} or a 307; each of these would spend a refresh token twice. So redirects and retries are off,
 * and every body is one-shot, which alone cures all four. Nothing of the host's client that could
 * recurse or print a body is taken over: no interceptors, no authenticator, no cookies, no cache.
 * Called on the manager's own threads only, because an interrupt would tear an answer away. For any
 * number of threads.
 */
final class TokenEndpoint {

  private static final long LARGEST_BODY = 64 * 1024;

  private final WatchedSockets sockets = new WatchedSockets();
  private final OkHttpClient http;
  private final OkHttpClient withoutBody;
  private volatile @Nullable Address latest;

  TokenEndpoint(OkHttpClient host, Duration connectTimeout) {
    OkHttpClient.Builder own =
        host.newBuilder()
            .dispatcher(new Dispatcher())
            .connectionPool(new ConnectionPool(64, 5, TimeUnit.MINUTES))
            .connectTimeout(connectTimeout)
            .protocols(List.of(Protocol.HTTP_1_1))
            .followRedirects(false)
            .followSslRedirects(false)
            .retryOnConnectionFailure(false)
            .authenticator(Authenticator.NONE)
            .hostnameVerifier(HostNames.CHECKED)
            .proxy(null)
            .proxySelector(new TunnelsOnly(host.proxy(), host.proxySelector()))
            .cookieJar(CookieJar.NO_COOKIES)
            .cache(null)
            .readTimeout(Duration.ZERO)
            .writeTimeout(Duration.ZERO)
            .eventListenerFactory(call -> progressOf(call.request()));
    own.interceptors().clear();
    own.networkInterceptors().clear();
    own.addNetworkInterceptor(this::aloneIfUnwatched);
    if (host.socketFactory().equals(SocketFactory.getDefault())) {
      own.socketFactory(sockets); // the host's own may be the only way out
    }
    this.http = own.build();
    this.withoutBody =
        http.newBuilder().addNetworkInterceptor(TokenEndpoint::withoutInvitation).build();
  }

  /** What no one looks at for answers that nobody asked for carries one request and no second. */
  private Response aloneIfUnwatched(Interceptor.Chain chain) throws IOException {
    Request request = chain.request();
    Route route = requireNonNull(chain.connection()).route(); // it has one on the network's side
    boolean watched =
        route.address().socketFactory() == sockets
            && route.proxy().type() != Proxy.Type.SOCKS; // OkHttp makes these sockets by itself
    return chain.proceed(
        watched ? request : request.newBuilder().header("Connection", "close").build());
  }

  /** OkHttp takes {@code Retry-After: 0} of a 503 as an invitation to resend what has no body. */
  private static Response withoutInvitation(Interceptor.Chain chain) throws IOException {
    Response response = chain.proceed(chain.request());
    String wait = response.header("Retry-After");
    return wait != null && wait.matches("0+")
        ? response.newBuilder().header("Retry-After", "1").build()
        : response;
  }

  /** The check of host names as OkHttp makes it: no setting of the host's switches it off. */
  private static final class HostNames {

    static final HostnameVerifier CHECKED =
        new OkHttpClient.Builder()
            .connectionSpecs(List.of(ConnectionSpec.CLEARTEXT)) // spares it to load the trust store
            .build()
            .hostnameVerifier();

    private HostNames() {}
  }

  /**
   * The host's proxies for what is encrypted; plain HTTP, to a loopback address in tests, goes
   * there itself, or the proxy could read it.
   */
  private static final class TunnelsOnly extends ProxySelector {

    private final @Nullable Proxy fixed;
    private final ProxySelector hosts;

    TunnelsOnly(@Nullable Proxy fixed, ProxySelector hosts) {
      this.fixed = fixed;
      this.hosts = hosts;
    }

    @Override
    public List<Proxy> select(URI uri) {
      if (!"https".equalsIgnoreCase(uri.getScheme())) {
        return List.of(Proxy.NO_PROXY);
      }
      return fixed != null ? List.of(fixed) : hosts.select(uri);
    }

    @Override
    public void connectFailed(URI uri, SocketAddress proxy, IOException failure) {
      hosts.connectFailed(uri, proxy, failure);
    }
  }

  /** An address as text and taken apart. */
  private record Address(URI uri, HttpUrl url) {}

  /** What became of an attempt. */
  sealed interface Result {

    /** No byte of the request left. */
    record NotSent(IOException cause, boolean tls) implements Result {}

    /** Bytes left, and no whole answer came back. */
    record Lost(@Nullable IOException cause) implements Result {}

    /** A whole answer came back. */
    record Answered(Answer answer) implements Result {}
  }

  private static EventListener progressOf(Request request) {
    Progress progress = request.tag(Progress.class);
    return progress != null ? progress : EventListener.NONE;
  }

  /**
   * Whether a request has begun to leave, and whether what comes is its answer. OkHttp gives a
   * connection on as soon as it has an answer in its full length (its issue 9726): if a server
   * sends it twice, or says that the connection has been idle, the next request would be answered
   * before it is sent, with another user's tokens. Each call has its own; used by the thread that
   * sends, if not said otherwise.
   */
  private static final class Progress extends EventListener implements WatchedSockets.Watcher {

    volatile boolean begun;
    boolean isUnasked;
    private volatile boolean connects; // by a thread of OkHttp's if it races addresses
    private boolean writes;
    private boolean hasRead;

    @Override
    public void connectStart(Call call, InetSocketAddress address, Proxy proxy) {
      connects = true;
    }

    @Override
    public void requestHeadersStart(Call call) {
      begun = true;
      writes = false;
      hasRead = false;
    }

    @Override
    public void writes(InputStream incoming) throws IOException {
      if (begun && !writes && !connects && incoming.available() > 0) {
        begun = false;
        isUnasked = true;
      }
      writes = true;
      if (isUnasked) {
        throw unasked(); // OkHttp looks for an answer nevertheless
      }
    }

    @Override
    public void hasRead() {
      hasRead = true;
    }

    @Override
    public void responseHeadersEnd(Call call, Response response) {
      isUnasked |= writes && !hasRead;
    }

    static IOException unasked() {
      return new IOException("something came on the connection that nobody had asked for");
    }
  }

  /**
   * Sends a request and waits for the whole answer.
   *
   * @param headers what the broker wants on every request; the request's own win
   * @param bearer the value of the {@code Authorization} header; null for none
   * @throws BrokerConfigurationException if a header can't be sent; nothing was then
   */
  Result send(
      BrokerRequest request,
      Map<String, String> headers,
      @Nullable String bearer,
      Duration timeout) {
    // Whoever interrupted what came before wants the thread, and not the answer torn away.
    boolean interrupted = Thread.interrupted();
    try {
      return attempt(request, headers, bearer, timeout);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private Result attempt(
      BrokerRequest request,
      Map<String, String> headers,
      @Nullable String bearer,
      Duration timeout) {
    Progress progress = new Progress();
    OkHttpClient client = request.body() == null ? withoutBody : http;
    Call call = client.newCall(toOkHttp(request, headers, bearer, progress));
    call.timeout().timeout(timeout.toMillis(), TimeUnit.MILLISECONDS);
    sockets.watch(progress);
    try (Response response = call.execute()) {
      if (progress.isUnasked) {
        call.cancel();
        return progress.begun
            ? new Result.Lost(null)
            : new Result.NotSent(Progress.unasked(), false);
      }
      String body = body(response.body().source());
      if (body == null) {
        call.cancel(); // or closing it reads on for a while, to keep the connection
        return new Result.Lost(null);
      }
      if (hasTwoLengths(response.headers())) {
        client.connectionPool().evictAll(); // or what is left of it is read as the next answer
      }
      return new Result.Answered(
          Answer.of(response.code(), response.headers(), body, request.uri()));
    } catch (IOException e) {
      return failed(progress, e);
    } catch (Exception e) {
      // Something foreign failed, such as a DNS or proxy selector of the host's; and OkHttp throws
      // an undeclared InterruptedException where it races addresses.
      return failed(progress, wordless(e));
    } finally {
      sockets.watch(null);
    }
  }

  private static Result failed(Progress progress, IOException failure) {
    if (progress.begun) {
      return new Result.Lost(wordless(failure));
    }
    return progress.isUnasked
        ? new Result.NotSent(Progress.unasked(), false) // OkHttp's own shows what has come
        : new Result.NotSent(failure, failure instanceof SSLException);
  }

  private static boolean hasTwoLengths(Headers headers) {
    String length = headers.get("Content-Length");
    for (int i = 0; length != null && i < headers.size(); i++) {
      if (headers.name(i).equalsIgnoreCase("Content-Length") && !headers.value(i).equals(length)) {
        return true;
      }
    }
    return false;
  }

  /** Once the server may have answered, a message may show a piece of the answer. */
  private static IOException wordless(Exception e) {
    IOException wordless = new IOException(e.getClass().getSimpleName());
    wordless.setStackTrace(e.getStackTrace());
    return wordless;
  }

  /** Returns the whole body, or null if it is larger than any token answer. */
  private static @Nullable String body(BufferedSource source) throws IOException {
    return source.request(LARGEST_BODY + 1) ? null : source.readUtf8();
  }

  private Request toOkHttp(
      BrokerRequest request,
      Map<String, String> headers,
      @Nullable String bearer,
      Progress progress) {
    Request.Builder builder =
        new Request.Builder()
            .tag(Progress.class, progress)
            .url(address(request.uri()))
            .header("Accept-Encoding", "identity"); // a small answer must not unpack to a huge one
    headers.forEach((name, value) -> header(builder, name, value));
    request.headers().forEach((name, value) -> header(builder, name, value));
    if (bearer != null) {
      header(builder, "Authorization", bearer);
    }
    String type = request.contentType();
    if (type != null) {
      builder.header("Content-Type", type);
    }
    String body = request.body();
    return builder.method(request.method(), body == null ? null : new OneShot(body)).build();
  }

  /** Takes an address apart, unless it is the one of the call before, as it nearly always is. */
  private HttpUrl address(URI uri) {
    Address known = latest;
    if (known == null || !known.uri().equals(uri)) {
      known = new Address(uri, HttpUrl.get(uri.toString()));
      latest = known;
    }
    return known.url();
  }

  /** OkHttp would print the value of a bad header. */
  private static void header(Request.Builder builder, String name, String value) {
    if (!ServerText.isPrintable(value)) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          "header " + name + ": has a character that is not printable ASCII");
    }
    builder.header(name, value);
  }

  /** Stops the threads and connections that are idle. */
  void close() {
    http.connectionPool().evictAll();
  }

  /** A body that OkHttp may write once. */
  private static final class OneShot extends RequestBody {

    private final String body;

    OneShot(String body) {
      this.body = body;
    }

    /** Returns nothing: the request has the header, and nobody needs to take it apart. */
    @Override
    public @Nullable MediaType contentType() {
      return null;
    }

    @Override
    public long contentLength() {
      return Utf8.size(body);
    }

    @Override
    public boolean isOneShot() {
      return true;
    }

    @Override
    public void writeTo(BufferedSink sink) throws IOException {
      sink.writeUtf8(body);
    }
  }
}
