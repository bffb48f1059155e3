package io.tradeauth;

import java.net.URI;
import org.jspecify.annotations.Nullable;

/**
 * Describes one broker in one environment: endpoints, hosts, expiry and rotation rules, and what
 * its answers mean.
 *
 * <p>Pure values and functions: an implementation does no I/O and keeps no state, so any number of
 * threads may use it. A broker that speaks RFC 6749 is a value of {@link StandardBroker}; one that
 * differs implements this interface. The SPI stands.
 */
public interface Broker {

  /** Returns the fixed values. */
  BrokerProfile profile();

  /** Returns whether users may share a login, so that {@link #subject} is not the user id. */
  default boolean sharesLogins() {
    return false;
  }

  /**
   * Returns whose login a user's tokens belong to: the user id itself, or, where users share a
   * credential and a second login would end the first, that credential.
   *
   * @param client the user's client credentials; null if none are known
   */
  default String subject(String userId, @Nullable ClientCredentials client) {
    return userId;
  }

  /**
   * Returns the page where a user allows the application to act, or null if this environment has
   * none.
   *
   * @throws IllegalArgumentException if the request has what this broker can't take, such as a
   *     proof key, or lacks what it needs
   */
  default @Nullable URI authorizationUri(AuthorizationRequest request, ClientCredentials client) {
    return null;
  }

  /**
   * Returns what renews a login without its user, or null if only a new sign-in does.
   *
   * @param tokens what the login has; null if it has signed in but never had tokens, or they are
   *     lost
   */
  @Nullable Grant renewal(@Nullable TokenSet tokens);

  /**
   * Returns the grant to fall back on when {@code renewal} was refused for good, or null if the
   * user must sign in. A broker that logs in without a human returns that login.
   */
  default @Nullable Grant renewalAfterRefusal(Grant renewal) {
    return null;
  }

  /**
   * Returns the call that exchanges {@code grant} for tokens.
   *
   * @throws IllegalArgumentException if this broker does not know such a grant
   */
  BrokerCall<ExchangeAnswer> exchange(Grant grant);

  /**
   * Returns the cheapest call that tells whether an access token works, or null if there is none.
   */
  default @Nullable BrokerCall<ProbeAnswer> probe() {
    return null;
  }

  /** Returns how a session is ended on the broker's side, or null if that can't be done. */
  default @Nullable SignOut signOut() {
    return null;
  }

  /** Tells what a 401 of the API means. The body has at most 4 KiB here. */
  default Rejection rejection(Answer answer) {
    return Rejection.RENEW;
  }
}
