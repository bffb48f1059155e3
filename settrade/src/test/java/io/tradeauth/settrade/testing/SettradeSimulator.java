package io.tradeauth.settrade.testing;

import io.tradeauth.TimeSource;
import io.tradeauth.TimeSource.Timer;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Simulator;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.testing.Wire;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import okio.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * Settrade's Open API on this machine: signed login, rotating refresh, one live session for each
 * credential, the nightly reset, rate limits, a few API calls, the dispatcher and its MQTT socket.
 *
 * <p>It serves every row of the section 'Mock behaviours' of the fact sheet. What no source tells
 * (marked M there) can be changed: statuses and bodies by {@link #refuse}, the rest by a method of
 * its own. For any number of threads.
 *
 * <p>Endpoints in the log and for {@link #fail}: {@code login}, {@code refresh}, {@code
 * account-info}, {@code orders}, {@code quote}, {@code dispatcher}, {@code mqtt}, {@code
 * sdk-version}, {@code unknown}.
 */
public final class SettradeSimulator extends Simulator {

  /** The zone of the exchange, without daylight saving. */
  public static final ZoneOffset BANGKOK = ZoneOffset.ofHours(7);

  private static final long DAY = Duration.ofDays(1).toMillis();
  static final String API = "api";
  static final String MARKET = "market";

  private final URI api;
  private final URI market;
  private final LoginCheck logins = new LoginCheck();
  private final Set<String> apps = new HashSet<>();
  private final Map<String, User> users = new HashMap<>();
  private final Map<String, Token> tokens = new HashMap<>();
  private final Map<Refusal, MockResponse> refusals = new EnumMap<>(Refusal.class);
  private final Set<String> brokersWithoutQuotes = new HashSet<>();
  private final Map<MqttConnection, Stream> streams = new HashMap<>();

  private Duration tokenLife = Duration.ofMinutes(30);
  private Duration refreshTokenLife = Duration.ofDays(365);
  private String tokenType = "Bearer";
  private boolean identifies = true;
  private boolean spendsRefreshTokens = true;
  private boolean refreshEndsAccessToken;
  private @Nullable LocalTime nightlyReset = LocalTime.of(3, 30);
  private @Nullable LocalTime closedFrom;
  private LocalTime closedUntil = LocalTime.MIDNIGHT;
  private int perSecond = 5;
  private int perMinute = 60;
  private String streamHost = "localhost";
  private boolean hasStreamHosts = true;
  private boolean refusesOnceConnected;
  private boolean loginCutsSockets;
  private boolean firewall;
  private boolean outage;
  private int counter;

  /** Starts the simulator; it lives by {@code time} and serves until it is closed. */
  public SettradeSimulator(TimeSource time) {
    super(time);
    api = start(API);
    market = start(MARKET);
  }

  /** Returns the base of login, refresh, trading and dispatcher, without a slash at its end. */
  public URI api() {
    return api;
  }

  /** Returns the base of the market data, without a slash at its end. */
  public URI market() {
    return market;
  }

  // ---- who there is

  /**
   * Issues a credential, with a key made for it, and opens accounts; one if none is named.
   *
   * @param brokerId the broker, three digits such as {@code 023}; {@code 098} is the sandbox's
   * @param appCode the app, such as {@code ALGO_EQ}; it exists from now on
   */
  public Credential addUser(String brokerId, String appCode, String... accounts) {
    KeyPair key = newKey();
    String secret =
        Base64.getEncoder().encodeToString(((ECPrivateKey) key.getPrivate()).getS().toByteArray());
    return locked(
        () -> {
          int number = ++counter;
          String apiKey = "TESTAPPID" + (1_000_000 + number);
          List<String> own = accounts.length > 0 ? List.of(accounts) : List.of("ACCOUNT-" + number);
          Credential credential = new Credential(brokerId, appCode, apiKey, secret, own);
          add(credential, key.getPublic());
          ledger().issued(Kind.OTHER, secret, credential.owner(), time().wallMillis());
          return credential;
        });
  }

  /** Issues a credential to a user who made a key elsewhere. */
  public Credential addUser(
      String brokerId, String appCode, String apiKey, PublicKey publicKey, String... accounts) {
    Credential credential = new Credential(brokerId, appCode, apiKey, "", List.of(accounts));
    locked(() -> add(credential, publicKey));
    return credential;
  }

  private void add(Credential credential, PublicKey key) {
    apps.add(credential.brokerId() + '/' + credential.appCode());
    users.put(credential.owner(), new User(credential, key));
  }

  /** Withdraws a credential: its session ends and its logins are refused. */
  public void deleteUser(Credential credential) {
    locked(
        () -> {
          User user = users.remove(credential.owner());
          if (user != null) {
            user.session = null;
          }
        });
  }

  /** Lets later logins tell another person: somebody put this key into the wrong place. */
  public void rename(Credential credential, String userId) {
    locked(() -> user(credential).userId = userId);
  }

  /** Logs in from elsewhere with the same key: every token issued so far is dead from now on. */
  public void loginElsewhere(Credential credential) {
    locked(() -> newSession(user(credential)));
  }

  /** Ends every session now, as the nightly reset does. */
  public void reset() {
    locked(() -> users.values().forEach(user -> user.session = null));
  }

  private User user(Credential credential) {
    User user = users.get(credential.owner());
    if (user == null) {
      throw new IllegalArgumentException("unknown " + credential);
    }
    return user;
  }

  // ---- what no source tells

  /** Sets the status and the body with which {@code why} is answered. */
  public void refuse(Refusal why, int status, String body) {
    locked(() -> refusals.put(why, json(status, body)));
  }

  /** Sets the status with which {@code why} is answered; its body stays as the sheet has it. */
  public void refuse(Refusal why, int status) {
    refuse(why, status, why.body());
  }

  /** Lets API calls with a dead token be refused in the words of a gateway, not of Settrade. */
  public void gatewayErrors() {
    refuse(
        Refusal.UNAUTHORIZED,
        401,
        "{\"error\":\"invalid_token\","
            + "\"error_description\":\"The access token is invalid or has expired\"}");
  }

  /** Sets {@code expires_in} of tokens issued from now on; 30 minutes at first. */
  public void tokenLife(Duration life) {
    locked(() -> tokenLife = life);
  }

  /** Sets the life of refresh tokens issued from now on; as good as endless at first. */
  public void refreshTokenLife(Duration life) {
    locked(() -> refreshTokenLife = life);
  }

  /** Sets how far a login's timestamp may be off; 5 minutes at first. */
  public void skew(Duration skew) {
    locked(() -> logins.skew(skew));
  }

  /** Sets whether a signature is refused when it comes again; it is at first. */
  public void refusesReplays(boolean refuses) {
    locked(() -> logins.refusesReplays(refuses));
  }

  /** Sets whether a refresh token is good for one refresh only; it is at first. */
  public void spendsRefreshTokens(boolean spends) {
    locked(() -> spendsRefreshTokens = spends);
  }

  /** Sets whether a refresh ends the access token before it; it does not at first. */
  public void refreshEndsAccessToken(boolean ends) {
    locked(() -> refreshEndsAccessToken = ends);
  }

  /** Sets when all sessions end each night, Thai time, or null for never; 03:30 at first. */
  public void nightlyReset(@Nullable LocalTime at) {
    locked(() -> nightlyReset = at);
  }

  /** Closes the login service every day for a while, Thai time; it may go over midnight. */
  public void closed(LocalTime from, LocalTime until) {
    locked(
        () -> {
          closedFrom = from;
          closedUntil = until;
        });
  }

  /** Opens the login service for the whole day, as it is at first. */
  public void open() {
    locked(() -> closedFrom = null);
  }

  /** Sets the limits of API calls; 5 a second and 60 a minute for each bucket at first. */
  public void rateLimit(int callsPerSecond, int callsPerMinute) {
    locked(
        () -> {
          perSecond = callsPerSecond;
          perMinute = callsPerMinute;
        });
  }

  /**
   * Sets how the type of a token is spelled; {@code Bearer} at first, others have seen lower case.
   */
  public void tokenType(String spelling) {
    locked(() -> tokenType = spelling);
  }

  /** Sets whether a login tells the broker and the user; it does at first. */
  public void identifies(boolean tells) {
    locked(() -> identifies = tells);
  }

  /** Takes the right to quotes from a broker. */
  public void denyQuotes(String brokerId) {
    locked(() -> brokersWithoutQuotes.add(brokerId));
  }

  /** Sets the host that the dispatcher names; {@code localhost} at first. */
  public void streamHost(String host) {
    locked(() -> streamHost = host);
  }

  /** Sets whether the dispatcher names a host at all; it does at first. */
  public void hasStreamHosts(boolean has) {
    locked(() -> hasStreamHosts = has);
  }

  /**
   * Sets whether a socket with a bad token opens and is refused by CONNACK 5; at first it is a 401.
   */
  public void refusesOnceConnected(boolean refuses) {
    locked(() -> refusesOnceConnected = refuses);
  }

  /** Sets whether a login closes the sockets of the session before it; it does not at first. */
  public void loginCutsSockets(boolean cuts) {
    locked(() -> loginCutsSockets = cuts);
  }

  /** Puts the web firewall's page in front of everything, or takes it away. */
  public void firewall(boolean on) {
    locked(() -> firewall = on);
  }

  /** Answers everything with 503 and no body, or no longer. */
  public void outage(boolean on) {
    locked(() -> outage = on);
  }

  /** The server does what it was asked for, and the answer is a 200 that is no JSON. */
  public static Fault garbled() {
    return Fault.after(
        answer ->
            answer
                .newBuilder()
                .code(200)
                .setHeader("Content-Type", "text/html")
                .body("<html><body>OK</body></html>")
                .build());
  }

  /** The server does nothing; the web firewall answers with its page. */
  public static Fault firewallPage() {
    return Fault.instead(incapsula());
  }

  // ---- streams

  /** Returns how many MQTT sockets are open. */
  public int sockets() {
    return locked(streams::size);
  }

  /** Sends a message to all who subscribed to {@code topic}; returns how many there were. */
  public int publish(String topic, byte[] payload) {
    ByteString bytes = ByteString.of(payload);
    List<MqttConnection> open = locked(() -> List.copyOf(streams.keySet()));
    return (int) open.stream().filter(socket -> socket.publish(topic, bytes)).count();
  }

  // ---- the servers

  @Override
  protected String endpoint(String host, RecordedRequest request) {
    return Route.of(host, request).endpoint;
  }

  @Override
  protected String owner(String host, String endpoint, RecordedRequest request) {
    if (endpoint.equals("login") || endpoint.equals("refresh")) {
      Route route = Route.of(host, request);
      return route.brokerId
          + '/'
          + route.name
          + '/'
          + Wire.json(request).getOrDefault("apiKey", "");
    }
    Token token = tokens.get(String.valueOf(Wire.bearer(request)));
    return token == null ? "" : token.user.credential.owner();
  }

  @Override
  protected @Nullable Fault standingFault(String host, String endpoint, RecordedRequest request) {
    if (outage) {
      return Fault.status(503);
    }
    return firewall ? firewallPage() : null;
  }

  @Override
  protected MockResponse answer(String host, String endpoint, RecordedRequest request) {
    Route route = Route.of(host, request);
    return switch (endpoint) {
      case "login" -> login(route, request);
      case "refresh" -> refresh(route, request);
      case "mqtt" -> upgrade(route, request);
      case "sdk-version" -> json(200, SDK_VERSION);
      case "unknown" -> json(404, "{\"message\":\"no Route matched with those values\"}");
      default -> call(route, request);
    };
  }

  private static final String SDK_VERSION =
      """
      [{"key":{"platform":"python_x64","os":"linux_amd64"},\
      "currentVersion":"2.2.1","minimumVersion":"2.0.0"}]""";

  private static MockResponse incapsula() {
    return new MockResponse.Builder()
        .code(403)
        .setHeader("Content-Type", "text/html")
        .body(
            "<html><head><META NAME=\"ROBOTS\" CONTENT=\"NOINDEX, NOFOLLOW\"></head><body>"
                + "<iframe src=\"/_Incapsula_Resource?incident_id=0\"></iframe></body></html>")
        .build();
  }

  private MockResponse refusal(Refusal why) {
    return refusals.computeIfAbsent(why, self -> json(self.status(), self.body()));
  }

  private MockResponse login(Route route, RecordedRequest request) {
    if (isClosed()) {
      return refusal(Refusal.CLOSED);
    }
    if (!apps.contains(route.app())) {
      return refusal(Refusal.NO_SUCH_APP);
    }
    Map<String, String> fields = Wire.json(request);
    if (!fields.keySet().containsAll(Set.of("apiKey", "params", "signature", "timestamp"))) {
      return refusal(Refusal.BAD_REQUEST);
    }
    User user = users.get(route.app() + '/' + fields.get("apiKey"));
    if (user == null || !logins.accepts(fields, user.key, time().wallMillis())) {
      return refusal(Refusal.LOGIN_REFUSED);
    }
    return json(200, '{' + pair(user, newSession(user)) + type() + identity(user) + '}');
  }

  private MockResponse refresh(Route route, RecordedRequest request) {
    if (!apps.contains(route.app())) {
      return refusal(Refusal.NO_SUCH_APP);
    }
    Map<String, String> fields = Wire.json(request);
    if (!fields.keySet().containsAll(Set.of("apiKey", "refreshToken"))) {
      return refusal(Refusal.BAD_REQUEST);
    }
    String secret = fields.getOrDefault("refreshToken", "");
    ledger().spent(secret);
    User user = users.get(route.app() + '/' + fields.get("apiKey"));
    Token token = live(secret, Kind.REFRESH_TOKEN);
    if (token == null || token.user != user) {
      return refusal(Refusal.REFRESH_REFUSED);
    }
    if (spendsRefreshTokens) {
      tokens.remove(secret);
    }
    if (refreshEndsAccessToken) {
      tokens.remove(token.session.accessToken);
    }
    // The SDK keeps the token type of the login here, so nothing is known to come but these.
    return json(200, '{' + pair(user, token.session) + '}');
  }

  private boolean isClosed() {
    LocalTime from = closedFrom;
    if (from == null) {
      return false;
    }
    LocalTime now = time().now().atOffset(BANGKOK).toLocalTime();
    boolean afterFrom = !now.isBefore(from);
    boolean beforeUntil = now.isBefore(closedUntil);
    return from.isBefore(closedUntil) ? afterFrom && beforeUntil : afterFrom || beforeUntil;
  }

  private Session newSession(User user) {
    Session session = new Session(time().wallMillis());
    user.session = session;
    if (loginCutsSockets) {
      streams.forEach((socket, stream) -> stream.endIfOf(user, socket));
    }
    return session;
  }

  private String pair(User user, Session session) {
    String access = issue(Kind.ACCESS_TOKEN, "access", user, session, tokenLife);
    session.accessToken = access;
    String refresh = issue(Kind.REFRESH_TOKEN, "refresh", user, session, refreshTokenLife);
    return "\"access_token\":%s,\"refresh_token\":%s,\"expires_in\":%s"
        .formatted(Wire.quote(access), Wire.quote(refresh), Long.toString(tokenLife.toSeconds()));
  }

  private String type() {
    return ",\"token_type\":" + Wire.quote(tokenType);
  }

  private String identity(User user) {
    return identifies
        ? ",\"broker_id\":%s,\"authenticated_userid\":%s"
            .formatted(Wire.quote(user.credential.brokerId()), Wire.quote(user.userId))
        : "";
  }

  private String issue(Kind kind, String name, User user, Session session, Duration life) {
    long now = time().wallMillis();
    String secret = "eyJ.canary-" + name + '-' + ++counter + '.' + UUID.randomUUID();
    tokens.put(secret, new Token(kind, user, session, now + life.toMillis()));
    ledger().issued(kind, secret, user.credential.owner(), now);
    return secret;
  }

  private @Nullable Token live(@Nullable String secret, Kind kind) {
    long now = time().wallMillis();
    Token token = secret == null ? null : tokens.get(secret);
    return token != null
            && token.kind == kind
            && token.user.session == token.session
            && token.session.loginAt >= lastNightlyReset(now)
            && now < token.expiresAt
        ? token
        : null;
  }

  private long lastNightlyReset(long now) {
    LocalTime at = nightlyReset;
    if (at == null) {
      return Long.MIN_VALUE;
    }
    long offset = at.toNanoOfDay() / 1_000_000 - BANGKOK.getTotalSeconds() * 1_000L;
    return Math.floorDiv(now - offset, DAY) * DAY + offset;
  }

  // ---- API calls

  private MockResponse call(Route route, RecordedRequest request) {
    Token token = live(Wire.bearer(request), Kind.ACCESS_TOKEN);
    if (token == null) {
      return with(new RateLimit(), refusal(Refusal.UNAUTHORIZED));
    }
    boolean reads = request.getMethod().equals("GET");
    RateLimit limit = reads ? token.user.reads : token.user.writes;
    if (!limit.admits(time().wallMillis(), perSecond, perMinute)) {
      return with(limit, refusal(Refusal.RATE_LIMIT));
    }
    return with(limit, served(route, request, token));
  }

  private MockResponse with(RateLimit limit, MockResponse answer) {
    MockResponse.Builder builder = answer.newBuilder();
    limit.headers(perSecond, perMinute).forEach(builder::setHeader);
    return builder.build();
  }

  private MockResponse served(Route route, RecordedRequest request, Token token) {
    Credential credential = token.user.credential;
    boolean own = route.brokerId.equals(credential.brokerId());
    boolean ownAccount = own && credential.accounts().contains(route.name);
    return switch (route.endpoint) {
      case "account-info" -> ownAccount ? json(200, ACCOUNT) : refusal(Refusal.NOT_PERMITTED);
      case "orders" -> ownAccount ? ordered(request) : refusal(Refusal.NOT_PERMITTED);
      case "quote" ->
          own && !brokersWithoutQuotes.contains(route.brokerId)
              ? json(200, "{\"symbol\":" + Wire.quote(route.name) + ",\"last\":62.5}")
              : refusal(Refusal.NOT_PERMITTED);
      default -> own ? streamToken(token) : refusal(Refusal.NOT_PERMITTED);
    };
  }

  private static final String ACCOUNT =
      """
      {"cashBalance":100000.0,"lineAvailable":100000.0,"creditLimit":0.0,\
      "canBuy":true,"canSell":true}""";

  private MockResponse ordered(RecordedRequest request) {
    return request.getMethod().equals("POST")
        ? json(200, "{\"orderNo\":\"ORDER-" + ++counter + "\"}")
        : new MockResponse.Builder().code(200).build();
  }

  private MockResponse streamToken(Token access) {
    Duration life = Duration.ofMillis(access.expiresAt - time().wallMillis());
    String secret = issue(Kind.OTHER, "dispatcher", access.user, access.session, life);
    String hosts = hasStreamHosts ? Wire.quote(streamHost) : "";
    return json(200, "{\"hosts\":[" + hosts + "],\"token\":" + Wire.quote(secret) + "}");
  }

  private MockResponse upgrade(Route route, RecordedRequest request) {
    Token token = live(Wire.bearer(request), Kind.OTHER);
    if (token != null && route.brokerId.equals(token.user.credential.brokerId())) {
      MqttConnection connection = new MqttConnection(false, this::forget);
      Timer end = time().after(untilEndOf(token), connection::end);
      streams.put(connection, new Stream(token.user, end));
      return upgraded(connection);
    }
    return refusesOnceConnected
        ? upgraded(new MqttConnection(true, connection -> {}))
        : refusal(Refusal.UNAUTHORIZED);
  }

  private static MockResponse upgraded(MqttConnection connection) {
    return new MockResponse.Builder()
        .webSocketUpgrade(connection)
        .setHeader("Sec-WebSocket-Protocol", "mqtt")
        .build();
  }

  private Duration untilEndOf(Token token) {
    long now = time().wallMillis();
    long nextReset = nightlyReset == null ? Long.MAX_VALUE : lastNightlyReset(now) + DAY;
    return Duration.ofMillis(Math.min(token.expiresAt, nextReset) - now);
  }

  private void forget(MqttConnection connection) {
    Stream stream = locked(() -> streams.remove(connection));
    if (stream != null) {
      stream.end.cancel();
    }
  }

  // ---- state

  private static final class User {

    final Credential credential;
    final PublicKey key;
    final RateLimit reads = new RateLimit();
    final RateLimit writes = new RateLimit();
    String userId;
    @Nullable Session session;

    User(Credential credential, PublicKey key) {
      this.credential = credential;
      this.key = key;
      userId = "person-of-" + credential.apiKey();
    }
  }

  private static final class Stream {

    final User user;
    final Timer end;

    Stream(User user, Timer end) {
      this.user = user;
      this.end = end;
    }

    void endIfOf(User owner, MqttConnection connection) {
      if (owner == user) {
        connection.end();
      }
    }
  }

  private static final class Session {

    final long loginAt;
    String accessToken = "";

    Session(long loginAt) {
      this.loginAt = loginAt;
    }
  }

  private static final class Token {

    final Kind kind;
    final User user;
    final Session session;
    final long expiresAt;

    Token(Kind kind, User user, Session session, long expiresAt) {
      this.kind = kind;
      this.user = user;
      this.session = session;
      this.expiresAt = expiresAt;
    }
  }

  private static KeyPair newKey() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java has no P-256; add the module jdk.crypto.ec", e);
    }
  }
}
