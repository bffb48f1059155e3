package io.tradeauth.tastytrade.testing;

import static io.tradeauth.tastytrade.testing.Answers.apiError;
import static io.tradeauth.tastytrade.testing.Answers.data;
import static io.tradeauth.tastytrade.testing.Answers.json;
import static io.tradeauth.tastytrade.testing.Answers.nginx;
import static io.tradeauth.tastytrade.testing.Answers.notPermitted;
import static io.tradeauth.tastytrade.testing.Answers.page;
import static io.tradeauth.tastytrade.testing.Answers.tokenError;
import static io.tradeauth.tastytrade.testing.Answers.tokenInvalid;

import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.testing.Wire;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import okhttp3.HttpUrl;
import org.jspecify.annotations.Nullable;

/**
 * Production or the sandbox of a simulated tastytrade: its hosts, users and grants. For any number
 * of threads.
 */
public final class Environment {

  private static final long ACCESS_TOKEN_SECONDS = 900;
  private static final long QUOTE_TOKEN_LIFE = Duration.ofHours(24).toMillis();
  private static final Set<String> SCOPES = Set.of("read", "trade", "openid");
  private static final Pattern JWT =
      Pattern.compile("eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+");

  final LegacySessions sessions;
  int preOpenAnswers;

  private final TastytradeSimulator simulator;
  private final boolean sandbox;
  private final URI api;
  private final URI page;
  private final URI streamer;

  private final Map<String, User> users = new HashMap<>();
  private final Map<String, Application> applications = new HashMap<>();
  private final Map<String, Grant> grants = new HashMap<>();
  private final Map<String, Code> codes = new HashMap<>();
  private final Map<String, Access> accessTokens = new HashMap<>();
  private final Set<String> versions = new HashSet<>();
  private @Nullable User atThePage;
  private int orders;

  Environment(TastytradeSimulator simulator, boolean sandbox, URI api, URI page, URI streamer) {
    this.simulator = simulator;
    this.sandbox = sandbox;
    this.api = api;
    this.page = page;
    this.streamer = streamer;
    this.sessions = new LegacySessions(simulator);
  }

  /** Returns the REST base, which is also where {@code /oauth/token} is. */
  public URI api() {
    return api;
  }

  /** Returns the authorize page. */
  public URI authorizePage() {
    return page.resolve("/auth.html");
  }

  /** Returns the account streamer, a {@code ws} address. */
  public URI streamer() {
    return TastytradeSimulator.socket(streamer);
  }

  /**
   * Adds a user with two accounts, a personal application and a grant for {@code read trade}.
   *
   * @throws IllegalArgumentException if there is one of that name
   */
  public User addUser(String name) {
    return locked(
        () -> {
          if (users.containsKey(name)) {
            throw new IllegalArgumentException("a user of that name exists: " + name);
          }
          int number = users.size() + 1;
          User user =
              new User(
                  this,
                  name,
                  "U%010d".formatted(1_000_000 + number),
                  List.of("5WT%05d".formatted(number * 2 - 1), "5WT%05d".formatted(number * 2)));
          users.put(name, user);
          return user;
        });
  }

  /** Adds the application of a trusted partner, with the redirect URIs that it registered. */
  public Partner addPartner(String... redirectUris) {
    return locked(() -> new Partner(this, application(Set.of(redirectUris))));
  }

  /** Row 26: from now on it is {@code user} who sits before the authorize page and approves. */
  public void approve(User user) {
    locked(() -> atThePage = user);
  }

  /** Row 20: makes a version known, eight digits; the sandbox refuses the header all the same. */
  public void addVersion(String version) {
    locked(() -> versions.add(version));
  }

  /** Row 20: withdraws a version. */
  public void withdrawVersion(String version) {
    locked(() -> versions.remove(version));
  }

  /** Returns how many orders arrived; one sent twice counts twice. */
  public int orders() {
    return locked(() -> orders);
  }

  <T> T locked(Supplier<T> use) {
    return simulator.guarded(use);
  }

  void locked(Runnable use) {
    simulator.guarded(
        () -> {
          use.run();
          return Boolean.TRUE;
        });
  }

  Application personalApplication() {
    return application(Set.of());
  }

  private Application application(Set<String> redirectUris) {
    Application application =
        new Application(
            simulator.secrets.uuid().toString(), simulator.secrets.hex(40), redirectUris);
    applications.put(application.clientId, application);
    simulator.ledger().issued(Kind.OTHER, application.secret, "", simulator.now());
    return application;
  }

