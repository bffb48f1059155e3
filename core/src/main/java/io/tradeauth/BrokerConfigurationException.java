package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * The application or its settings are wrong: its owner must correct them. No user is to blame, and
 * no user's tokens are touched.
 */
public final class BrokerConfigurationException extends TokenException {

  private static final long serialVersionUID = 1L;

  private final Reason reason;

  /** What is wrong. */
  public enum Reason {
    /** The broker refused the client: wrong id, secret or settings of the key. */
    CLIENT_REFUSED,
    /** No client credentials were given, or they lack something. */
    CLIENT_MISSING,
    /** A token was to be sent to a host that is not this broker's in this environment. */
    FOREIGN_HOST,
    /** The request or the argument is not one that this broker or method takes. */
    UNSUPPORTED,
    /** Neither the request nor the interceptor says whose request it is. */
    USER_MISSING,
    /** The manager has no such broker. */
    UNKNOWN_BROKER
  }

  BrokerConfigurationException(Reason reason, String message) {
    this(reason, message, null);
  }

  BrokerConfigurationException(Reason reason, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /**
   * Makes the exception with which a {@link BrokerCall} refuses to build its request.
   *
   * @param message what is wrong, without a secret
   */
  public static BrokerConfigurationException of(Reason reason, String message) {
    return new BrokerConfigurationException(reason, message);
  }

  static BrokerConfigurationException foreignHost(
      ApiHosts hosts, @Nullable String scheme, @Nullable String host) {
    return new BrokerConfigurationException(
        Reason.FOREIGN_HOST,
        "a token for "
            + hosts
            + " is not sent to "
            + ServerText.clean(scheme)
            + "://"
            + ServerText.clean(host));
  }

  @Override
  public Reason reason() {
    return reason;
  }

  @Override
  BrokerConfigurationException forCaller() {
    return new BrokerConfigurationException(reason, String.valueOf(getMessage()), this);
  }
}
