package io.tradeauth.tastytrade.testing;

import java.util.Set;

/** What a user allows an application. To be used under the simulator's lock. */
final class Grant {

  final User user;
  final Application application;
  final Set<String> scope;
  final String refreshToken;
  boolean deleted;

  /** How often the access tokens of this grant were revoked; the older ones are dead. */
  int revocations;

  Grant(User user, Application application, Set<String> scope, String refreshToken) {
    this.user = user;
    this.application = application;
    this.scope = scope;
    this.refreshToken = refreshToken;
  }
}
