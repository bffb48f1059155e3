package io.tradeauth.testing;

import io.tradeauth.RotationProfile;
import io.tradeauth.TimeSource;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import okhttp3.HttpUrl;
import org.jspecify.annotations.Nullable;

/**
 * An authorization server as RFC 6749 describes it, and an API that takes its tokens: no broker in
 * particular, with a switch for each way in which they differ.
 *
 * <p>Users come into being when they are named. It starts with the client {@link #CLIENT_ID}.
 * Endpoints in the log: {@code token}, {@code revoke} and {@code authorize} of the host {@code
 * auth}; {@code whoami}, {@code data} and {@code orders} of the host {@code api}. What goes wrong
 * with a call is said with {@link #fail}; what takes long with {@link #holdRequests} and {@link
 * #holdAnswers}.
 *
 * @see FakeBroker
 */
public final class FakeAuthorizationServer extends Simulator {

  /** The client that it starts with. */
  public static final String CLIENT_ID = "fake-client";

  /** The secret of the client that it starts with. */
  public static final String CLIENT_SECRET = "canary-client-secret";

  /** Where codes are sent to, unless an authorization request says otherwise. */
  public static final URI REDIRECT_URI = URI.create("https://app.example.com/callback");

  private static final Duration CODE_LIFE = Duration.ofMinutes(1);

  private final Map<String, @Nullable String> clients = new HashMap<>();
  private final Map<String, Session> byRefreshToken = new HashMap<>();
  private final Map<String, Access> byAccessToken = new HashMap<>();
  private final Map<String, Code> codes = new HashMap<>();
  private final Set<String> rejected = new HashSet<>();
  private final Map<String, Integer> orders = new HashMap<>();
  private final RotationProfile rotation;
  private final URI auth;
  private final URI api;
  private Duration life = Duration.ofMinutes(20);
  private Duration grace = Duration.ZERO;
  private @Nullable Duration sameTokenUntil;
  private String scope = "read trade";
  private boolean tellsLife = true;
  private boolean onlyNewest;
  private int issued;

  /**
   * Makes a server.
   *
   * @param rotation what a second use of a refresh token costs here; a server of the kind {@code
   *     RELOGIN} is as strict as one of the kind {@code STRICT}
   */
  public FakeAuthorizationServer(TimeSource time, RotationProfile rotation) {
    super(time);
    this.rotation = rotation;
    clients.put(CLIENT_ID, CLIENT_SECRET);
    auth = start("auth");
    api = start("api");
  }

  /** Makes a server that answers a second use of a refresh token by ending the session. */
  public static FakeAuthorizationServer strict(TimeSource time) {
    return new FakeAuthorizationServer(time, RotationProfile.STRICT);
  }

  /** Makes a server whose refresh tokens never change. */
  public static FakeAuthorizationServer constant(TimeSource time) {
    return new FakeAuthorizationServer(time, RotationProfile.NONE);
  }

  // Where it is ---------------------------------------------------------------------------------

  /** Returns the page where users agree. */
  public URI authorizationUri() {
    return auth.resolve("/authorize");
  }

  /** Returns the token endpoint. */
  public URI tokenUri() {
    return auth.resolve("/token");
  }

  /** Returns the revocation endpoint (RFC 7009). */
  public URI revocationUri() {
    return auth.resolve("/revoke");
  }

  /**
   * Returns the base of the API, which has {@code GET /v1/whoami}, {@code GET /v1/data} and {@code
   * POST /v1/orders}.
   */
  public URI api() {
    return api;
  }

  /** Returns what a second use of a refresh token costs. */
  public RotationProfile rotation() {
    return rotation;
  }

  // What it does --------------------------------------------------------------------------------

  /** Sets how long new access tokens live; 20 minutes if not set. */
  public FakeAuthorizationServer life(Duration accessTokenLife) {
    locked(() -> this.life = accessTokenLife);
    return this;
  }

  /** Returns how long new access tokens live. */
  public Duration life() {
    return locked(() -> life);
  }

  /** Sets how long after its end the API still takes an access token. */
  public FakeAuthorizationServer grace(Duration afterEnd) {
    locked(() -> this.grace = afterEnd);
    return this;
  }

  /** Lets a renewal end the access tokens of before, or not, as at first. */
  public FakeAuthorizationServer onlyNewestAccessToken(boolean only) {
    locked(() -> this.onlyNewest = only);
    return this;
  }

  /** Gives the same access token again until it is this close to its end. */
  public FakeAuthorizationServer sameTokenUntil(Duration beforeEnd) {
    locked(() -> this.sameTokenUntil = beforeEnd);
    return this;
  }

  /** Sets the scope that is granted, names with blanks between; none is told if it is empty. */
  public FakeAuthorizationServer scope(String granted) {
    locked(() -> this.scope = granted);
    return this;
  }

