package io.tradeauth.tradestation.testing;

import java.util.Set;

/** What an access token stands for. Immutable. */
final class AccessGrant {

  final User user;
  final ApiKey key;
  final Set<String> scopes;

  /** False if nobody named the API's audience: the token is opaque and good for nothing. */
  final boolean forApi;

  final long number;
  final long expiresAt;

  AccessGrant(Login login, long number, long expiresAt) {
    this.user = login.user;
    this.key = login.key;
    this.scopes = login.scopes;
    this.forApi = login.forApi;
    this.number = number;
    this.expiresAt = expiresAt;
  }

  boolean isGood(long now) {
    return forApi && now < expiresAt && number > user.rejectedUpTo;
  }
}
