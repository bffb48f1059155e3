package io.tradeauth.tradestation.testing;

import io.tradeauth.TimeSource;
import io.tradeauth.testing.Wire;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import org.jspecify.annotations.Nullable;

/** The API, live and simulated. Guarded by the simulator's lock. */
final class Api {

  private static final Duration WINDOW = Duration.ofMinutes(5);
  private static final Map<String, String> SCOPES =
      Map.of(
          "accounts", "ReadAccount",
          "balances", "ReadAccount",
          "orders", "ReadAccount",
          "order", "Trade",
          "quotes", "MarketData",
          "stream-quotes", "MarketData",
          "stream-orders", "ReadAccount");

  private final TimeSource time;
  private final SignIn signIn;
  private final Map<String, Quota> quotas = new HashMap<>();
  private final List<Stream> streams = new ArrayList<>();
  private int orders;

  String unauthorized = "Invalid access token";
  boolean silent;

  Api(TimeSource time, SignIn signIn) {
    this.time = time;
    this.signIn = signIn;
  }

  static String endpoint(RecordedRequest request) {
    String path = request.getUrl().encodedPath();
    boolean reads = "GET".equals(request.getMethod());
    if (!reads) {
      return path.equals("/v3/orderexecution/orders") ? "order" : "unknown";
    }
    if (path.equals("/v3/brokerage/accounts")) {
      return "accounts";
    }
    if (path.startsWith("/v3/marketdata/quotes/")) {
      return "quotes";
    }
    if (path.startsWith("/v3/marketdata/stream/quotes/")) {
      return "stream-quotes";
    }
    if (path.startsWith("/v3/brokerage/accounts/") && path.endsWith("/balances")) {
      return "balances";
    }
    if (path.startsWith("/v3/brokerage/accounts/") && path.endsWith("/orders")) {
      return "orders";
    }
    return path.startsWith("/v3/brokerage/stream/accounts/") && path.endsWith("/orders")
        ? "stream-orders"
        : "unknown";
  }

  MockResponse answer(boolean simulated, String endpoint, RecordedRequest request) {
    AccessGrant access = signIn.access(Wire.bearer(request));
    if (access == null || !access.isGood(time.wallMillis())) {
      return error(401, "Unauthorized", unauthorized);
    }
    if (!access.key.isEnabled()) {
      return error(403, "Forbidden", "The key is disabled");
    }
    String scope = SCOPES.get(endpoint);
    if (scope == null) {
      return error(404, "NotFound", "No such resource");
    }
    if (!access.scopes.contains(scope)) {
      return error(403, "Forbidden", "Missing scope");
    }
    Quota quota = quotas.get(endpoint);
    return quota == null
        ? permitted(access.user, simulated, endpoint, request)
        : quota.spend(access.user, () -> permitted(access.user, simulated, endpoint, request));
  }

  private MockResponse permitted(
      User user, boolean simulated, String endpoint, RecordedRequest request) {
    return switch (endpoint) {
      case "accounts" -> json(simulated ? simulatedAccounts(user) : accounts(user));
      case "balances" ->
          ofAccounts(user, simulated, "Balances", "\"CashBalance\":\"1000\"", request);
      case "orders" -> ofAccounts(user, simulated, "Orders", "\"OrderID\":\"1\"", request);
      case "quotes" -> json("{\"Quotes\":[" + quote(segment(request, 3)) + "],\"Errors\":[]}");
      case "stream-quotes" -> stream("v2", quote(segment(request, 4)));
      case "stream-orders" -> stream("v3", "{\"AccountID\":\"" + segment(request, 4) + "\"}");
      default -> order(user, simulated, request);
    };
  }

  private static String accounts(User user) {
    return accounts(user.margin, user.futures);
  }

  private static String simulatedAccounts(User user) {
    return accounts(user.simulatedMargin, user.simulatedFutures);
  }

  private static String accounts(String margin, String futures) {
    return """
        {"Accounts":[
         {"AccountID":"%s","AccountType":"Margin","Alias":"Main","Currency":"USD","Status":"Active",
          "AccountDetail":{"IsStockLocateEligible":false,"EnrolledInRegTProgram":true,\
        "RequiresBuyingPowerWarning":true,
           "DayTradingQualified":true,"OptionApprovalLevel":1,"PatternDayTrader":false}},
         {"AccountID":"%s","AccountType":"Futures","Currency":"USD","Status":"Active"}]}"""
        .formatted(margin, futures);
  }

