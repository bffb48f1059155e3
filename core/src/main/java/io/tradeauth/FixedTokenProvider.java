package io.tradeauth;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** Everybody has the same token, always: for unit tests of an application. Immutable. */
final class FixedTokenProvider extends AbstractTokenProvider {

  private final AccessToken token;

  FixedTokenProvider(AccessToken token) {
    super(token.hosts());
    this.token = token;
  }

  @Override
  public AccessToken get(String userId) {
    return token;
  }

  @Override
  User user(String userId) {
    return new User();
  }

  private final class User extends AbstractUserTokens {

    @Override
    public AccessToken get() {
      return token;
    }

    @Override
    public AccessToken get(TokenName name) {
      return token;
    }

    @Override
    public AccessToken getLasting(Duration life) {
      return token;
    }

    @Override
    public AccessToken getScoped(String... required) {
      return token;
    }

    @Override
    public CompletableFuture<AccessToken> getAsync() {
      return CompletableFuture.completedFuture(token);
    }

    @Override
    public CompletableFuture<AccessToken> getAsync(Executor executor) {
      return getAsync();
    }

    @Override
    public AccessToken getInsteadOf(AccessToken rejected) {
      return token;
    }

    @Override
    public AccessToken renew() {
      return token;
    }

    @Override
    public Optional<AccessToken> peek() {
      return Optional.of(token);
    }

    @Override
    public <T> T call(BrokerCall<T> call) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.UNSUPPORTED,
          "a fixed provider has no broker that could be called");
    }

    @Override
    public @Nullable AccessToken replace(AccessToken rejected, @Nullable Answer answer) {
      return null;
    }

    @Override
    public CompletableFuture<@Nullable AccessToken> replaceAsync(AccessToken rejected) {
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public ApiHosts hosts() {
      return token.hosts();
    }

    @Override
    public Map<String, String> headers() {
      return Map.of();
    }
  }
}
