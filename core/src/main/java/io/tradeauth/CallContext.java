package io.tradeauth;

import java.net.URI;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What a {@link BrokerCall} may use to build its request. Valid during that call only. */
public interface CallContext {

  /** Returns whose call it is. */
  String userId();

  /**
   * Returns the client credentials, read anew for this call.
   *
   * @throws BrokerConfigurationException if none were given, neither for the broker nor with the
   *     user's sign-in
   */
  ClientCredentials client();

  /** Returns the user's tokens; null before the first exchange. */
  @Nullable TokenSet tokens();

  /**
   * Returns the user's refresh token.
   *
   * @throws BrokerConfigurationException if there is none
   */
  default RefreshToken requireRefreshToken() {
    TokenSet tokens = tokens();
    RefreshToken refreshToken = tokens == null ? null : tokens.refreshToken();
    if (refreshToken == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          "this call needs a refresh token, and the login has none");
    }
    return refreshToken;
  }

  /**
   * Returns the address of a path on the main API host of the environment that the call runs in, so
   * that one call serves every environment; see {@link ApiHosts#uri}.
   */
  URI apiUri(String path);

  /** Returns the wall clock, corrected by what the server's {@code Date} headers told. */
  Instant now();

  /** Returns {@code count} bytes of a secure random generator. */
  byte[] random(int count);
}
