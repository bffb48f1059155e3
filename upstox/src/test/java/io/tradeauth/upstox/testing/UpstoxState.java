package io.tradeauth.upstox.testing;

import io.tradeauth.TimeSource;
import io.tradeauth.testing.TokenLedger;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The customers, apps, codes and tokens behind the simulated servers, and the clock rules of fact
 * sheet section 5. Guarded by the simulator's lock.
 */
final class UpstoxState {

  private static final long HOUR = Duration.ofHours(1).toMillis();
  private static final long DAY = 24 * HOUR;

  /** India is at UTC+05:30 all year. */
  private static final long IST = 5 * HOUR + HOUR / 2;

  /** 03:30 IST. */
  private static final long CUT = 3 * HOUR + HOUR / 2;

  private static final DateTimeFormatter CLOCK =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss", Locale.ROOT)
          .withZone(ZoneOffset.ofHoursMinutes(5, 30));

  private static final long SERVICES_OPEN = 5 * HOUR + HOUR / 2;

  private final Map<String, User> users = new HashMap<>();
  private final Map<String, App> apps = new HashMap<>();
  private final Map<String, Code> codes = new HashMap<>();
  private final Map<String, Code> socketCodes = new HashMap<>();
  private final Map<String, Token> tokens = new HashMap<>();
  private final TokenLedger ledger;
  private final TimeSource time;
  private long serial;
  Duration codeLife = Duration.ofMinutes(2);
  boolean newTokenEndsOld;

  UpstoxState(TokenLedger ledger, TimeSource time) {
    this.ledger = ledger;
    this.time = time;
  }

  /** A customer. Raising {@code generation} ends all access tokens made before. */
  static final class User {

    final String id;
    boolean segments = true;
    boolean individual = true;
    String primaryIp = "203.0.113.10";
    @Nullable String secondaryIp;
    String ipUpdatedAt = "2026-04-01 09:05:00";
    int generation;
    @Nullable Token extended;
    @Nullable Token analytics;
    @Nullable Token sandbox;

    User(String id) {
      this.id = id;
    }
  }

  /** A registered application. */
  static final class App {

    final String clientId;
    final String redirectUri;
    final User owner;
    String secret;
    UpstoxSimulator.AppState state = UpstoxSimulator.AppState.ACTIVE;
    boolean extendedTokens = true;
    @Nullable URI notifier;
    long askedUntil;

    App(String clientId, String secret, String redirectUri, User owner) {
      this.clientId = clientId;
      this.secret = secret;
      this.redirectUri = redirectUri;
      this.owner = owner;
    }
  }

  enum Kind {
    ACCESS,
    EXTENDED,
    ANALYTICS,
    SANDBOX
  }

  /** A token, dead or alive. */
  static final class Token {

    final Kind kind;
    final User user;
    final String value;
    final long issuedAt;
    final long expiresAt;
    private final int generation;
    private boolean ended;

    Token(Kind kind, User user, String value, long issuedAt, long expiresAt) {
      this.kind = kind;
      this.user = user;
      this.value = value;
      this.issuedAt = issuedAt;
      this.expiresAt = expiresAt;
      this.generation = user.generation;
    }

    void end() {
      ended = true;
    }

    boolean livesAt(long now) {
      return !ended && now < expiresAt && (kind != Kind.ACCESS || generation == user.generation);
    }
  }

  /** A code of the login dialog or of a socket URL. */
  static final class Code {

    final String clientId;
    final User user;
    private final long expiresAt;
    private boolean spent;

    Code(String clientId, User user, long expiresAt) {
      this.clientId = clientId;
      this.user = user;
      this.expiresAt = expiresAt;
    }

    boolean spend(long now) {
      boolean first = !spent && now < expiresAt;
      spent = true;
      return first;
    }
  }

  void addUser(String userId) {
    users.put(userId, new User(userId));
  }

  void addApp(String clientId, String secret, String redirectUri, String owner) {
    apps.put(clientId, new App(clientId, secret, redirectUri, user(owner)));
    remember(secret, clientId);
  }

  void replaceSecret(String clientId, String secret) {
    app(clientId).secret = secret;
    remember(secret, clientId);
  }

  private void remember(String secret, String clientId) {
    ledger.issued(TokenLedger.Kind.OTHER, secret, clientId, now());
  }

