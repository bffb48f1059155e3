package io.tradeauth.upstox.testing;

import io.tradeauth.TimeSource;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Simulator;
import io.tradeauth.testing.Wire;
import io.tradeauth.upstox.testing.UpstoxState.App;
import io.tradeauth.upstox.testing.UpstoxState.Code;
import io.tradeauth.upstox.testing.UpstoxState.Kind;
import io.tradeauth.upstox.testing.UpstoxState.Token;
import io.tradeauth.upstox.testing.UpstoxState.User;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import okhttp3.HttpUrl;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okhttp3.WebSocketListener;
import okio.Buffer;
import org.jspecify.annotations.Nullable;

/**
 * Upstox on this machine: the login dialog, the token and approval endpoints, the webhook, the
 * profile and what else takes a token, as its fact sheet describes them.
 *
 * <p>Endpoints are named in the log {@code dialog}, {@code token}, {@code approval}, {@code
 * logout}, {@code profile}, {@code ip}, {@code set-ip}, {@code funds}, {@code positions}, {@code
 * holdings}, {@code orders}, {@code quotes}, {@code place}, {@code modify}, {@code cancel}, {@code
 * multi-place}, {@code market-feed}, {@code portfolio-feed}, {@code market-socket}, {@code
 * portfolio-socket}, {@code socket}; anything else {@code unknown}.
 *
 * <p>Not Upstox's but chosen here, because nothing is published: a code lives 2 minutes ({@link
 * #codeLife}); a new token leaves the old one alive ({@link #newTokenEndsOld}); most error statuses
 * ({@link #status}); which reads an extended token may do ({@link #extendedMayCall}); no rate
 * limits ({@link #limit}, {@link #documentedLimits}). For any number of threads.
 */
public final class UpstoxSimulator extends Simulator {

  /** Says who sits at the browser when the dialog is opened; without it, the owner of the app. */
  public static final String USER_HEADER = "X-Simulator-User";

  private static final MediaType JSON = MediaType.get("application/json");
  private static final String API = "api";
  private static final String ORDERS = "orders";
  private static final String SANDBOX = "sandbox";

  private static final String APPROVAL_PATH = "/v3/login/auth/token/request";

  private static final Map<String, String> ENDPOINTS =
      Map.ofEntries(
          Map.entry("GET /v2/login/authorization/dialog", "dialog"),
          Map.entry("POST /v2/login/authorization/token", "token"),
          Map.entry("DELETE /v2/logout", "logout"),
          Map.entry("GET /v2/user/profile", "profile"),
          Map.entry("GET /v2/user/ip", "ip"),
          Map.entry("PUT /v2/user/ip", "set-ip"),
          Map.entry("GET /v2/user/get-funds-and-margin", "funds"),
          Map.entry("GET /v2/portfolio/short-term-positions", "positions"),
          Map.entry("GET /v2/portfolio/long-term-holdings", "holdings"),
          Map.entry("GET /v2/order/retrieve-all", "orders"),
          Map.entry("GET /v2/market-quote/quotes", "quotes"),
          Map.entry("GET /v3/feed/market-data-feed/authorize", "market-feed"),
          Map.entry("GET /v2/feed/portfolio-stream-feed/authorize", "portfolio-feed"),
          Map.entry("GET /v3/feed/market-data-feed", "market-socket"),
          Map.entry("GET /v2/feed/portfolio-stream-feed", "portfolio-socket"),
          Map.entry("GET /market-data-feeder/v3/upstox-developer-api/feeds", "socket"),
          Map.entry("GET /portfolio-stream-feeder/v1/feeds", "socket"),
          Map.entry("POST /v2/order/place", "place"),
          Map.entry("PUT /v2/order/modify", "modify"),
          Map.entry("DELETE /v2/order/cancel", "cancel"),
          Map.entry("POST /v3/order/place", "place"),
          Map.entry("PUT /v3/order/modify", "modify"),
          Map.entry("DELETE /v3/order/cancel", "cancel"),
          Map.entry("POST /v2/order/multi/place", "multi-place"));