  /** Answers for those of several accounts that are the user's, and names the others. */
  private static MockResponse ofAccounts(
      User user, boolean simulated, String name, String content, RecordedRequest request) {
    List<String> found = new ArrayList<>();
    List<String> errors = new ArrayList<>();
    for (String account : segment(request, 3).split(",")) {
      String member = "{\"AccountID\":" + Wire.quote(account) + ",";
      if (user.owns(account, simulated)) {
        found.add(member + content + "}");
      } else {
        errors.add(member + "\"Error\":\"Forbidden\",\"Message\":\"Not your account\"}");
      }
    }
    return found.isEmpty()
        ? error(403, "Forbidden", "Not your account")
        : json("{\"%s\":%s,\"Errors\":%s}".formatted(name, found, errors));
  }

  private MockResponse order(User user, boolean simulated, RecordedRequest request) {
    String account = Wire.json(request).getOrDefault("AccountID", "");
    return user.owns(account, simulated)
        ? json("{\"Orders\":[{\"Message\":\"Sent order\",\"OrderID\":\"" + ++orders + "\"}]}")
        : error(403, "Forbidden", "Not your account");
  }

  private static String quote(String symbol) {
    return "{\"Symbol\":" + Wire.quote(symbol) + ",\"Last\":\"100.25\"}";
  }

  private static String segment(RecordedRequest request, int index) {
    return request.getUrl().pathSegments().get(index);
  }

  private MockResponse stream(String version, String snapshot) {
    Stream stream = new Stream(time);
    if (silent) {
      stream.silence();
    }
    stream.send(snapshot);
    stream.send("{\"StreamStatus\":\"EndSnapshot\"}");
    streams.add(stream);
    return stream.response("application/vnd.tradestation.streams." + version + "+json");
  }

  void silence(boolean silent) {
    this.silent = silent;
    if (silent) {
      streams.forEach(Stream::silence);
    }
  }

  void sendToStreams(String object) {
    streams.forEach(stream -> stream.send(object));
  }

  void endStreams() {
    streams.forEach(Stream::end);
    streams.clear();
  }

  void quota(String endpoint, int calls) {
    quotas.put(endpoint, new Quota(endpoint, calls));
  }

  static MockResponse error(int status, String error, String message) {
    return new MockResponse.Builder()
        .code(status)
        .setHeader("Content-Type", "application/json")
        .body("{\"Error\":%s,\"Message\":%s}".formatted(Wire.quote(error), Wire.quote(message)))
        .build();
  }

  private static MockResponse json(String body) {
    return new MockResponse.Builder()
        .setHeader("Content-Type", "application/json")
        .body(body)
        .build();
  }

  /** So many calls of one endpoint for each login in five minutes. */
  private final class Quota {

    private final String resource;
    private final int calls;
    private final Map<User, Window> windows = new HashMap<>();

    Quota(String resource, int calls) {
      this.resource = resource;
      this.calls = calls;
    }

    MockResponse spend(User user, Answer answer) {
      long now = time.wallMillis();
      Window window = windows.get(user);
      if (window == null || now >= window.end) {
        window = new Window(now + WINDOW.toMillis());
        windows.put(user, window);
      }
      MockResponse plain =
          ++window.used > calls
              ? error(429, "TooManyRequests", "Rate quota exceeded")
              : answer.make();
      return plain
          .newBuilder()
          .setHeader("X-RateLimit-Limit", calls)
          .setHeader("X-RateLimit-Period", WINDOW.toSeconds())
          .setHeader("X-RateLimit-Remaining", Math.max(0, calls - window.used))
          .setHeader("X-RateLimit-Reset", (window.end - now + 999) / 1000)
          .setHeader("X-RateLimit-Resource", resource)
          .build();
    }
  }

  private static final class Window {

    final long end;
    int used;

    Window(long end) {
      this.end = end;
    }
  }

  @FunctionalInterface
  private interface Answer {

    MockResponse make();
  }

  @Nullable String owner(RecordedRequest request) {
    AccessGrant access = signIn.access(Wire.bearer(request));
    return access == null ? null : access.user.name;
  }
}
