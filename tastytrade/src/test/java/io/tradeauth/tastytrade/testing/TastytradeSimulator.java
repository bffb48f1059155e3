package io.tradeauth.tastytrade.testing;

import static io.tradeauth.tastytrade.testing.Answers.apiError;
import static io.tradeauth.tastytrade.testing.Answers.nginx;
import static io.tradeauth.tastytrade.testing.Answers.page;
import static io.tradeauth.tastytrade.testing.Answers.tokenError;

import io.tradeauth.TimeSource;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Simulator;
import io.tradeauth.testing.Wire;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import org.jspecify.annotations.Nullable;

/**
 * tastytrade on this machine: production and sandbox, each with its REST host, its authorize page
 * and its account streamer, and nothing shared between the two.
 *
 * <pre>{@code
 * try (TastytradeSimulator tastytrade = new TastytradeSimulator(clock)) {
 *   User alice = tastytrade.live().addUser("alice");
 *   // alice.clientSecret() and alice.refreshToken() are what she would copy from the web pages
 *   alice.deleteGrant();
 * }
 * }</pre>
 *
 * <p>It answers every row of the fact sheet's table of mock behaviours. Where the sheet only infers
 * an answer, a test can have another one: {@link #fail} with {@link Fault#after} changes the right
 * answer, and {@link Fault#instead} replaces it. The fault switches work on both environments. For
 * any number of threads.
 */
public final class TastytradeSimulator extends Simulator {

  /** {@code POST /oauth/token}. */
  public static final String TOKEN = "token";

  /** {@code GET /auth.html}, the authorize page. */
  public static final String AUTHORIZE = "authorize";

  /** {@code GET /customers/me}. */
  public static final String CUSTOMER = "customer";

  /** {@code GET /customers/me/accounts}. */
  public static final String ACCOUNTS = "accounts";

  /** {@code GET /customers/me/accounts/{n}}. */
  public static final String ACCOUNT = "account";

  /** {@code POST /accounts/{n}/orders}. */
  public static final String ORDERS = "orders";

  /** {@code GET /api-quote-tokens}. */
  public static final String QUOTE_TOKEN = "quote-token";

  /** {@code POST} and {@code DELETE /sessions}. */
  public static final String SESSIONS = "sessions";

  /** {@code POST /sessions/validate}. */
  public static final String VALIDATE = "validate";

  /** {@code POST /device-challenge}, of the logins of 2025. */
  public static final String DEVICE_CHALLENGE = "device-challenge";

  /** The handshake of the account streamer. */
  public static final String STREAMER = "streamer";

  /** A {@code connect} message to the account streamer; its status in the log is 200 or 400. */
  public static final String STREAMER_CONNECT = "streamer.connect";

  /**
   * Any message but {@code connect} to the account streamer; its status in the log is 200 or 400.
   */
  public static final String STREAMER_MESSAGE = "streamer.message";

  /** Anything else. */
  public static final String OTHER = "other";

  private static final Pattern PRODUCT_AND_VERSION = Pattern.compile("^[^/\\s]+/[^\\s]+");

  /** Section 10: "about 8 hours". */
  private static final long BLOCK = Duration.ofHours(8).toMillis();

  final Secrets secrets = new Secrets();

  boolean echoesRefreshToken;
  boolean saysUnauthorized;

  private final Environment live;
  private final Environment sandbox;

  private int failedLoginsAllowed = Integer.MAX_VALUE;
  private int failedLogins;
  private long blockedUntil = Long.MIN_VALUE;

  /** Makes a simulator that lives by {@code time} and serves at once. */
  public TastytradeSimulator(TimeSource time) {
    super(time);
    live = open("live", false);
    sandbox = open("sandbox", true);
  }

  private Environment open(String name, boolean isSandbox) {
    return new Environment(
        this, isSandbox, start(name), start(name + "-page"), start(name + "-streamer"));
  }

  /** Returns production. */
  public Environment live() {
    return live;
  }

  /** Returns the sandbox, which the sheet calls "cert". */
  public Environment sandbox() {
    return sandbox;
  }

  /** Row 3: lets refreshes return the refresh token that was sent, or not, as is normal. */
  public void echoRefreshToken(boolean echoes) {
    locked(() -> echoesRefreshToken = echoes);
  }

  /**
   * Row 12: lets the next {@code times} good refreshes in the sandbox fail as before the market.
   */
  public void preOpen(int times) {
    locked(() -> sandbox.preOpenAnswers = times);
  }

  /**
   * Row 14: lets the next {@code times} calls of {@code endpoint} meet an outage: a 502 page, a
   * 503, a 500 in JSON, a connection that is reset, and again from the start.
   */
  public void outage(String endpoint, int times) {
    List<Supplier<Fault>> stages =
        List.of(
            () -> Fault.instead(page(502, "502 Bad Gateway")),
            () -> Fault.instead(nginx(503).build()),
            () -> Fault.instead(apiError(500, "internal_server_error", supported("Error"))),
            Fault::reset);
    for (int i = 0; i < times; i++) {
      fail(endpoint, stages.get(i % stages.size()).get(), 1);
    }
  }

  /**
   * Row 15: lets the next {@code times} calls of {@code endpoint} be too many; no hint is given.
   */
  public void throttle(String endpoint, int times) {
    fail(endpoint, Fault.instead(apiError(429, "too_many_requests", "Too many requests")), times);
  }

