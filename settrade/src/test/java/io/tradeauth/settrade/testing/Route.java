package io.tradeauth.settrade.testing;

import java.util.List;
import mockwebserver3.RecordedRequest;

/** What a path asks for, and of which broker and app, account or symbol. Immutable. */
final class Route {

  private static final Route UNKNOWN = new Route("unknown", "", "");

  final String endpoint;
  final String brokerId;

  /** The app code of a login or refresh, the account or the symbol of an API call, or empty. */
  final String name;

  private Route(String endpoint, String brokerId, String name) {
    this.endpoint = endpoint;
    this.brokerId = brokerId;
    this.name = name;
  }

  String app() {
    return brokerId + '/' + name;
  }

  static Route of(String host, RecordedRequest request) {
    List<String> path = request.getUrl().pathSegments();
    String method = request.getMethod();
    if (host.equals(SettradeSimulator.MARKET)) {
      return method.equals("GET") && matches(path, "api/marketdata/v3/*/quote/*")
          ? new Route("quote", path.get(3), path.get(5))
          : UNKNOWN;
    }
    return switch (method) {
      case "POST" -> post(path);
      case "GET" -> get(path);
      case "PATCH" -> patch(path);
      default -> UNKNOWN;
    };
  }

  private static Route post(List<String> path) {
    if (matches(path, "api/oam/v1/*/broker-apps/*/login")) {
      return new Route("login", path.get(3), path.get(5));
    }
    if (matches(path, "api/oam/v1/*/broker-apps/*/refresh-token")) {
      return new Route("refresh", path.get(3), path.get(5));
    }
    return matches(path, "api/seos/v3/*/accounts/*/orders")
            || matches(path, "api/seosd/v3/*/accounts/*/orders")
        ? new Route("orders", path.get(3), path.get(5))
        : UNKNOWN;
  }

  private static Route get(List<String> path) {
    if (matches(path, "api/seos/v3/*/accounts/*/account-info")
        || matches(path, "api/seosd/v3/*/accounts/*/account-info")) {
      return new Route("account-info", path.get(3), path.get(5));
    }
    if (matches(path, "api/dispatcher/v3/*/token")) {
      return new Route("dispatcher", path.get(3), "");
    }
    if (matches(path, "api/dispatcher/v3/*/mqtt")) {
      return new Route("mqtt", path.get(3), "");
    }
    return matches(path, "sdk-open-api/sdk-version.json")
        ? new Route("sdk-version", "", "")
        : UNKNOWN;
  }

  private static Route patch(List<String> path) {
    boolean changes =
        matches(path, "api/seos/v3/*/accounts/*/orders/*/cancel")
            || matches(path, "api/seos/v3/*/accounts/*/orders/*/change")
            || matches(path, "api/seosd/v3/*/accounts/*/orders/*/cancel")
            || matches(path, "api/seosd/v3/*/accounts/*/orders/*/change");
    return changes ? new Route("orders", path.get(3), path.get(5)) : UNKNOWN;
  }

  private static boolean matches(List<String> path, String pattern) {
    String[] parts = pattern.split("/");
    if (path.size() != parts.length) {
      return false;
    }
    for (int i = 0; i < parts.length; i++) {
      if (!parts[i].equals("*") && !parts[i].equals(path.get(i))) {
        return false;
      }
    }
    return true;
  }
}