  String regenerateSecret(Application application) {
    return locked(
        () -> {
          application.secret = simulator.secrets.hex(40);
          application.grants.forEach(grant -> grant.deleted = true);
          simulator.ledger().issued(Kind.OTHER, application.secret, "", simulator.now());
          return application.secret;
        });
  }

  Grant grant(User user, Application application, String scope) {
    String refreshToken = simulator.secrets.jwt("rt+jwt", claims(user, application, scope, null));
    Grant grant = new Grant(user, application, Set.of(scope.split(" ")), refreshToken);
    simulator
        .ledger()
        .issued(Kind.LASTING_REFRESH_TOKEN, refreshToken, user.name(), simulator.now());
    grants.put(refreshToken, grant);
    application.grants.add(grant);
    user.add(grant);
    return grant;
  }

  private String claims(User user, Application application, String scope, @Nullable Long end) {
    return """
        {"iss":"https://api.tastytrade.com","sub":"%s","aud":"%s","grant_id":"G%s","scope":"%s","iat":%d%s}"""
        .formatted(
            user.externalId(),
            application.clientId,
            simulator.secrets.uuid(),
            scope,
            simulator.now() / 1000,
            end == null ? "" : ",\"exp\":" + end / 1000);
  }

  // ---- POST /oauth/token

  MockResponse token(RecordedRequest request) {
    if (request.getHeaders().get("Authorization") != null && identity(request) == null) {
      return tokenInvalid(); // row 13
    }
    Map<String, String> fields = fields(request);
    String grantType = fields.getOrDefault("grant_type", "");
    return switch (grantType) {
      case "refresh_token" -> refresh(fields);
      case "authorization_code" -> exchange(fields);
      default ->
          refused(
              "invalid_request",
              grantType.isEmpty() ? "Missing grant_type" : "Unknown grant_type"); // row 10
    };
  }

  static Map<String, String> fields(RecordedRequest request) {
    Map<String, String> json = Wire.json(request);
    return json.isEmpty() ? Wire.form(request) : json;
  }

  private MockResponse refresh(Map<String, String> fields) {
    String missing = missing(fields, "refresh_token", "client_secret");
    if (missing != null) {
      return refused("invalid_request", "Missing " + missing);
    }
    String refreshToken = fields.getOrDefault("refresh_token", "");
    simulator.ledger().spent(refreshToken);
    Grant grant = JWT.matcher(refreshToken).matches() ? grants.get(refreshToken) : null;
    if (grant == null) {
      return refused("invalid_grant", "Invalid JWT"); // rows 6 and 11
    }
    if (grant.deleted) {
      return refused("invalid_grant", "Grant revoked");
    }
    if (!grant.application.secret.equals(fields.get("client_secret"))) {
      return refused("invalid_grant", "Client secret mismatch");
    }
    String clientId = fields.get("client_id");
    if (clientId != null && !clientId.equals(grant.application.clientId)) {
      return refused("invalid_client", "Client not found");
    }
    if (preOpenAnswers > 0) {
      preOpenAnswers--;
      return tokenError("invalid_request", "User is not a TastyTrade customer");
    }
    return granted(grant, simulator.echoesRefreshToken);
  }

  private MockResponse exchange(Map<String, String> fields) {
    String missing = missing(fields, "code", "redirect_uri", "client_id", "client_secret");
    if (missing != null) {
      return refused("invalid_request", "Missing " + missing);
    }
    simulator.ledger().spent(fields.getOrDefault("code", ""));
    Application application = applications.get(fields.getOrDefault("client_id", ""));
    if (application == null) {
      return refused("invalid_client", "Client not found");
    }
    if (!application.secret.equals(fields.get("client_secret"))) {
      return refused("invalid_grant", "Client secret mismatch");
    }
    Code code = codes.get(fields.getOrDefault("code", ""));
    if (code == null
        || code.used
        || code.application != application
        || !code.redirectUri.equals(fields.get("redirect_uri"))) {
      return refused("invalid_grant", "Invalid code");
    }
    code.used = true;
    return granted(grant(code.user, application, code.scope), true);
  }

  private static @Nullable String missing(Map<String, String> fields, String... needed) {
    for (String name : needed) {
      if (fields.getOrDefault(name, "").isEmpty()) {
        return name;
      }
    }
    return null;
  }

  private MockResponse refused(String code, String description) {
    simulator.loginFailed();
    return tokenError(code, description);
  }