  /** Section 6: lets the next {@code times} token requests find the sandbox's backend down. */
  public void backendDown(int times) {
    fail(
        TOKEN,
        Fault.instead(
            tokenError(
                "internal_server_error", "Failed request to get http://backend.invalid/users")),
        times);
  }

  /**
   * Row 16: after more than {@code failures} failed logins in a row connections are accepted and
   * nothing is ever answered, for 8 hours. Never, unless this was called.
   */
  public void blockAfter(int failures) {
    locked(() -> failedLoginsAllowed = failures);
  }

  /**
   * Row 17: lets calls without a usable token be answered {@code unauthorized}, or as is normal.
   */
  public void sayUnauthorized(boolean says) {
    locked(() -> saysUnauthorized = says);
  }

  /** Row 24: lets both environments take the logins of 2025, with user name and password. */
  public void sessionsOf2025() {
    locked(
        () -> {
          live.sessions.open();
          sandbox.sessions.open();
        });
  }

  /** Row 24: lets both environments refuse user names and passwords, in a way that nobody knows. */
  public void sessionsOfToday(int status, String body) {
    locked(
        () -> {
          live.sessions.close(status, body);
          sandbox.sessions.close(status, body);
        });
  }

  @Override
  protected String endpoint(String host, RecordedRequest request) {
    String path = request.getUrl().encodedPath();
    if (host.endsWith("-streamer")) {
      return STREAMER;
    }
    if (host.endsWith("-page")) {
      return path.equals("/auth.html") ? AUTHORIZE : OTHER;
    }
    return apiEndpoint(Objects.requireNonNullElse(request.getMethod(), ""), path);
  }

  private static String apiEndpoint(String method, String path) {
    return switch (method + " " + path) {
      case "POST /oauth/token" -> TOKEN;
      case "GET /customers/me" -> CUSTOMER;
      case "GET /customers/me/accounts" -> ACCOUNTS;
      case "GET /api-quote-tokens" -> QUOTE_TOKEN;
      case "POST /sessions", "DELETE /sessions" -> SESSIONS;
      case "POST /sessions/validate" -> VALIDATE;
      case "POST /device-challenge" -> DEVICE_CHALLENGE;
      default -> {
        if (method.equals("GET") && path.startsWith("/customers/me/accounts/")) {
          yield ACCOUNT;
        }
        yield method.equals("POST") && path.matches("/accounts/[^/]+/orders") ? ORDERS : OTHER;
      }
    };
  }

  @Override
  protected String owner(String host, String endpoint, RecordedRequest request) {
    String secret = endpoint.equals(TOKEN) ? presented(request) : Wire.bearer(request);
    String owner = secret == null ? null : ledger().owner(secret);
    return owner == null ? "" : owner;
  }

  private static @Nullable String presented(RecordedRequest request) {
    var fields = Environment.fields(request);
    return fields.getOrDefault("refresh_token", fields.get("code"));
  }

  /** Rows 1 and 16: what the proxy in front of everything does. */
  @Override
  protected @Nullable Fault standingFault(String host, String endpoint, RecordedRequest request) {
    if (time().wallMillis() < blockedUntil) {
      return Fault.stall();
    }
    String userAgent = request.getHeaders().get("User-Agent");
    return userAgent != null && PRODUCT_AND_VERSION.matcher(userAgent).find()
        ? null
        : Fault.instead(page(401, "401 Authorization Required"));
  }

  @Override
  protected MockResponse answer(String host, String endpoint, RecordedRequest request) {
    Environment environment = host.startsWith("live") ? live : sandbox;
    return switch (endpoint) {
      case TOKEN -> environment.token(request);
      case AUTHORIZE -> environment.authorize(request);
      case STREAMER -> environment.stream(request);
      default ->
          host.endsWith("-page") ? page(404, "404 Not Found") : environment.api(endpoint, request);
    };
  }

  /** Answers a call without usable credentials; row 17. */
  MockResponse unauthenticated() {
    return saysUnauthorized
        ? apiError(401, "unauthorized", supported("Unauthorized"))
        : Answers.tokenInvalid();
  }

  /** Answers a session call without a session; section 7. */
  MockResponse noSession() {
    return apiError(401, "invalid_session", supported("Session user not present"));
  }

  /** Adds what tastytrade's support asks for: 32 hexadecimal digits. */
  private String supported(String message) {
    return message + ". Unique customer support identifier: " + secrets.hex(32);
  }

  void loginFailed() {
    failedLogins++;
    if (failedLogins > failedLoginsAllowed) {
      failedLogins = 0;
      blockedUntil = time().wallMillis() + BLOCK;
    }
  }

  void loginSucceeded() {
    failedLogins = 0;
  }

  <T> T guarded(Supplier<T> use) {
    return locked(use);
  }

  long now() {
    return time().wallMillis();
  }

  void logged(Environment environment, String endpoint, String owner, int status) {
    log(environment == live ? "live-streamer" : "sandbox-streamer", endpoint, owner, status);
  }

  /** Returns a host's address for a socket. */
  static URI socket(URI base) {
    return URI.create("ws" + base.toString().substring("http".length()));
  }
}