  /** Sets whether answers tell {@code expires_in}. */
  public FakeAuthorizationServer tellsLife(boolean tells) {
    locked(() -> this.tellsLife = tells);
    return this;
  }

  /** Adds a client, or gives it another secret; null makes it a public one. */
  public FakeAuthorizationServer client(String id, @Nullable String secret) {
    locked(() -> clients.put(id, secret));
    return this;
  }

  // Users ---------------------------------------------------------------------------------------

  /** Signs {@code user} in elsewhere and returns the refresh token. */
  public String refreshToken(String user) {
    return refreshToken(user, CLIENT_ID);
  }

  /** Signs {@code user} in elsewhere, to a client, and returns the refresh token. */
  public String refreshToken(String user, String clientId) {
    return locked(() -> new Session(user, clientId).rotate());
  }

  /** Signs {@code user} in elsewhere and returns an access token, without a refresh token. */
  public String accessToken(String user) {
    return locked(() -> new Session(user, CLIENT_ID).issue());
  }

  /** Lets {@code user} agree elsewhere and returns a code for {@link #REDIRECT_URI}. */
  public String code(String user) {
    return locked(() -> newCode(user, CLIENT_ID, REDIRECT_URI.toString(), null));
  }

  /** Lets {@code user} open an authorization request and agree; returns where that leads to. */
  public URI approve(String user, URI authorizationRequest) {
    HttpUrl url = HttpUrl.get(authorizationRequest);
    return locked(
        () -> {
          String redirect = parameter(url, "redirect_uri");
          String code =
              newCode(
                  user,
                  parameter(url, "client_id"),
                  redirect,
                  url.queryParameter("code_challenge"));
          log("auth", "authorize", user, 302);
          String state = URLEncoder.encode(parameter(url, "state"), StandardCharsets.UTF_8);
          return URI.create(redirect + "?code=" + code + "&state=" + state);
        });
  }

  private static String parameter(HttpUrl url, String name) {
    String value = url.queryParameter(name);
    if (value == null) {
      throw new IllegalArgumentException("the authorization request has no " + name);
    }
    return value;
  }

  private String newCode(
      String user, String clientId, String redirectUri, @Nullable String challenge) {
    String code = newSecret("code", user, TokenLedger.Kind.CODE);
    codes.put(
        code,
        new Code(
            user,
            clientId,
            redirectUri,
            challenge,
            time().wallMillis() + CODE_LIFE.toMillis(),
            new ArrayList<>()));
    return code;
  }

  /** Ends all sessions of {@code user}: access and refresh tokens. */
  public void endSessions(String user) {
    locked(() -> sessionsOf(user).forEach(Session::end));
  }

  /** Ends the refresh tokens of {@code user}; access tokens live to their end. */
  public void endRefreshTokens(String user) {
    locked(() -> sessionsOf(user).forEach(session -> session.alive = false));
  }

  /** Ends the access tokens that {@code user} has now; refresh tokens stay. */
  public void endAccessTokens(String user) {
    locked(() -> sessionsOf(user).forEach(Session::endAccessTokens));
  }

  /**
   * Lets the API answer 401 to everything {@code user} sends, or no longer: for reasons that
   * renewing can't cure.
   */
  public void rejectAll401(String user, boolean reject) {
    locked(() -> reject ? rejected.add(user) : rejected.remove(user));
  }

  private Set<Session> sessionsOf(String user) {
    Set<Session> sessions = new HashSet<>();
    byRefreshToken.values().forEach(sessions::add);
    byAccessToken.values().forEach(access -> sessions.add(access.session));
    sessions.removeIf(session -> !session.user.equals(user));
    return sessions;
  }

  // What there is -------------------------------------------------------------------------------

  /** Returns whether {@code user} has a session that can still be renewed. */
  public boolean hasSession(String user) {
    return locked(() -> sessionsOf(user).stream().anyMatch(session -> session.alive));
  }

  /** Returns whether the API takes an access token now. */
  public boolean accepts(String accessToken) {
    return locked(() -> ownerOf(accessToken) != null);
  }

  /** Returns whether {@code refreshToken} is the one that its session renews with next. */
  public boolean isCurrent(String refreshToken) {
    return locked(
        () -> {
          Session session = byRefreshToken.get(refreshToken);
          return session != null && session.alive && refreshToken.equals(session.current);
        });
  }

  /** Returns how many orders of {@code user} were placed. */
  public int orders(String user) {
    return locked(() -> orders.getOrDefault(user, 0));
  }

  /** Returns how many calls of {@code user} an endpoint got. */
  public int count(String endpoint, String user) {
    return count(call -> call.endpoint().equals(endpoint) && call.owner().equals(user));
  }