  private MockResponse granted(Grant grant, boolean withRefreshToken) {
    simulator.loginSucceeded();
    long end = simulator.now() + ACCESS_TOKEN_SECONDS * 1000;
    String claims = claims(grant.user, grant.application, String.join(" ", grant.scope), end);
    String accessToken = simulator.secrets.jwt("at+jwt", claims);
    accessTokens.put(accessToken, new Access(grant, end));
    simulator.ledger().issued(Kind.ACCESS_TOKEN, accessToken, grant.user.name(), simulator.now());
    String refreshToken =
        withRefreshToken ? ",\"refresh_token\":\"" + grant.refreshToken + '"' : "";
    String idToken =
        grant.scope.contains("openid")
            ? ",\"id_token\":\"" + simulator.secrets.jwt("JWT", claims) + '"'
            : "";
    return json(
        200,
        "{\"access_token\":\"%s\"%s,\"token_type\":\"Bearer\",\"expires_in\":%d%s}"
            .formatted(accessToken, refreshToken, ACCESS_TOKEN_SECONDS, idToken));
  }

  // ---- GET /auth.html; the texts are those that guides report

  MockResponse authorize(RecordedRequest request) {
    HttpUrl url = request.getUrl();
    if (url.queryParameterNames().stream().anyMatch(name -> name.startsWith("code_challenge"))) {
      return page(405, "405 Not Allowed");
    }
    Application application = applications.get(parameter(url, "client_id"));
    if (application == null) {
      return page(404, "404 Client not found");
    }
    String redirectUri = parameter(url, "redirect_uri");
    if (!application.redirectUris.contains(redirectUri)) {
      return page(400, "Invalid redirect_uri");
    }
    if (!parameter(url, "response_type").equals("code")) {
      return page(400, "Invalid response_type");
    }
    String scope = parameter(url, "scope").isEmpty() ? "read trade" : parameter(url, "scope");
    if (!SCOPES.containsAll(List.of(scope.split(" ")))) {
      return page(400, "Invalid scope");
    }
    return atThePage == null
        ? page(200, "Log in to tastytrade")
        : approved(new Code(atThePage, application, redirectUri, scope), url);
  }

  private MockResponse approved(Code code, HttpUrl url) {
    String secret = simulator.secrets.uuid().toString();
    codes.put(secret, code);
    simulator.ledger().issued(Kind.CODE, secret, code.user.name(), simulator.now());
    HttpUrl.Builder target = HttpUrl.get(code.redirectUri).newBuilder();
    target.addQueryParameter("code", secret);
    if (url.queryParameter("state") != null) {
      target.addQueryParameter("state", url.queryParameter("state"));
    }
    return nginx(302).setHeader("Location", target.build()).build();
  }

  private static String parameter(HttpUrl url, String name) {
    String value = url.queryParameter(name);
    return value == null ? "" : value;
  }

  // ---- the API

  MockResponse api(String endpoint, RecordedRequest request) {
    if (endpoint.equals(TastytradeSimulator.DEVICE_CHALLENGE)
        || endpoint.equals(TastytradeSimulator.SESSIONS) && "POST".equals(request.getMethod())) {
      return sessions.answer(endpoint, request, users);
    }
    Identity identity = identity(request);
    if (endpoint.equals(TastytradeSimulator.SESSIONS)) {
      return sessions.end(identity, request);
    }
    if (endpoint.equals(TastytradeSimulator.VALIDATE)) {
      return identity == null ? simulator.noSession() : LegacySessions.userData(identity.user);
    }
    if (identity == null) {
      return simulator.unauthenticated();
    }
    String version = request.getHeaders().get("Accept-Version");
    if (version != null && (sandbox || !versions.contains(version))) {
      return json(
          406,
          """
          {"error":{"code":406,"message":"The requested version is not supported."}}""");
    }
    if (!identity.scope.contains("GET".equals(request.getMethod()) ? "read" : "trade")) {
      return notPermitted();
    }
    return permitted(endpoint, identity.user, request.getUrl());
  }

  private MockResponse permitted(String endpoint, User user, HttpUrl url) {
    String path = url.encodedPath();
    return switch (endpoint) {
      case TastytradeSimulator.CUSTOMER -> data(200, path, customer(user));
      case TastytradeSimulator.ACCOUNTS ->
          data(
              200,
              path,
              user.accounts().stream()
                  .map(
                      number ->
                          "{\"account\":" + account(number) + ",\"authority-level\":\"owner\"}")
                  .collect(Collectors.joining(",", "{\"items\":[", "]}")));
      case TastytradeSimulator.ACCOUNT ->
          user.owns(url.pathSegments().get(3))
              ? data(200, path, account(url.pathSegments().get(3)))
              : notPermitted();
      case TastytradeSimulator.ORDERS ->
          user.owns(url.pathSegments().get(1))
              ? data(201, path, order(url.pathSegments().get(1)))
              : notPermitted();
      case TastytradeSimulator.QUOTE_TOKEN ->
          user.onboarded
              ? data(200, path, quoteToken(user))
              : apiError(
                  404,
                  "quote_streamer.customer_not_found_error",
                  "You must be a customer to access a quote stream.");
      default -> Answers.apiError(404, "not_found", "Not found");
    };
  }

