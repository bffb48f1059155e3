package io.tradeauth.tradestation.testing;

import io.tradeauth.TimeSource;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Simulator;
import io.tradeauth.testing.Wire;
import java.net.URI;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import okhttp3.HttpUrl;
import org.jspecify.annotations.Nullable;

/**
 * TradeStation on this machine: the sign-in host, and the live and the simulated API, which share
 * one store of tokens.
 *
 * <p>It starts with one confidential key ({@link #key}), default or {@linkplain #rotating
 * rotating}; users come into being when they are named. With a rotating key it is the strict
 * server: a second use of a refresh token ends every refresh token of that login. The statuses and
 * texts of the token endpoint's errors are the general behaviour of Auth0 and were not captured at
 * TradeStation; {@link #answerWith} changes them.
 *
 * <p>Endpoints in the log: {@code authorize}, {@code token}, {@code revoke}, {@code logout}, {@code
 * jwks}, {@code discovery}; {@code accounts}, {@code balances}, {@code orders}, {@code order} (one
 * is sent), {@code quotes}, {@code stream-quotes}, {@code stream-orders}. Hosts: {@code signin},
 * {@code live}, {@code sim}.
 */
public final class TradeStationSimulator extends Simulator {

  /** What a login asks for that names no scopes. */
  private static final String SCOPES = "openid offline_access profile MarketData ReadAccount Trade";

  private final URI signInHost;
  private final URI liveHost;
  private final URI simHost;
  private final ApiKey key;
  private final SignIn signIn;
  private final Api api;

  /** Makes a simulator whose key is a default one: its refresh tokens neither end nor change. */
  public TradeStationSimulator(TimeSource time) {
    this(time, false);
  }

  private TradeStationSimulator(TimeSource time, boolean rotating) {
    super(time);
    String clientId = "aBcD1234eFgH5678iJkL9012mNoP3456";
    String secret = "canarySecret0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP";
    key = rotating ? ApiKey.rotating(clientId, secret) : ApiKey.confidential(clientId, secret);
    signIn = new SignIn(time, ledger());
    signIn.add(key);
    api = new Api(time, signIn);
    signInHost = start("signin");
    liveHost = start("live");
    simHost = start("sim");
  }

  /**
   * Makes a simulator whose key rotates, and that does not sign its id tokens.
   *
   * <p>A signature costs 2 ms of a processor, too much where ten thousand users come at once.
   */
  public static TradeStationSimulator rotating(TimeSource time) {
    TradeStationSimulator simulator = new TradeStationSimulator(time, true);
    simulator.signIdTokens(false);
    return simulator;
  }

  // Where it is ---------------------------------------------------------------------------------

  /** Returns what stands for {@code https://signin.tradestation.com}. */
  public URI signInHost() {
    return signInHost;
  }

  /** Returns what stands for {@code https://api.tradestation.com}. */
  public URI liveHost() {
    return liveHost;
  }

  /** Returns what stands for {@code https://sim-api.tradestation.com}. */
  public URI simHost() {
    return simHost;
  }

  // Keys and users ------------------------------------------------------------------------------

  /** Returns the key it starts with. */
  public ApiKey key() {
    return key;
  }

  /** Issues one more key. */
  public ApiKey addKey(ApiKey key) {
    locked(() -> signIn.add(key));
    return key;
  }

  /** Makes a user with a margin and a futures account, live and simulated. */
  public void addUser(String user) {
    locked(
        () -> {
          signIn.user(user);
        });
  }

  /** Puts {@code user} before the browser, who signs in when {@code /authorize} asks. */
  public void human(String user) {
    locked(
        () -> {
          signIn.human = user;
        });
  }

  /**
   * Leaves a login of {@code user} in the browser; without {@code prompt=login} nobody is asked.
   */
  public void leftoverLogin(@Nullable String user) {
    locked(
        () -> {
          signIn.leftover = user;
        });
  }

  /** Lets the human decline the next time. */
  public void decline() {
    locked(
        () -> {
          signIn.declines = true;
        });
  }

  /**
   * Lets {@code user} open {@code authorizationUrl} in a browser of their own and agree.
   *
   * @return where the browser is sent: the callback with a code, or with an error
   * @throws IllegalStateException if an error page is shown instead
   */
  public URI approve(String user, String authorizationUrl) {
    MockResponse answer =
        locked(
            () -> {
              MockResponse response = signIn.authorize(HttpUrl.get(authorizationUrl), user);
              log("signin", "authorize", user, response.getCode());
              return response;
            });
    String location = answer.getHeaders().get("Location");
    if (location == null) {
      throw new IllegalStateException("error page, status " + answer.getCode());
    }
    return URI.create(location);
  }

