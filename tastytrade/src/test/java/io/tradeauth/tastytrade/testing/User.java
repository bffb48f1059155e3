package io.tradeauth.tastytrade.testing;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A customer of a simulated tastytrade with accounts, a personal OAuth application and a grant made
 * in the web pages. For any number of threads.
 */
public final class User {

  private final Environment environment;
  private final String name;
  private final String externalId;
  private final List<String> accounts;
  private final Application application;
  private final List<Grant> grants = new ArrayList<>();
  private Grant personal;

  boolean onboarded = true;
  @Nullable QuoteToken quoteToken;
  final LegacyLogin login;

  User(Environment environment, String name, String externalId, List<String> accounts) {
    this.environment = environment;
    this.name = name;
    this.externalId = externalId;
    this.accounts = List.copyOf(accounts);
    this.application = environment.personalApplication();
    this.login = new LegacyLogin("password-canary-" + name);
    this.personal = environment.grant(this, application, "read trade");
  }

  /** Returns the name that this user was added by. */
  public String name() {
    return name;
  }

  /** Returns the id that tastytrade knows this user by, such as {@code U0001000001}. */
  public String externalId() {
    return externalId;
  }

  /** Returns the e-mail address in the profile. */
  public String email() {
    return name + "@example.com";
  }

  /** Returns the numbers of this user's accounts. */
  public List<String> accounts() {
    return accounts;
  }

  /** Returns the client id of the personal application. */
  public String clientId() {
    return application.clientId;
  }

  /** Returns the client secret that the personal application has now. */
  public String clientSecret() {
    return environment.locked(() -> application.secret);
  }

  /** Returns the refresh token of the latest grant of the personal application. */
  public String refreshToken() {
    return environment.locked(() -> personal.refreshToken);
  }

  /**
   * Makes a new grant of the personal application, with scopes such as {@code "read trade openid"};
   * the older ones stay.
   *
   * @return its refresh token
   */
  public String createGrant(String scope) {
    return environment.locked(
        () -> {
          personal = environment.grant(this, application, scope);
          return personal.refreshToken;
        });
  }

  /**
   * Deletes every grant of this user, as on the web pages: no refresh token works any more, access
   * tokens live to their end.
   */
  public void deleteGrant() {
    environment.locked(() -> grants.forEach(grant -> grant.deleted = true));
  }

  /** Ends every access token of this user at once, before its time. */
  public void revokeAccessTokens() {
    environment.locked(() -> grants.forEach(grant -> grant.revocations++));
  }

  /**
   * Gives the personal application a new client secret, which ends all its grants.
   *
   * @return the new one
   */
  public String regenerateSecret() {
    return environment.regenerateSecret(application);
  }

  /** Lets this user be one who has not finished to open an account: no quotes. */
  public void notOnboarded() {
    environment.locked(() -> onboarded = false);
  }

  /** Returns the password of the logins of 2025. */
  public String password() {
    return login.password;
  }

  /** Lets logins of 2025 need this one-time password. */
  public void requireOneTimePassword(String oneTimePassword) {
    environment.locked(() -> login.oneTimePassword = oneTimePassword);
  }

  /** Lets the next login of 2025 come from a device that was never seen. */
  public void forgetDevice() {
    environment.locked(() -> login.deviceKnown = false);
  }

  void add(Grant grant) {
    grants.add(grant);
  }

  boolean owns(String account) {
    return accounts.contains(account);
  }

  /** What the logins of 2025 ask for. */
  static final class LegacyLogin {

    final String password;
    @Nullable String oneTimePassword;
    boolean deviceKnown = true;
    @Nullable String challenge;
    @Nullable String rememberToken;
    long rememberTokenEnd;

    LegacyLogin(String password) {
      this.password = password;
    }
  }

  /** The token for quotes, good for 24 hours. */
  static final class QuoteToken {

    final String token;
    final long issuedAt;
    final long end;

    QuoteToken(String token, long issuedAt, long end) {
      this.token = token;
      this.issuedAt = issuedAt;
      this.end = end;
    }
  }
}