  User user(String userId) {
    User user = users.get(userId);
    if (user == null) {
      throw new IllegalArgumentException("userId: no such customer, " + userId);
    }
    return user;
  }

  App app(String clientId) {
    App app = apps.get(clientId);
    if (app == null) {
      throw new IllegalArgumentException("clientId: no such app, " + clientId);
    }
    return app;
  }

  @Nullable App findApp(@Nullable String clientId) {
    return clientId == null ? null : apps.get(clientId);
  }

  @Nullable User findUser(@Nullable String userId) {
    return userId == null ? null : users.get(userId);
  }

  @Nullable Code findCode(@Nullable String code) {
    return code == null ? null : codes.get(code);
  }

  @Nullable Code findSocketCode(@Nullable String code) {
    return code == null ? null : socketCodes.get(code);
  }

  @Nullable Token findToken(@Nullable String token) {
    return token == null ? null : tokens.get(token);
  }

  String newCode(App app, User user) {
    String code = newSecret(TokenLedger.Kind.CODE, user);
    codes.put(code, new Code(app.clientId, user, now() + codeLife.toMillis()));
    return code;
  }

  String newSocketCode(User user) {
    String code = newSecret(TokenLedger.Kind.OTHER, user);
    socketCodes.put(code, new Code("", user, Long.MAX_VALUE));
    return code;
  }

  private String newSecret(TokenLedger.Kind kind, User user) {
    String secret = "canary" + Long.toString(++serial, Character.MAX_RADIX);
    ledger.issued(kind, secret, user.id, now());
    return secret;
  }

  Token newAccessToken(User user) {
    if (newTokenEndsOld) {
      user.generation++;
    }
    return issue(Kind.ACCESS, user, nextCut(now()));
  }

  Token extendedToken(User user, boolean fresh) {
    Token extended = user.extended;
    if (extended == null || fresh || !extended.livesAt(now())) {
      end(extended);
      extended = issue(Kind.EXTENDED, user, now() + 365 * DAY);
      user.extended = extended;
    }
    return extended;
  }

  Token newAnalyticsToken(User user) {
    end(user.analytics);
    Token analytics = issue(Kind.ANALYTICS, user, now() + 365 * DAY);
    user.analytics = analytics;
    return analytics;
  }

  Token newSandboxToken(User user) {
    end(user.sandbox);
    Token sandbox = issue(Kind.SANDBOX, user, now() + 30 * DAY);
    user.sandbox = sandbox;
    return sandbox;
  }

  private static void end(@Nullable Token token) {
    if (token != null) {
      token.end();
    }
  }

  private Token issue(Kind kind, User user, long expiresAt) {
    Token token = new Token(kind, user, jwt(user, expiresAt), now(), expiresAt);
    tokens.put(token.value, token);
    TokenLedger.Kind remembered =
        kind == Kind.EXTENDED ? TokenLedger.Kind.OTHER : TokenLedger.Kind.ACCESS_TOKEN;
    ledger.issued(remembered, token.value, user.id, now());
    return token;
  }

  /** Looks like the published claims of a live token; its signature is a number. */
  private String jwt(User user, long expiresAt) {
    String claims =
        """
        {"sub":"%s","isMultiClient":false,"isPlusPlan":true,"iat":%d,\
        "iss":"udapi-gateway-service","exp":%d}"""
            .formatted(user.id, now() / 1000, expiresAt / 1000);
    return base64("{\"typ\":\"JWT\",\"alg\":\"HS256\"}")
        + "."
        + base64(claims)
        + ".canary-"
        + Long.toString(++serial, Character.MAX_RADIX);
  }

  private static String base64(String text) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  long now() {
    return time.wallMillis();
  }

  /** Returns the first 03:30 IST strictly after {@code millis}. */
  static long nextCut(long millis) {
    return millis + DAY - Math.floorMod(millis + IST - CUT, DAY);
  }

  /** Funds and orders are closed from 00:00 to 05:30 IST. */
  boolean servicesClosed() {
    return Math.floorMod(now() + IST, DAY) < SERVICES_OPEN;
  }

  /** Returns the time of day in India, as the servers print it. */
  String indianTime() {
    return CLOCK.format(Instant.ofEpochMilli(now()));
  }
}