  /** Signs {@code user} in to {@link #key} elsewhere and returns a code for its first callback. */
  public String code(String user) {
    return code(key, user, SCOPES);
  }

  /** Signs {@code user} in to {@code key} elsewhere and returns a code for its first callback. */
  public String code(ApiKey key, String user, String scopes) {
    return locked(() -> signIn.code(login(key, user, scopes), key.anyCallback(), ""));
  }

  /** Signs {@code user} in to {@link #key} elsewhere and returns the refresh token. */
  public String refreshToken(String user) {
    return refreshToken(key, user, SCOPES);
  }

  /**
   * Signs {@code user} in to {@code key} elsewhere and returns the refresh token.
   *
   * @param scopes must contain {@code offline_access}
   */
  public String refreshToken(ApiKey key, String user, String scopes) {
    String token = locked(() -> signIn.firstRefreshToken(login(key, user, scopes)));
    if (token == null) {
      throw new IllegalArgumentException("scopes: without offline_access no refresh token");
    }
    return token;
  }

  /** Signs {@code user} in to {@link #key} elsewhere and returns an access token. */
  public String accessToken(String user) {
    return locked(() -> signIn.accessToken(login(key, user, SCOPES)));
  }

  private Login login(ApiKey key, String user, String scopes) {
    return signIn.login(
        key, signIn.user(user), new LinkedHashSet<>(Arrays.asList(scopes.split(" "))), true);
  }

  /** Ends every refresh token of {@code user}, as if they had fallen out. */
  public void deleteGrant(String user) {
    locked(() -> signIn.endLogins(signIn.user(user)));
  }

  /** Ends every refresh token of every user of {@code key}: somebody else called revoke. */
  public void revoke(ApiKey key) {
    locked(() -> signIn.endLogins(key));
  }

  /**
   * Lets the API refuse the access tokens that {@code user} has now, although they have not ended.
   */
  public void rejectAccessTokens(String user) {
    locked(() -> signIn.rejectAccessTokens(signIn.user(user)));
  }

  // What is not settled -------------------------------------------------------------------------

  /** Answers {@code error} of the token endpoint with {@code status}. */
  public void answerWith(String error, int status) {
    locked(
        () -> {
          signIn.statuses.put(error, status);
        });
  }

  /** Calls a wrong client {@code error}: {@code access_denied}, or {@code invalid_client}. */
  public void callWrongClient(String error) {
    locked(
        () -> {
          signIn.wrongClient = error;
        });
  }

  /** Sets the status of the error pages of {@code /authorize}: 403, or 400. */
  public void errorPageStatus(int status) {
    locked(
        () -> {
          signIn.errorPageStatus = status;
        });
  }

  /** Sets how long a rotating refresh token lives unused: 30 minutes, or 40. */
  public void idleLife(Duration life) {
    locked(
        () -> {
          signIn.idleLife = life;
        });
  }

  /** Sets how long a rotating login lasts, however often its tokens are refreshed: 24 hours. */
  public void absoluteLife(Duration life) {
    locked(
        () -> {
          signIn.absoluteLife = life;
        });
  }

  /** Sets how many logins of one user a key remembers: 200; the oldest falls out silently. */
  public void loginsPerUser(int logins) {
    locked(
        () -> {
          signIn.loginsPerUser = logins;
        });
  }

  /** Lets a refresh answer with an empty refresh token instead of none. */
  public void emptyRefreshToken(boolean empty) {
    locked(
        () -> {
          signIn.emptyRefreshToken = empty;
        });
  }

  /** Lets a refresh tell the whole scope, and not only {@code openid offline_access}. */
  public void wholeScopeOnRefresh(boolean whole) {
    locked(
        () -> {
          signIn.wholeScopeOnRefresh = whole;
        });
  }

  /** Sets whether id tokens have a true signature; it costs 2 ms of a processor. */
  public void signIdTokens(boolean sign) {
    locked(
        () -> {
          signIn.signsIdTokens = sign;
        });
  }

  /** Sets the undocumented text of the API's 401. */
  public void unauthorizedMessage(String message) {
    locked(
        () -> {
          api.unauthorized = message;
        });
  }

  // What goes wrong -----------------------------------------------------------------------------