  private static final Set<String> ORDER_HOST = Set.of("place", "modify", "cancel");
  private static final Set<String> SANDBOX_HOST =
      Set.of("place", "modify", "cancel", "multi-place");
  private static final Set<String> FOR_BROWSERS = Set.of("dialog", "socket");

  /** Open to an analytics token from anywhere; other reads need the registered address. */
  private static final Set<String> ANALYTICS_ANYWHERE = Set.of("quotes", "market-feed");

  private final UpstoxErrors errors = new UpstoxErrors();
  private final Set<String> extendedMayCall =
      new HashSet<>(Set.of("positions", "holdings", "orders"));
  private final List<Delivery> deliveries = new ArrayList<>();
  private final OkHttpClient http;
  private final UpstoxState state;
  private final URI api;
  private final URI orders;
  private final URI sandbox;
  private UpstoxLimits limits = UpstoxLimits.none();
  private boolean elsewhere;

  /** Starts the servers, which live by {@code time}. */
  public UpstoxSimulator(TimeSource time) {
    super(time);
    state = new UpstoxState(ledger(), time);
    http = new OkHttpClient.Builder().followRedirects(false).build();
    api = start(API);
    orders = start(ORDERS);
    sandbox = start(SANDBOX);
  }

  /** What has become of an app. */
  public enum AppState {
    ACTIVE,
    INACTIVE,
    UNDER_REVIEW,
    EXPIRED
  }

  /**
   * A webhook that was posted.
   *
   * @param clientId the app that it named
   * @param status what the receiver answered; 0 if it could not be reached
   * @param at the simulator's wall clock
   */
  public record Delivery(String clientId, int status, Instant at) {}

  /** Returns the base of the login and API host. */
  public URI api() {
    return api;
  }

  /** Returns the base of the host that only places, modifies and cancels orders. */
  public URI orders() {
    return orders;
  }

  /** Returns the base of the sandbox host, which takes orders with sandbox tokens and no more. */
  public URI sandbox() {
    return sandbox;
  }

  // The world: customers and their apps.

  /** Adds a customer; {@code userId} is a customer code such as {@code AB1234}. */
  public void addUser(String userId) {
    locked(() -> state.addUser(userId));
  }

  /** Registers an app of the customer {@code owner}. */
  public void addApp(String clientId, String clientSecret, String redirectUri, String owner) {
    locked(() -> state.addApp(clientId, clientSecret, redirectUri, owner));
  }

  /** Gives an app another secret. */
  public void replaceSecret(String clientId, String clientSecret) {
    locked(() -> state.replaceSecret(clientId, clientSecret));
  }

  /** Sets an app's notifier URL, which webhooks are posted to; null takes it away. */
  public void notifier(String clientId, @Nullable URI notifier) {
    locked(() -> state.app(clientId).notifier = notifier);
  }

  /** Sets what has become of an app. */
  public void appState(String clientId, AppState appState) {
    locked(() -> state.app(clientId).state = appState);
  }

  /** Makes an app one of those that get no extended tokens. */
  public void withoutExtendedTokens(String clientId) {
    locked(() -> state.app(clientId).extendedTokens = false);
  }

  /** Sets whether a customer has an active segment. */
  public void segments(String userId, boolean active) {
    locked(() -> state.user(userId).segments = active);
  }

  /** Makes a customer a company, which can't be asked for approval. */
  public void notAnIndividual(String userId) {
    locked(() -> state.user(userId).individual = false);
  }

  // What people do.

