package io.tradeauth;

import java.time.Duration;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An application's settings for one broker; whatever is not set has the broker's own value or the
 * one named here. Not for several threads.
 *
 * @see TokenManager.Builder#broker(Broker, java.util.function.Consumer)
 */
public final class BrokerSettings {

  /** No attempt starts later than this after the intent was written. */
  static final Duration ATTEMPTS = Duration.ofSeconds(10);

  private static final Duration PAUSES = Duration.ofSeconds(5);

  private final BrokerProfile profile;
  private @Nullable Function<String, @Nullable ClientCredentials> client;
  private Duration skew;
  private Duration renewAhead;
  private Duration connectTimeout = Duration.ofSeconds(3);
  private Duration attemptTimeout;
  private Duration commitTimeout = Duration.ofSeconds(5);
  private Duration hold;
  private Duration maxWait = Duration.ofSeconds(15);

  BrokerSettings(BrokerProfile profile) {
    boolean fragile = profile.rotation().isFragile();
    this.profile = profile;
    this.skew = profile.skew();
    this.renewAhead = profile.renewAhead();
    this.attemptTimeout = Duration.ofSeconds(fragile ? 30 : 10);
    this.hold = Duration.ofSeconds(fragile ? 60 : 30);
  }

  /** Sets one client for all users. */
  public BrokerSettings client(ClientCredentials credentials) {
    return clientOf(userId -> credentials);
  }

  /**
   * Sets one client for all users that is read anew at each exchange: a replaced secret is used at
   * once.
   */
  public BrokerSettings client(Supplier<ClientCredentials> credentials) {
    return clientOf(userId -> credentials.get());
  }

  /**
   * Sets where each user's client is found, such as a vault. It is asked at each exchange, on a
   * thread of the manager, and may block; null means that the user's sign-in brought it.
   */
  public BrokerSettings clientOf(Function<String, @Nullable ClientCredentials> credentials) {
    this.client = credentials;
    return this;
  }

  /**
   * Sets how long before its end a token counts as expired; never more than a tenth of its life.
   */
  public BrokerSettings skew(Duration beforeEnd) {
    this.skew = Durations.notNegative("skew", beforeEnd);
    return this;
  }

  /**
   * Sets how long before its end a token is renewed in the background; a fifth of its life if less.
   */
  public BrokerSettings renewAhead(Duration beforeEnd) {
    this.renewAhead = Durations.notNegative("renewAhead", beforeEnd);
    return this;
  }

  /** Sets how long a connection may take; 3 s if not set. */
  public BrokerSettings connectTimeout(Duration timeout) {
    this.connectTimeout = Durations.positive("connectTimeout", timeout);
    return this;
  }

  /**
   * Sets how long one attempt may take; 30 s if a refresh token can be lost, else 10 s. Of
   * environments that share their logins the longest counts for all.
   */
  public BrokerSettings attemptTimeout(Duration timeout) {
    this.attemptTimeout = Durations.positive("attemptTimeout", timeout);
    return this;
  }

  /** Sets how long saving is tried before waiting callers are served; 5 s if not set. */
  public BrokerSettings commitTimeout(Duration timeout) {
    this.commitTimeout = Durations.positive("commitTimeout", timeout);
    return this;
  }

  /**
   * Sets how long an exchange whose answer was lost is left alone; 60 s if a refresh token can be
   * lost, else 30 s. Of environments that share their logins the longest counts for all.
   */
  public BrokerSettings hold(Duration wait) {
    this.hold = Durations.positive("hold", wait);
    return this;
  }

  /** Sets how long a caller waits at most; 15 s if not set. */
  public BrokerSettings maxWait(Duration wait) {
    this.maxWait = Durations.positive("maxWait", wait);
    return this;
  }

  BrokerSettings checked() {
    Duration needed = ATTEMPTS.plus(attemptTimeout).plus(commitTimeout).plus(PAUSES);
    if (hold.compareTo(needed) < 0) {
      throw new IllegalArgumentException(
          profile.name()
              + ": hold must be at least "
              + needed
              + " (10 s + attemptTimeout + commitTimeout + 5 s), not "
              + hold);
    }
    return this;
  }

  /** Returns the client in the settings for a user; null if there is none. */
  @Nullable ClientCredentials clientFor(String userId) {
    return client == null ? null : client.apply(userId);
  }

  Duration skew() {
    return skew;
  }

  Duration renewAhead() {
    return renewAhead;
  }

  Duration connectTimeout() {
    return connectTimeout;
  }

  Duration attemptTimeout() {
    return attemptTimeout;
  }

  Duration commitTimeout() {
    return commitTimeout;
  }

  Duration hold() {
    return hold;
  }

  Duration maxWait() {
    return maxWait;
  }
}