  /** Lets the next {@code times} token calls be too many; no {@code Retry-After} if it is null. */
  public void throttle(int times, @Nullable Duration retryAfter) {
    throttle(times, "too_many_requests", retryAfter);
  }

  /** As {@link #throttle(int, Duration)}, with the error {@code access_denied} for instance. */
  public void throttle(int times, String error, @Nullable Duration retryAfter) {
    MockResponse.Builder answer =
        SignIn.answer(429, SignIn.errorBody(error, "Global limit has been reached"))
            .newBuilder()
            .setHeader("x-ratelimit-limit", 10)
            .setHeader("x-ratelimit-remaining", 0);
    if (retryAfter != null) {
      answer.setHeader("Retry-After", retryAfter.toSeconds());
    }
    fail("token", Fault.instead(answer.build()), times);
  }

  /** Lets every token call fail with an HTML page until {@link #heal}: 502 or 503. */
  public void outage(int status) {
    fail("token", Fault.html(status));
  }

  /** Lets an endpoint of the API answer so many times to each login in five minutes. */
  public void quota(String endpoint, int calls) {
    locked(() -> api.quota(endpoint, calls));
  }

  /** Sends {@code object} to all open streams. */
  public void sendToStreams(String object) {
    locked(() -> api.sendToStreams(object));
  }

  /** Tells all open streams that the server restarts, and closes them. */
  public void goAway() {
    locked(
        () -> {
          api.sendToStreams("{\"StreamStatus\":\"GoAway\"}");
          api.endStreams();
        });
  }

  /** Lets open and new streams say nothing, not even heartbeats; {@code false}: new ones speak. */
  public void silence(boolean silent) {
    locked(() -> api.silence(silent));
  }

  // The servers ---------------------------------------------------------------------------------

  @Override
  protected String endpoint(String host, RecordedRequest request) {
    if (!host.equals("signin")) {
      return Api.endpoint(request);
    }
    String call = request.getMethod() + " " + request.getUrl().encodedPath();
    return switch (call) {
      case "GET /authorize" -> "authorize";
      case "POST /oauth/token" -> "token";
      case "POST /oauth/revoke" -> "revoke";
      case "GET /v2/logout" -> "logout";
      case "GET /.well-known/jwks.json" -> "jwks";
      case "GET /.well-known/openid-configuration" -> "discovery";
      default -> "unknown";
    };
  }

  @Override
  protected String owner(String host, String endpoint, RecordedRequest request) {
    String owner =
        switch (endpoint) {
          case "token", "revoke" -> owner(parameters(request));
          default -> api.owner(request);
        };
    return owner == null ? "" : owner;
  }

  private @Nullable String owner(Map<String, String> form) {
    for (String name : new String[] {"refresh_token", "code", "token"}) {
      String owner = ledger().owner(form.getOrDefault(name, ""));
      if (owner != null) {
        return owner;
      }
    }
    return null;
  }

  @Override
  protected MockResponse answer(String host, String endpoint, RecordedRequest request) {
    return switch (endpoint) {
      case "authorize" -> signIn.authorize(request.getUrl());
      case "token" -> signIn.token(parameters(request));
      case "revoke" -> signIn.revoke(parameters(request));
      case "logout" -> signIn.logout(request.getUrl());
      case "jwks" -> json(200, Jwt.keySet());
      case "discovery" -> json(200, discovery());
      default ->
          host.equals("signin")
              ? Api.error(404, "NotFound", "No such page")
              : api.answer(host.equals("sim"), endpoint, request);
    };
  }

  private String discovery() {
    return """
        {"issuer":"%2$s","authorization_endpoint":"%1$s/authorize",\
        "token_endpoint":"%1$s/oauth/token","revocation_endpoint":"%1$s/oauth/revoke",\
        "jwks_uri":"%1$s/.well-known/jwks.json","end_session_endpoint":"%1$s/v2/logout"}"""
        .formatted(signInHost, SignIn.ISSUER);
  }

  /** Reads a form, or JSON: Auth0 takes both. An empty value is none (RFC 6749, section 3.2). */
  private static Map<String, String> parameters(RecordedRequest request) {
    Map<String, String> parameters = new HashMap<>(Wire.json(request));
    parameters.putAll(Wire.form(request));
    parameters.values().removeIf(String::isEmpty);
    return parameters;
  }

  @Override
  public void close() {
    locked(api::endStreams);
    super.close();
  }
}