  // The servers ---------------------------------------------------------------------------------

  @Override
  protected String endpoint(String host, RecordedRequest request) {
    return switch (request.getMethod() + " " + request.getUrl().encodedPath()) {
      case "POST /token" -> "token";
      case "POST /revoke" -> "revoke";
      case "GET /v1/whoami" -> "whoami";
      case "GET /v1/data", "HEAD /v1/data" -> "data";
      case "POST /v1/orders" -> "orders";
      default -> "unknown";
    };
  }

  @Override
  protected String owner(String host, String endpoint, RecordedRequest request) {
    if (host.equals("api")) {
      String token = Wire.bearer(request);
      String owner = token == null ? null : ledger().owner(token);
      return owner == null ? "" : owner;
    }
    Map<String, String> form = Wire.form(request);
    for (String name : List.of("refresh_token", "code", "token")) {
      String owner = ledger().owner(form.getOrDefault(name, ""));
      if (owner != null) {
        return owner;
      }
    }
    return "";
  }

  @Override
  protected MockResponse answer(String host, String endpoint, RecordedRequest request) {
    if (host.equals("api")) {
      return callApi(endpoint, request);
    }
    return switch (endpoint) {
      case "token" -> token(Wire.form(request), request);
      case "revoke" -> revoke(Wire.form(request), request);
      default -> error(404, "not_found");
    };
  }

  private static MockResponse error(int status, String code) {
    return json(status, "{\"error\":" + Wire.quote(code) + "}");
  }

  // The token endpoint

  private MockResponse token(Map<String, String> form, RecordedRequest request) {
    String client = authenticated(form, request);
    if (client == null) {
      return error(401, "invalid_client");
    }
    return switch (form.getOrDefault("grant_type", "")) {
      case "refresh_token" -> refresh(form.getOrDefault("refresh_token", ""), client);
      case "authorization_code" -> exchange(form, client);
      default -> error(400, "unsupported_grant_type");
    };
  }

  /** One method of authentication, never two (RFC 6749, section 2.3). */
  private @Nullable String authenticated(Map<String, String> form, RecordedRequest request) {
    String header = request.getHeaders().get("Authorization");
    if (header == null) {
      return isClient(form.get("client_id"), form.get("client_secret"))
          ? form.get("client_id")
          : null;
    }
    String[] pair =
        new String(Base64.getDecoder().decode(header.substring(6)), StandardCharsets.UTF_8)
            .split(":", 2);
    boolean twice = form.containsKey("client_secret");
    return !twice && pair.length == 2 && isClient(decode(pair[0]), decode(pair[1]))
        ? decode(pair[0])
        : null;
  }

