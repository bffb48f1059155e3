package io.tradeauth;

import java.net.URI;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What one call may use. Immutable. */
record Context(
    ManagedTokenProvider provider,
    String userId,
    @Nullable ClientCredentials credentials,
    @Nullable TokenSet tokens)
    implements CallContext {

  @Override
  public ClientCredentials client() {
    if (credentials == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.CLIENT_MISSING,
          provider.name()
              + ": no client credentials for "
              + ServerText.clean(userId)
              + "; give them with the broker's settings or with the grant");
    }
    return credentials;
  }

  @Override
  public URI apiUri(String path) {
    return provider.apiUri(path);
  }

  @Override
  public Instant now() {
    return provider.realm().clock().toServer(provider.realm().time().now());
  }

  @Override
  public byte[] random(int count) {
    byte[] bytes = new byte[count];
    provider.realm().engine().random().nextBytes(bytes);
    return bytes;
  }
}
