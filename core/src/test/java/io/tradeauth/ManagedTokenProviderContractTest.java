package io.tradeauth;

import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenProviderContract;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The engine's provider keeps to what every provider must. */
class ManagedTokenProviderContractTest extends TokenProviderContract {

  private @Nullable TokenManager manager;

  @Override
  protected TokenProvider provider(
      FakeAuthorizationServer server, ManualClock clock, Map<String, String> refreshTokens) {
    TokenManager made =
        TokenManager.builder()
            .time(clock)
            .broker(FakeBroker.of(server), settings -> settings.client(FakeBroker.client()))
            .build();
    manager = made;
    refreshTokens.forEach(
        (user, refreshToken) ->
            made.signIn(FakeBroker.NAME, user, new Grant.Refresh(refreshToken)));
    return made.provider(FakeBroker.NAME);
  }

  @Override
  protected void release() {
    if (manager != null) {
      manager.close();
    }
  }
}