  private static String decode(String text) {
    return java.net.URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  private boolean isClient(@Nullable String id, @Nullable String secret) {
    return id != null
        && clients.containsKey(id)
        && java.util.Objects.equals(clients.get(id), secret);
  }

  private MockResponse refresh(String refreshToken, String client) {
    ledger().spent(refreshToken);
    Session session = byRefreshToken.get(refreshToken);
    if (session == null || !session.alive || !session.client.equals(client)) {
      return error(400, "invalid_grant");
    }
    boolean rotates = rotation.kind() != RotationProfile.Kind.NONE;
    if (!refreshToken.equals(session.current) && !session.isForgiven(refreshToken)) {
      session.end();
      return error(400, "invalid_grant");
    }
    boolean first = refreshToken.equals(session.current);
    String next = rotates ? (first ? session.rotate() : session.current) : null;
    return granted(session, next);
  }

  private MockResponse exchange(Map<String, String> form, String client) {
    String sent = form.getOrDefault("code", "");
    boolean first = ledger().spent(sent) == 1;
    Code code = codes.get(sent);
    if (code == null) {
      return error(400, "invalid_grant");
    }
    if (!first) {
      // What it bought ends too (RFC 6749, section 4.1.2).
      code.sessions.forEach(Session::end);
      return error(400, "invalid_grant");
    }
    boolean good =
        code.client.equals(client)
            && code.redirectUri.equals(form.get("redirect_uri"))
            && time().wallMillis() < code.endsAtMillis
            && java.util.Objects.equals(code.challenge, challenge(form.get("code_verifier")));
    if (!good) {
      return error(400, "invalid_grant");
    }
    Session session = new Session(code.user, client);
    code.sessions.add(session);
    return granted(session, session.rotate());
  }

  private static @Nullable String challenge(@Nullable String verifier) {
    if (verifier == null) {
      return null;
    }
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(verifier.getBytes(StandardCharsets.US_ASCII));
      return Base64.getUrlEncoder().withoutPadding().encodeToString(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  private MockResponse granted(Session session, @Nullable String refreshToken) {
    String accessToken = session.accessToken();
    Access access = byAccessToken.get(accessToken);
    long seconds = access == null ? 0 : (access.endsAtMillis - time().wallMillis()) / 1000;
    StringBuilder body = new StringBuilder("{\"token_type\":\"Bearer\"");
    body.append(",\"access_token\":").append(Wire.quote(accessToken));
    body.append(",\"sub\":").append(Wire.quote("id-of-" + session.user));
    if (tellsLife) {
      body.append(",\"expires_in\":").append(seconds);
    }
    if (refreshToken != null) {
      body.append(",\"refresh_token\":").append(Wire.quote(refreshToken));
    }
    if (!scope.isEmpty()) {
      body.append(",\"scope\":").append(Wire.quote(scope));
    }
    return json(200, body.append('}').toString())
        .newBuilder()
        .setHeader("Cache-Control", "no-store")
        .build();
  }

  private MockResponse revoke(Map<String, String> form, RecordedRequest request) {
    if (authenticated(form, request) == null) {
      return error(401, "invalid_client");
    }
    String token = form.getOrDefault("token", "");
    Session session = byRefreshToken.get(token);
    if (session != null) {
      session.end();
    }
    byAccessToken.remove(token);
    return new MockResponse.Builder().code(200).build();
  }

  // The API

  private MockResponse callApi(String endpoint, RecordedRequest request) {
    String token = Wire.bearer(request);
    String user = token == null ? null : ownerOf(token);
    if (user == null) {
      return error(401, "invalid_token")
          .newBuilder()
          .setHeader("WWW-Authenticate", "Bearer error=\"invalid_token\"")
          .build();
    }
    return switch (endpoint) {
      case "whoami" ->
          json(200, "{\"sub\":" + Wire.quote("id-of-" + user) + ",\"name\":" + quoted(user) + "}");
      case "data" -> json(200, "{\"owner\":" + quoted(user) + "}");
      case "orders" -> {
        orders.merge(user, 1, Integer::sum);
        yield json(201, "{\"order\":" + orders.get(user) + "}");
      }
      default -> error(404, "not_found");
    };
  }

  private static String quoted(String text) {
    return Wire.quote(text);
  }

  private @Nullable String ownerOf(String accessToken) {
    Access access = byAccessToken.get(accessToken);
    boolean good =
        access != null
            && time().wallMillis() < access.endsAtMillis + grace.toMillis()
            && !rejected.contains(access.session.user);
    return good && access != null ? access.session.user : null;
  }

  private String newSecret(String kind, String user, TokenLedger.Kind ledgerKind) {
    issued++;
    String secret = "canary-" + kind + "-" + issued + "-" + Integer.toHexString(user.hashCode());
    ledger().issued(ledgerKind, secret, user, time().wallMillis());
    return secret;
  }

  /** All that came of one sign-in. Guarded by the simulator's lock. */
  private final class Session {

    final String user;
    final String client;
    final Map<String, Long> spentAtMillis = new HashMap<>();
    boolean alive = true;
    String current = "";
    String newest = "";

    Session(String user, String client) {
      this.user = user;
      this.client = client;
    }

    /** Makes the next refresh token. */
    String rotate() {
      spentAtMillis.put(current, time().wallMillis());
      boolean lasting = rotation.kind() == RotationProfile.Kind.NONE;
      current =
          newSecret(
              "refresh",
              user,
              lasting ? TokenLedger.Kind.LASTING_REFRESH_TOKEN : TokenLedger.Kind.REFRESH_TOKEN);
      byRefreshToken.put(current, this);
      return current;
    }

    boolean isForgiven(String refreshToken) {
      Long spent = spentAtMillis.get(refreshToken);
      return spent != null && time().wallMillis() - spent < rotation.leeway().toMillis();
    }

    /** Returns the access token in hand if it is to be given again, else a new one. */
    String accessToken() {
      Access known = byAccessToken.get(newest);
      Duration until = sameTokenUntil;
      boolean again =
          known != null
              && until != null
              && known.endsAtMillis - time().wallMillis() > until.toMillis();
      if (!again && onlyNewest) {
        endAccessTokens();
      }
      return again ? newest : issue();
    }

    String issue() {
      newest = newSecret("access", user, TokenLedger.Kind.ACCESS_TOKEN);
      byAccessToken.put(newest, new Access(this, time().wallMillis() + life.toMillis()));
      return newest;
    }

    void end() {
      alive = false;
      endAccessTokens();
    }

    void endAccessTokens() {
      byAccessToken.values().removeIf(access -> access.session == this);
    }
  }

  private record Access(Session session, long endsAtMillis) {}

  private record Code(
      String user,
      String client,
      String redirectUri,
      @Nullable String challenge,
      long endsAtMillis,
      List<Session> sessions) {}
}
