package io.tradeauth.tradestation.testing;

import java.util.Set;

/**
 * One login of one user: the family of all refresh tokens that descend from it.
 *
 * <p>Guarded by the simulator's lock.
 */
final class Login {

  final User user;
  final ApiKey key;
  final Set<String> scopes;
  final boolean forApi;
  final long at;
  boolean ended;

  Login(User user, ApiKey key, Set<String> scopes, boolean forApi, long at) {
    this.user = user;
    this.key = key;
    this.scopes = scopes;
    this.forApi = forApi;
    this.at = at;
  }

  String scope() {
    return String.join(" ", scopes);
  }

  /** A refresh token of this login. */
  static final class Refresh {

    final Login login;
    final long issuedAt;
    boolean spent;

    Refresh(Login login, long issuedAt) {
      this.login = login;
      this.issuedAt = issuedAt;
    }
  }

  /** An authorization code that begins this login. */
  static final class Code {

    final Login login;
    final String redirectUri;
    final String challenge;
    boolean spent;

    Code(Login login, String redirectUri, String challenge) {
      this.login = login;
      this.redirectUri = redirectUri;
      this.challenge = challenge;
    }
  }
}