  /**
   * Many fields are missing in the sandbox; section 8. The id is {@code me} in the broker's own
   * documentation, which does not expose the internal one.
   */
  private String customer(User user) {
    return sandbox
        ? """
          {"id":"me","email":"%s","is-foreign":false}"""
            .formatted(user.email())
        : """
          {"id":"me","external-id":"C%s","first-name":"%s","last-name":"Example",
           "email":"%s","mobile-phone-number":"5555550100","birth-date":"1990-01-01",
           "address":{"city":"Chicago","country":"USA","street-one":"1 Example Street"},
           "is-foreign":false,"is-professional":false,
           "permitted-account-types":[{"name":"Individual"}],
           "created-at":"2024-01-15T20:49:52.793+00:00"}"""
            .formatted(user.externalId().substring(1), user.name(), user.email());
  }

  private static String account(String number) {
    return """
        {"account-number":"%s","external-id":"A1b2c3d4-0000-4000-8000-0000%s",
         "nickname":"Individual","account-type-name":"Individual","margin-or-cash":"Margin",
         "is-closed":false,"is-firm-error":false,"is-firm-proprietary":false,"is-foreign":false,
         "is-futures-approved":true,"day-trader-status":false,
         "investment-objective":"SPECULATION","suitable-options-level":"No Restrictions",
         "opened-at":"2024-01-15T20:49:52.793+00:00","created-at":"2024-01-15T20:49:52.793+00:00"}"""
        .formatted(number, number);
  }

  private String order(String account) {
    orders++;
    return """
        {"order":{"id":%d,"account-number":"%s","status":"Routed"},"warnings":[]}"""
        .formatted(orders, account);
  }

  private String quoteToken(User user) {
    long now = simulator.now();
    User.QuoteToken current = user.quoteToken;
    if (current == null || now >= current.end) {
      String secret = simulator.secrets.opaque("quote");
      current = new User.QuoteToken(secret, now, now + QUOTE_TOKEN_LIFE);
      user.quoteToken = current;
      simulator.ledger().issued(Kind.OTHER, secret, user.name(), now);
    }
    return """
        {"token":"%s","dxlink-url":"%s/realtime","level":"%s","issued-at":"%s","expires-at":"%s"}"""
        .formatted(
            current.token,
            streamer(),
            sandbox ? "demo" : "api",
            Instant.ofEpochMilli(current.issuedAt),
            Instant.ofEpochMilli(current.end));
  }

  // ---- who is it?

  private @Nullable Identity identity(RecordedRequest request) {
    return identity(request.getHeaders().get("Authorization"));
  }

  /** Returns whose header this is, or null if it carries nothing that works now. */
  @Nullable Identity identity(@Nullable String authorization) {
    if (authorization == null) {
      return null;
    }
    if (!authorization.startsWith("Bearer ")) {
      User user = sessions.user(authorization);
      return user == null ? null : new Identity(user, SCOPES);
    }
    Access access = accessTokens.get(authorization.substring("Bearer ".length()));
    return access == null || !access.works(simulator.now())
        ? null
        : new Identity(access.grant.user, access.grant.scope);
  }

  MockResponse stream(RecordedRequest request) {
    boolean handshake = "websocket".equalsIgnoreCase(request.getHeaders().get("Upgrade"));
    return handshake && request.getUrl().encodedPath().equals("/")
        ? nginx(101).webSocketUpgrade(new AccountStream(simulator, this)).build()
        : page(404, "404 Not Found");
  }

  /** Who calls, and what the grant allows. */
  static final class Identity {

    final User user;
    final Set<String> scope;

    Identity(User user, Set<String> scope) {
      this.user = user;
      this.scope = scope;
    }
  }

  /** An access token; row 28: each has its own end, whatever was issued after it. */
  private static final class Access {

    final Grant grant;
    final int revocations;
    final long end;

    Access(Grant grant, long end) {
      this.grant = grant;
      this.revocations = grant.revocations;
      this.end = end;
    }

    boolean works(long now) {
      return now < end && revocations == grant.revocations;
    }
  }

  private static final class Code {

    final User user;
    final Application application;
    final String redirectUri;
    final String scope;
    boolean used;

    Code(User user, Application application, String redirectUri, String scope) {
      this.user = user;
      this.application = application;
      this.redirectUri = redirectUri;
      this.scope = scope;
    }
  }
}
