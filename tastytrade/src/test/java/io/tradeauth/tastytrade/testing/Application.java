package io.tradeauth.tastytrade.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** An OAuth application of a simulated tastytrade. To be used under the simulator's lock. */
final class Application {

  final String clientId;
  final Set<String> redirectUris;
  final List<Grant> grants = new ArrayList<>();
  String secret;

  Application(String clientId, String secret, Set<String> redirectUris) {
    this.clientId = clientId;
    this.secret = secret;
    this.redirectUris = redirectUris;
  }
}
