package io.tradeauth.tradestation.testing;

import io.tradeauth.TimeSource;
import io.tradeauth.testing.TokenLedger;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.testing.Wire;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import mockwebserver3.MockResponse;
import okhttp3.HttpUrl;
import org.jspecify.annotations.Nullable;

/** {@code signin.tradestation.com}: who may have which tokens. Guarded by the simulator's lock. */
final class SignIn {

  static final String ISSUER = "https://signin.tradestation.com/";
  static final String AUDIENCE = "https://api.tradestation.com";
  private static final long ACCESS_SECONDS = 1200;
  private static final char[] ALPHABET =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".toCharArray();

  private final TimeSource time;
  private final TokenLedger ledger;
  private final SplittableRandom random = new SplittableRandom();
  private final Map<String, ApiKey> keys = new HashMap<>();
  private final Map<String, User> users = new HashMap<>();
  private final Map<String, Login.Code> codes = new HashMap<>();
  private final Map<String, Login.Refresh> refreshTokens = new HashMap<>();
  private final Map<String, AccessGrant> accessTokens = new HashMap<>();
  private final Map<ApiKey, Map<User, Deque<Login>>> logins = new HashMap<>();
  private long accessTokenNumber;

  final Map<String, Integer> statuses = new HashMap<>();
  String wrongClient = "access_denied";
  int errorPageStatus = 403;
  Duration codeLife = Duration.ofSeconds(60);
  Duration idleLife = Duration.ofMinutes(30);
  Duration absoluteLife = Duration.ofHours(24);
  int loginsPerUser = 200;
  boolean signsIdTokens = true;
  boolean emptyRefreshToken;
  boolean wholeScopeOnRefresh;

  @Nullable String human;
  @Nullable String leftover;
  boolean declines;

  SignIn(TimeSource time, TokenLedger ledger) {
    this.time = time;
    this.ledger = ledger;
  }

  void add(ApiKey key) {
    keys.put(key.clientId(), key);
  }

  User user(String name) {
    User known = users.get(name);
    if (known != null) {
      return known;
    }
    User user = new User(name, users.size());
    users.put(name, user);
    return user;
  }

  @Nullable AccessGrant access(@Nullable String bearer) {
    return bearer == null ? null : accessTokens.get(bearer);
  }

  // The browser ---------------------------------------------------------------------------------

  MockResponse authorize(HttpUrl url) {
    String user =
        "login".equals(url.queryParameter("prompt")) || leftover == null ? human : leftover;
    if (user == null) {
      return page(200, "Log in to TradeStation");
    }
    MockResponse answer = authorize(url, user);
    if (answer.getCode() == 302) {
      leftover = user;
    }
    return answer;
  }

  MockResponse authorize(HttpUrl url, String user) {
    ApiKey key = keys.get(parameter(url, "client_id"));
    String redirectUri = parameter(url, "redirect_uri");
    if (key == null || !key.isEnabled() || !key.isCallback(redirectUri)) {
      return page(errorPageStatus, "Oops!, something went wrong");
    }
    if (!parameter(url, "response_type").equals("code")) {
      return refused(url, "unsupported_response_type", "Unsupported response type");
    }
    String audience = url.queryParameter("audience");
    if (audience != null && !audience.equals(AUDIENCE)) {
      return refused(url, "access_denied", "Service not found: " + audience);
    }
    Set<String> scopes = new LinkedHashSet<>(Arrays.asList(parameter(url, "scope").split(" ")));
    if (!scopes.contains("openid")) {
      return refused(url, "invalid_scope", "scope must contain openid");
    }
    if (declines) {
      declines = false;
      return refused(url, "access_denied", "User did not authorize the request");
    }
    scopes.retainAll(key.scopes());
    Login login = login(key, user(user), scopes, audience != null);
    String code = code(login, redirectUri, parameter(url, "code_challenge"));
    return redirect(url, "code", code, "state", url.queryParameter("state"));
  }

