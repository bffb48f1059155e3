package io.tradeauth.settrade;

import io.tradeauth.ClientCredentials;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** Where things are on Settrade's hosts. Fact sheet, section 1. */
final class Paths {

  private Paths() {}

  /** Returns the path of a call of the login service, {@code login} or {@code refresh-token}. */
  static String login(ClientCredentials client, String call) {
    return "/api/oam/v1/"
        + client.attribute(Settrade.BROKER_ID)
        + "/broker-apps/"
        + segment(client.attribute(Settrade.APP_CODE))
        + "/"
        + call;
  }

  /** Returns {@code text} as one segment of a path. */
  static String segment(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