  /**
   * Does what the browser of {@code userId} does with an authorization URL, login included.
   *
   * @return the redirect back to the application, with code and state
   * @throws IllegalStateException if the dialog does not redirect
   */
  public URI signIn(URI authorizationUrl, String userId) {
    Request request =
        new Request.Builder().url(authorizationUrl.toString()).header(USER_HEADER, userId).build();
    try (Response response = http.newCall(request).execute()) {
      String location = response.header("Location");
      if (location == null) {
        throw new IllegalStateException("the dialog answered " + response.code());
      }
      return URI.create(location);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Approves what the app asked its owner for: issues a token and posts it to the notifier, once.
   *
   * @return what was posted
   * @throws IllegalStateException if nothing is asked for, or the time for it is over
   */
  public UpstoxWebhook approve(String clientId) {
    UpstoxWebhook webhook = locked(() -> approved(clientId));
    deliver(webhook);
    return webhook;
  }

  private UpstoxWebhook approved(String clientId) {
    App app = state.app(clientId);
    URI notifier = app.notifier;
    if (state.now() >= app.askedUntil || notifier == null) {
      throw new IllegalStateException("clientId: nothing is asked for");
    }
    app.askedUntil = 0;
    Token token = state.newAccessToken(app.owner);
    return new UpstoxWebhook(
        notifier,
        clientId,
        app.owner.id,
        token.value,
        "Bearer",
        Instant.ofEpochMilli(token.issuedAt),
        Instant.ofEpochMilli(token.expiresAt),
        "access_token");
  }

  /** Declines what the app asked its owner for: nothing is sent. */
  public void reject(String clientId) {
    locked(() -> state.app(clientId).askedUntil = 0);
  }

  /**
   * Posts a webhook as it is, without a second try.
   *
   * @return what the receiver answered; 0 if it could not be reached
   */
  public int deliver(UpstoxWebhook webhook) {
    int status = post(webhook);
    locked(() -> deliveries.add(new Delivery(webhook.clientId(), status, time().now())));
    return status;
  }

  private int post(UpstoxWebhook webhook) {
    Request request =
        new Request.Builder()
            .url(webhook.notifier().toString())
            .post(RequestBody.create(webhook.body(), JSON))
            .build();
    try (Response response = http.newCall(request).execute()) {
      return response.code();
    } catch (IOException e) {
      return 0; // told by the status; Upstox does not try again either
    }
  }

  /** Returns every webhook that was posted, oldest first. */
  public List<Delivery> deliveries() {
    return locked(() -> List.copyOf(deliveries));
  }

  /** Presses the console's Generate button: an access token without a dialog. */
  public String consoleToken(String userId) {
    return locked(() -> state.newAccessToken(state.user(userId)).value);
  }

  /** Makes an analytics token in the console; the one before ends. */
  public String analyticsToken(String userId) {
    return locked(() -> state.newAnalyticsToken(state.user(userId)).value);
  }

  /** Makes a sandbox token in the console; the one before ends. */
  public String sandboxToken(String userId) {
    return locked(() -> state.newSandboxToken(state.user(userId)).value);
  }

  /** Ends all access tokens of a customer. */
  public void endTokens(String userId) {
    locked(() -> state.user(userId).generation++);
  }

  // What the sheet leaves open, and the faults that it names.

  /** Sets the HTTP status of an error code. */
  public void status(String errorCode, int status) {
    locked(() -> errors.status(errorCode, status));
  }

  /** Sets how long a code of the dialog lives. */
  public void codeLife(Duration life) {
    locked(() -> state.codeLife = life);
  }

  /** Sets whether a new access token ends the customer's old ones. */
  public void newTokenEndsOld(boolean ends) {
    locked(() -> state.newTokenEndsOld = ends);
  }

  /** Opens an endpoint, as named in the log, to extended tokens. */
  public void extendedMayCall(String endpoint) {
    locked(() -> extendedMayCall.add(endpoint));
  }

  /** Sets whether calls come from another address than the registered one. */
  public void callsFromElsewhere(boolean fromElsewhere) {
    locked(() -> elsewhere = fromElsewhere);
  }

  /** Limits the calls of each customer to each endpoint. */
  public void limit(int perSecond, int perMinute, int perHalfHour) {
    locked(() -> limits = new UpstoxLimits(perSecond, perMinute, perHalfHour));
  }

  /** Limits calls as documented: 50 a second, 500 a minute, 2000 in half an hour. */
  public void documentedLimits() {
    limit(50, 500, 2000);
  }

  /** A server fault, 500. */
  public static Fault serverFault() {
    return error(UpstoxErrors.SERVER_FAULT);
  }

  /** One call too many, 429. */
  public static Fault throttled() {
    return error(UpstoxErrors.RATE_LIMIT);
  }

  /** One token request too many, 429. */
  public static Fault tokenThrottled() {
    return error(UpstoxErrors.TOKEN_RATE_LIMIT);
  }

  /** A 401 for a token that lives, as order calls have answered. */
  public static Fault deniedToken() {
    return error(UpstoxErrors.INVALID_TOKEN);
  }

  private static Fault error(String code) {
    return Fault.instead(UpstoxErrors.answer(UpstoxErrors.usualStatus(code), code));
  }

  /** An outage: 503 without a body. */
  public static Fault outage() {
    return Fault.instead(new MockResponse.Builder().code(503).build());
  }

  /** The edge's page for clients that it dislikes: 403 and HTML. */
  public static Fault edgeBlock() {
    return Fault.instead(
        new MockResponse.Builder()
            .code(403)
            .setHeader("Content-Type", "text/html; charset=UTF-8")
            .setHeader("Server", "cloudflare")
            .body(
                "<!DOCTYPE html><html><head><title>Access denied</title></head>"
                    + "<body>error code: 1010</body></html>")
            .build());
  }

  /**
   * The server does what it was asked for; its answer is a complete response with half a document.
   */
  public static Fault halfDocument() {
    return Fault.after(UpstoxSimulator::half);
  }

  private static MockResponse half(MockResponse answer) {
    Buffer whole = new Buffer();
    try {
      if (answer.getBody() != null) {
        answer.getBody().writeTo(whole);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    String text = whole.readUtf8();
    return answer.newBuilder().body(text.substring(0, text.length() / 2)).build();
  }

  // The servers.

  @Override
  protected String endpoint(String host, RecordedRequest request) {
    String path = request.getUrl().encodedPath();
    if (request.getMethod().equals("POST") && path.startsWith(APPROVAL_PATH)) {
      return host.equals(API) ? "approval" : "unknown";
    }
    String endpoint = ENDPOINTS.getOrDefault(request.getMethod() + ' ' + path, "unknown");
    return serves(host, endpoint) ? endpoint : "unknown";
  }

  private static boolean serves(String host, String endpoint) {
    return switch (host) {
      case ORDERS -> ORDER_HOST.contains(endpoint);
      case SANDBOX -> SANDBOX_HOST.contains(endpoint);
      default -> true;
    };
  }

  @Override
  protected String owner(String host, String endpoint, RecordedRequest request) {
    User user =
        switch (endpoint) {
          case "dialog" -> visitor(request);
          case "token" -> owner(state.findCode(Wire.form(request).get("code")));
          case "socket" -> owner(state.findSocketCode(request.getUrl().queryParameter("code")));
          case "approval" -> owner(state.findApp(clientIdOfPath(request)));
          default -> owner(state.findToken(Wire.bearer(request)));
        };
    return user == null ? "" : user.id;
  }

  private static @Nullable User owner(@Nullable Code code) {
    return code == null ? null : code.user;
  }

  private static @Nullable User owner(@Nullable App app) {
    return app == null ? null : app.owner;
  }

  private static @Nullable User owner(@Nullable Token token) {
    return token == null ? null : token.user;
  }

  private @Nullable User visitor(RecordedRequest request) {
    User named = state.findUser(request.getHeaders().get(USER_HEADER));
    return named != null
        ? named
        : owner(state.findApp(request.getUrl().queryParameter("client_id")));
  }

  @Override
  protected MockResponse answer(String host, String endpoint, RecordedRequest request) {
    if (!FOR_BROWSERS.contains(endpoint) && !acceptsJson(request)) {
      return new MockResponse.Builder().code(406).build();
    }
    return switch (endpoint) {
      case "dialog" -> dialog(request.getUrl(), visitor(request));
      case "token" -> token(Wire.form(request));
      case "approval" -> approval(clientIdOfPath(request), Wire.json(request));
      case "logout" -> logout(state.findToken(Wire.bearer(request)));
      case "socket" -> socket(request.getUrl().queryParameter("code"));
      case "unknown" -> unknown(host, request.getUrl().encodedPath());
      default -> authenticated(host, endpoint, request);
    };
  }

  private static boolean acceptsJson(RecordedRequest request) {
    String accept = request.getHeaders().get("Accept");
    return accept == null || accept.contains("application/json") || accept.contains("*/*");
  }

  private MockResponse dialog(HttpUrl url, @Nullable User visitor) {
    App app = state.findApp(url.queryParameter("client_id"));
    String redirectUri = url.queryParameter("redirect_uri");
    if (redirectUri == null) {
      return errors.answer(UpstoxErrors.MISSING_REDIRECT);
    }
    if (app == null || visitor == null || !redirectUri.equals(app.redirectUri)) {
      return errors.answer(UpstoxErrors.INVALID_DIALOG);
    }
    if (!"code".equals(url.queryParameter("response_type"))) {
      return errors.answer(UpstoxErrors.UNKNOWN_REQUEST);
    }
    String back =
        redirectUri
            + (redirectUri.contains("?") ? "&" : "?")
            + "code="
            + state.newCode(app, visitor)
            + parameter("state", url.queryParameter("state"));
    return redirect(back);
  }

  private static String parameter(String name, @Nullable String value) {
    return value == null ? "" : '&' + name + '=' + URLEncoder.encode(value, StandardCharsets.UTF_8);
  }

  private static MockResponse redirect(String location) {
    return new MockResponse.Builder().code(302).setHeader("Location", location).build();
  }

  private MockResponse token(Map<String, String> form) {
    String value = form.get("code");
    if (value != null) {
      ledger().spent(value);
    }
    Code code = state.findCode(value);
    boolean first = code != null && code.spend(state.now());
    String[] missing = missing(form);
    if (missing.length > 0) {
      return errors.answer(missing);
    }
    if (code == null || !first) {
      return errors.answer(UpstoxErrors.INVALID_CODE);
    }
    String refusal = refusal(form, code);
    return refusal == null ? granted(form, code) : errors.answer(refusal);
  }

  private static String[] missing(Map<String, String> form) {
    List<String> missing = new ArrayList<>();
    if (form.getOrDefault("code", "").isEmpty()) {
      missing.add(UpstoxErrors.MISSING_CODE);
    }
    if (form.getOrDefault("client_id", "").isEmpty()) {
      missing.add(UpstoxErrors.MISSING_CLIENT_ID);
    }
    if (form.getOrDefault("client_secret", "").isEmpty()) {
      missing.add(UpstoxErrors.MISSING_SECRET);
    }
    if (form.getOrDefault("redirect_uri", "").isEmpty()) {
      missing.add(UpstoxErrors.MISSING_REDIRECT);
    }
    if (!form.getOrDefault("grant_type", "").equals("authorization_code")) {
      missing.add(UpstoxErrors.MISSING_GRANT_TYPE);
    }
    return missing.toArray(String[]::new);
  }

  private @Nullable String refusal(Map<String, String> form, Code code) {
    App app = state.findApp(form.get("client_id"));
    if (app == null || !app.secret.equals(form.get("client_secret"))) {
      return UpstoxErrors.INVALID_CLIENT;
    }
    if (!app.clientId.equals(code.clientId)) {
      return UpstoxErrors.INVALID_CODE;
    }
    if (!app.redirectUri.equals(form.get("redirect_uri"))) {
      return UpstoxErrors.INVALID_REDIRECT;
    }
    if (app.state != AppState.ACTIVE) {
      return UpstoxErrors.INACTIVE_CLIENT;
    }
    return code.user.segments ? null : UpstoxErrors.NO_SEGMENT;
  }

  private MockResponse granted(Map<String, String> form, Code code) {
    User user = code.user;
    StringBuilder body = new StringBuilder("{").append(person(user));
    body.append(",\"access_token\":\"").append(state.newAccessToken(user).value).append('"');
    if (state.app(code.clientId).extendedTokens) {
      boolean fresh = Boolean.parseBoolean(form.get("refresh_extended_token"));
      String extended = state.extendedToken(user, fresh).value;
      body.append(",\"extended_token\":\"").append(extended).append('"');
    }
    return body(200, body.append('}').toString());
  }

  private static String person(User user) {
    return """
        "email":"%s@example.com","exchanges":["NSE","NFO","BSE","CDS","BFO","BCD"],\
        "products":["D","CO","I"],"broker":"UPSTOX","user_id":"%s","user_name":"NAME OF %s",\
        "order_types":["MARKET","LIMIT","SL","SL-M"],"user_type":"individual","poa":false,\
        "ddpi":false,"is_active":true"""
        .formatted(user.id.toLowerCase(Locale.ROOT), user.id, user.id);
  }

  private static String clientIdOfPath(RecordedRequest request) {
    String path = request.getUrl().encodedPath();
    return path.length() > APPROVAL_PATH.length() ? path.substring(APPROVAL_PATH.length() + 1) : "";
  }

  private MockResponse approval(String clientId, Map<String, String> members) {
    if (clientId.isEmpty()) {
      return errors.answer(UpstoxErrors.MISSING_CLIENT_ID);
    }
    String secret = members.get("client_secret");
    if (secret == null || secret.isEmpty()) {
      return errors.answer(UpstoxErrors.MISSING_SECRET);
    }
    App app = state.findApp(clientId);
    if (app == null || !app.secret.equals(secret)) {
      return errors.answer(UpstoxErrors.INVALID_CLIENT);
    }
    String refusal = refusal(app);
    return refusal == null ? asked(app) : errors.answer(refusal);
  }

  private static @Nullable String refusal(App app) {
    return switch (app.state) {
      case INACTIVE -> UpstoxErrors.INACTIVE_CLIENT;
      case UNDER_REVIEW -> UpstoxErrors.UNDER_REVIEW;
      case EXPIRED -> UpstoxErrors.APP_EXPIRED;
      case ACTIVE ->
          !app.owner.individual
              ? UpstoxErrors.NOT_AN_INDIVIDUAL
              : app.notifier == null ? UpstoxErrors.NO_NOTIFIER : null;
    };
  }

  private MockResponse asked(App app) {
    app.askedUntil = UpstoxState.nextCut(state.now());
    return success(
        "{\"authorization_expiry\":\"%d\",\"notifier_url\":%s}"
            .formatted(app.askedUntil, Wire.quote(String.valueOf(app.notifier))));
  }

  private MockResponse logout(@Nullable Token token) {
    if (token == null || !token.livesAt(state.now()) || token.kind == Kind.SANDBOX) {
      return body(
          401,
          """
          {"cause":null,"stackTrace":[{"classLoaderName":"app","methodName":"logout",\
          "lineNumber":118,"nativeMethod":false}],"message":"Invalid token used to access API",\
          "suppressed":[],"localizedMessage":"Invalid token used to access API"}""");
    }
    String refusal = refusal(token, "logout", "DELETE");
    if (refusal != null) {
      return errors.answer(refusal);
    }
    token.end();
    return success("true");
  }

  private MockResponse authenticated(String host, String endpoint, RecordedRequest request) {
    Token token = state.findToken(Wire.bearer(request));
    boolean sandboxed = host.equals(SANDBOX);
    if (token == null || !token.livesAt(state.now()) || (token.kind == Kind.SANDBOX) != sandboxed) {
      return errors.answer(UpstoxErrors.INVALID_TOKEN);
    }
    String refusal = refusal(token, endpoint, request.getMethod());
    return refusal == null ? served(token.user, endpoint, request) : errors.answer(refusal);
  }

  private @Nullable String refusal(Token token, String endpoint, String method) {
    boolean order = SANDBOX_HOST.contains(endpoint);
    if (!limits.admits(token.user.id, endpoint, state.now())) {
      return UpstoxErrors.RATE_LIMIT;
    }
    if (token.kind == Kind.EXTENDED && !extendedMayCall.contains(endpoint)) {
      return UpstoxErrors.NOT_WITH_EXTENDED_TOKEN;
    }
    if (token.kind == Kind.ANALYTICS && !method.equals("GET")) {
      return UpstoxErrors.UNKNOWN_REQUEST;
    }
    boolean bound =
        token.kind == Kind.ACCESS
            ? order
            : token.kind == Kind.ANALYTICS && !ANALYTICS_ANYWHERE.contains(endpoint);
    if (elsewhere && bound) {
      return UpstoxErrors.FOREIGN_IP;
    }
    return closed(token, endpoint, order);
  }

  private @Nullable String closed(Token token, String endpoint, boolean order) {
    if (!state.servicesClosed() || token.kind == Kind.SANDBOX) {
      return null;
    }
    if (order) {
      return UpstoxErrors.ORDERS_CLOSED;
    }
    return endpoint.equals("funds") ? UpstoxErrors.FUNDS_CLOSED : null;
  }

  private MockResponse served(User user, String endpoint, RecordedRequest request) {
    return switch (endpoint) {
      case "profile" -> profile(user);
      case "ip" -> success('{' + addresses(user) + '}');
      case "set-ip" -> setIp(user, Wire.json(request));
      case "market-feed", "portfolio-feed" -> feed(user, endpoint);
      case "market-socket", "portfolio-socket" -> redirect(socketUrl(user, endpoint));
      case "funds" -> success("{\"equity\":{\"used_margin\":0,\"available_margin\":100000}}");
      case "place", "modify", "cancel" -> success("{\"order_id\":\"1644490272000\"}");
      default -> success("[]");
    };
  }

  private MockResponse profile(User user) {
    return user.segments
        ? success('{' + person(user) + '}')
        : errors.answer(UpstoxErrors.NO_SEGMENT);
  }

  private String addresses(User user) {
    return """
        "user_id":%s,"primary_ip":%s,"secondary_ip":%s,"primary_ip_updated_at":"%s",\
        "secondary_ip_updated_at":null"""
        .formatted(
            Wire.quote(user.id),
            Wire.quote(user.primaryIp),
            Wire.quote(user.secondaryIp),
            user.ipUpdatedAt);
  }

  private MockResponse setIp(User user, Map<String, String> members) {
    user.primaryIp = members.getOrDefault("primary_ip", user.primaryIp);
    user.secondaryIp = members.getOrDefault("secondary_ip", user.secondaryIp);
    user.ipUpdatedAt = state.indianTime();
    user.generation++;
    return success('{' + addresses(user) + ",\"access_tokens_invalidated\":true}");
  }

  private MockResponse feed(User user, String endpoint) {
    String url = Wire.quote(socketUrl(user, endpoint));
    return success(
        "{\"authorized_redirect_uri\":%s,\"authorizedRedirectUri\":%s}".formatted(url, url));
  }

  private String socketUrl(User user, String endpoint) {
    String path =
        endpoint.startsWith("market")
            ? "/market-data-feeder/v3/upstox-developer-api/feeds"
            : "/portfolio-stream-feeder/v1/feeds";
    return "ws://" + api.getAuthority() + path + "?requestId=1&code=" + state.newSocketCode(user);
  }

  private MockResponse socket(@Nullable String value) {
    if (value != null) {
      ledger().spent(value);
    }
    Code code = state.findSocketCode(value);
    return code != null && code.spend(state.now())
        ? new MockResponse.Builder().webSocketUpgrade(new WebSocketListener() {}).build()
        : new MockResponse.Builder().code(403).build();
  }

  private MockResponse unknown(String host, String path) {
    boolean otherMethod =
        ENDPOINTS.entrySet().stream()
            .anyMatch(
                entry -> entry.getKey().endsWith(' ' + path) && serves(host, entry.getValue()));
    return errors.answer(otherMethod ? UpstoxErrors.UNKNOWN_REQUEST : UpstoxErrors.NO_SUCH_PATH);
  }

  private static MockResponse success(String data) {
    return body(200, "{\"status\":\"success\",\"data\":" + data + '}');
  }

  static MockResponse body(int status, String json) {
    return new MockResponse.Builder()
        .code(status)
        .setHeader("Content-Type", "application/json")
        .body(json)
        .build();
  }

  @Override
  public void close() {
    http.connectionPool().evictAll();
    super.close();
  }
}