  String code(Login login, String redirectUri, String challenge) {
    String code = secret(40);
    codes.put(code, new Login.Code(login, redirectUri, challenge));
    ledger.issued(Kind.CODE, code, login.user.name, now());
    return code;
  }

  MockResponse logout(HttpUrl url) {
    leftover = null;
    ApiKey key = keys.get(parameter(url, "client_id"));
    String target = parameter(url, "returnTo");
    return key != null && key.isLogoutTarget(target)
        ? new MockResponse.Builder().code(302).setHeader("Location", target).build()
        : page(400, "Oops!, something went wrong");
  }

  private static MockResponse refused(HttpUrl url, String error, String description) {
    return redirect(
        url,
        "error",
        error,
        "error_description",
        description,
        "state",
        url.queryParameter("state"));
  }

  private static MockResponse redirect(HttpUrl url, @Nullable String... parameters) {
    StringBuilder location = new StringBuilder(parameter(url, "redirect_uri"));
    char separator = location.indexOf("?") < 0 ? '?' : '&';
    for (int i = 0; i < parameters.length; i += 2) {
      if (parameters[i + 1] != null) {
        location
            .append(separator)
            .append(parameters[i])
            .append('=')
            .append(escaped(parameters[i + 1]));
        separator = '&';
      }
    }
    return new MockResponse.Builder().code(302).setHeader("Location", location).build();
  }

  /** As a browser does it: a space becomes %20 and not a plus sign. */
  private static String escaped(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private static String parameter(HttpUrl url, String name) {
    String value = url.queryParameter(name);
    return value == null ? "" : value;
  }

  // The token endpoint --------------------------------------------------------------------------

  MockResponse token(Map<String, String> form) {
    String grantType = form.get("grant_type");
    if (grantType == null) {
      return missing("grant_type");
    }
    String clientId = form.get("client_id");
    if (clientId == null) {
      return missing("client_id");
    }
    ApiKey key = authenticated(clientId, form.get("client_secret"));
    if (key == null) {
      return error(401, wrongClient, "Unauthorized");
    }
    return switch (grantType) {
      case "authorization_code" -> exchange(key, form);
      case "refresh_token" -> refresh(key, form);
      default ->
          error(
              403,
              "unauthorized_client",
              "Grant type '" + grantType + "' not allowed for the client.");
    };
  }

  private @Nullable ApiKey authenticated(String clientId, @Nullable String secret) {
    ApiKey key = keys.get(clientId);
    if (key == null || !key.isEnabled()) {
      return null;
    }
    String expected = key.clientSecret();
    boolean right = expected == null ? secret == null : expected.equals(secret);
    return right ? key : null;
  }

  private MockResponse exchange(ApiKey key, Map<String, String> form) {
    String presented = form.get("code");
    String verifier = form.get("code_verifier");
    if (presented == null) {
      return missing("code");
    }
    if (!form.containsKey("redirect_uri")) {
      return missing("redirect_uri");
    }
    if (key.clientSecret() == null && verifier == null) {
      return missing("code_verifier");
    }
    ledger.spent(presented);
    Login.Code code = codes.get(presented);
    if (code == null || !spend(code) || code.login.key != key || isOver(code.login.at, codeLife)) {
      return invalidGrant("Invalid authorization code");
    }
    if (!code.redirectUri.equals(form.get("redirect_uri"))) {
      return invalidGrant("Invalid authorization code");
    }
    if (verifier == null ? !code.challenge.isEmpty() : !matches(code.challenge, verifier)) {
      return invalidGrant("Failed to verify code verifier");
    }
    return granted(code.login, code.login.scope(), firstRefreshToken(code.login));
  }

  private static boolean spend(Login.Code code) {
    boolean first = !code.spent;
    code.spent = true;
    return first;
  }

  private static boolean matches(String challenge, String verifier) {
    return verifier.length() >= 43
        && verifier.length() <= 128
        && challenge.equals(Jwt.codeChallenge(verifier));
  }

  private MockResponse refresh(ApiKey key, Map<String, String> form) {
    String presented = form.get("refresh_token");
    if (presented == null) {
      return missing("refresh_token");
    }
    ledger.spent(presented);
    Login.Refresh token = refreshTokens.get(presented);
    if (token == null || token.login.key != key || !isAlive(token)) {
      return invalidGrant("Unknown or invalid refresh token.");
    }
    String scope = wholeScopeOnRefresh ? token.login.scope() : "openid offline_access";
    if (key.rotating()) {
      token.spent = true;
      return granted(token.login, scope, refreshToken(token.login));
    }
    return granted(token.login, scope, emptyRefreshToken ? "" : null);
  }

  /** Whether {@code token} may be used; if it was used before, its whole family ends. */
  private boolean isAlive(Login.Refresh token) {
    Login login = token.login;
    if (token.spent) {
      login.ended = true;
    }
    return !login.ended
        && !(login.key.rotating()
            && (isOver(token.issuedAt, idleLife) || isOver(login.at, absoluteLife)));
  }

  private boolean isOver(long since, Duration life) {
    return now() - since >= life.toMillis();
  }

  Login login(ApiKey key, User user, Set<String> scopes, boolean forApi) {
    return new Login(user, key, Collections.unmodifiableSet(scopes), forApi, now());
  }

  @Nullable String firstRefreshToken(Login login) {
    if (!login.scopes.contains("offline_access")) {
      return null;
    }
    Deque<Login> living =
        logins
            .computeIfAbsent(login.key, key -> new HashMap<>())
            .computeIfAbsent(login.user, user -> new ArrayDeque<>(1));
    living.add(login);
    if (living.size() > loginsPerUser) {
      living.remove().ended = true;
    }
    return refreshToken(login);
  }

  private String refreshToken(Login login) {
    String token = secret(44);
    refreshTokens.put(token, new Login.Refresh(login, now()));
    ledger.issued(
        login.key.rotating() ? Kind.REFRESH_TOKEN : Kind.LASTING_REFRESH_TOKEN,
        token,
        login.user.name,
        now());
    return token;
  }

  String accessToken(Login login) {
    long now = now();
    long number = ++accessTokenNumber;
    String token = login.forApi ? apiToken(login, now / 1000) : secret(32);
    accessTokens.put(token, new AccessGrant(login, number, now + ACCESS_SECONDS * 1000));
    ledger.issued(Kind.ACCESS_TOKEN, token, login.user.name, now);
    return token;
  }

  private String apiToken(Login login, long seconds) {
    String claims =
        """
        {"http://tradestation.com/username":%s,"iss":"%s","sub":"%s","aud":"%s","iat":%s,"exp":%s,\
        "azp":"%s","scope":"%s"}"""
            .formatted(
                Wire.quote(login.user.name),
                ISSUER,
                login.user.subject,
                AUDIENCE,
                seconds,
                seconds + ACCESS_SECONDS,
                login.key.clientId(),
                login.scope());
    return Jwt.unsigned(claims, secret(342));
  }

  private String idToken(Login login, String accessToken) {
    long seconds = now() / 1000;
    StringBuilder claims = new StringBuilder("{");
    String name = login.user.name;
    if (login.scopes.contains("profile")) {
      claims.append(
          """
          "name":%1$s,"family_name":%1$s,"given_name":%1$s,"nickname":%1$s,\
          "picture":"https://example.com/picture.png","updated_at":"2026-01-05T00:00:00.000Z","""
              .formatted(Wire.quote(name)));
    }
    if (login.scopes.contains("email")) {
      claims.append(
          "\"email\":%s,\"email_verified\":true,".formatted(Wire.quote(name + "@example.com")));
    }
    claims.append(
        """
        "iss":"%s","sub":"%s","aud":"%s","iat":%s,"exp":%s,"at_hash":"%s"}"""
            .formatted(
                ISSUER,
                login.user.subject,
                login.key.clientId(),
                seconds,
                seconds + 36_000,
                Jwt.accessTokenHash(accessToken)));
    String token =
        signsIdTokens
            ? Jwt.signed(claims.toString())
            : Jwt.unsigned(claims.toString(), secret(342));
    ledger.issued(Kind.OTHER, token, name, now());
    return token;
  }

  private MockResponse granted(Login login, String scope, @Nullable String refreshToken) {
    String accessToken = accessToken(login);
    StringBuilder body = new StringBuilder("{\"access_token\":\"").append(accessToken).append('"');
    if (refreshToken != null) {
      body.append(",\"refresh_token\":\"").append(refreshToken).append('"');
    }
    body.append(",\"id_token\":\"").append(idToken(login, accessToken)).append('"');
    body.append(",\"scope\":\"").append(scope).append('"');
    body.append(",\"expires_in\":").append(ACCESS_SECONDS).append(",\"token_type\":\"Bearer\"}");
    return answer(200, body.toString());
  }

  // Revocation ----------------------------------------------------------------------------------

  MockResponse revoke(Map<String, String> members) {
    String clientId = members.get("client_id");
    if (clientId == null) {
      return missing("client_id");
    }
    ApiKey key = authenticated(clientId, members.get("client_secret"));
    if (key == null) {
      return error(401, wrongClient, "Unauthorized");
    }
    // The page's table names the one, its example the other.
    String presented = members.getOrDefault("token", members.get("refresh_token"));
    if (presented == null) {
      return missing("token");
    }
    Login.Refresh token = refreshTokens.get(presented);
    if (token != null && token.login.key == key) {
      endLogins(key);
    }
    return new MockResponse.Builder().code(200).setHeader("Cache-Control", "no-store").build();
  }

  void endLogins(ApiKey key) {
    Map<User, Deque<Login>> living = logins.remove(key);
    if (living != null) {
      living.values().forEach(SignIn::end);
    }
  }

  void endLogins(User user) {
    for (Map<User, Deque<Login>> living : logins.values()) {
      Deque<Login> own = living.remove(user);
      if (own != null) {
        end(own);
      }
    }
  }

  private static void end(Iterable<Login> logins) {
    logins.forEach(login -> login.ended = true);
  }

  void rejectAccessTokens(User user) {
    user.rejectedUpTo = accessTokenNumber;
  }

  // Answers -------------------------------------------------------------------------------------

  private MockResponse invalidGrant(String description) {
    return error(403, "invalid_grant", description);
  }

  private MockResponse missing(String parameter) {
    return error(400, "invalid_request", "Missing required parameter: " + parameter);
  }

  private MockResponse error(int status, String error, String description) {
    return answer(statuses.getOrDefault(error, status), errorBody(error, description));
  }

  static String errorBody(String error, String description) {
    return "{\"error\":%s,\"error_description\":%s}"
        .formatted(Wire.quote(error), Wire.quote(description));
  }

  static MockResponse answer(int status, String body) {
    return new MockResponse.Builder()
        .code(status)
        .setHeader("Content-Type", "application/json")
        .setHeader("Cache-Control", "no-store")
        .body(body)
        .build();
  }

  private static MockResponse page(int status, String title) {
    return new MockResponse.Builder()
        .code(status)
        .setHeader("Content-Type", "text/html; charset=utf-8")
        .body("<!DOCTYPE html><html><head><title>" + title + "</title></head><body/></html>")
        .build();
  }

  /** An invented secret of {@code length} characters that a scan for leaks finds. */
  private String secret(int length) {
    char[] text = new char[length];
    "canary".getChars(0, 6, text, 0);
    for (int i = 6; i < length; i++) {
      text[i] = ALPHABET[random.nextInt(ALPHABET.length)];
    }
    return new String(text);
  }

  private long now() {
    return time.wallMillis();
  }
}
