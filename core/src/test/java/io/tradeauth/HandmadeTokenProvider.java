package io.tradeauth;

import io.tradeauth.testing.FakeAuthorizationServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.locks.ReentrantLock;
import okhttp3.FormBody;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;

/**
 * A provider as applications write it: a map, a check and a lock for each user. Right, unless it is
 * told not to look again once it has the lock.
 */
final class HandmadeTokenProvider extends AbstractTokenProvider {

  private final FakeAuthorizationServer server;
  private final TimeSource clock;
  private final ApiHosts hosts;
  private final boolean looksAgain;
  private final OkHttpClient http = new OkHttpClient();
  private final Map<String, State> users = new HashMap<>();

  HandmadeTokenProvider(
      FakeAuthorizationServer server,
      TimeSource clock,
      Map<String, String> refreshTokens,
      boolean looksAgain) {
    super(ApiHosts.of(server.api().toString()));
    this.server = server;
    this.clock = clock;
    this.hosts = ApiHosts.of(server.api().toString());
    this.looksAgain = looksAgain;
    refreshTokens.forEach((user, token) -> users.put(user, new State(token)));
  }

  private static final class State {

    final ReentrantLock lock = new ReentrantLock();
    String refreshToken;
    volatile @Nullable AccessToken token;
    volatile List<String> scope = List.of();

    State(String refreshToken) {
      this.refreshToken = refreshToken;
    }
  }

  void close() {
    http.connectionPool().evictAll();
  }

  @Override
  public AccessToken get(String userId) {
    State state = state(userId);
    AccessToken token = state.token;
    return isGood(token) ? token : renewed(state, looksAgain);
  }

  private State state(String userId) {
    State state = users.get(userId);
    if (state == null) {
      throw new SignInRequiredException(
          "handmade", userId, SignInRequiredException.Reason.NOT_SIGNED_IN, clock.now());
    }
    return state;
  }

  private boolean isGood(@Nullable AccessToken token) {
    return token != null && clock.now().isBefore(token.expiresAt().minusSeconds(60));
  }

  private AccessToken renewed(State state, boolean looks) {
    state.lock.lock();
    try {
      AccessToken token = state.token;
      return looks && isGood(token) ? token : exchange(state);
    } finally {
      state.lock.unlock();
    }
  }

  private AccessToken exchange(State state) {
    Request request =
        new Request.Builder()
            .url(server.tokenUri().toString())
            .post(
                new FormBody.Builder()
                    .add("grant_type", "refresh_token")
                    .add("refresh_token", state.refreshToken)
                    .add("client_id", FakeAuthorizationServer.CLIENT_ID)
                    .add("client_secret", FakeAuthorizationServer.CLIENT_SECRET)
                    .build())
            .build();
    try (Response response = http.newCall(request).execute()) {
      Json json = Json.read(response.body().bytes());
      state.refreshToken = json.text("refresh_token");
      Instant end = clock.now().plusSeconds(json.integer("expires_in"));
      AccessToken token = AccessToken.of(json.text("access_token"), end, hosts);
      state.scope = List.of(String.valueOf(json.text("scope")).split(" "));
      state.token = token;
      return token;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  AbstractUserTokens user(String userId) {
    return new User(userId);
  }

  private final class User extends AbstractUserTokens {

    private final String userId;

    User(String userId) {
      this.userId = userId;
    }

    @Override
    public AccessToken get() {
      return HandmadeTokenProvider.this.get(userId);
    }

    @Override
    public AccessToken get(TokenName name) {
      throw new UnsupportedOperationException();
    }

    @Override
    public AccessToken getLasting(Duration life) {
      return get();
    }

    @Override
    public AccessToken getScoped(String... required) {
      AccessToken token = get();
      if (!state(userId).scope.containsAll(List.of(required))) {
        throw new SignInRequiredException(
            "handmade", userId, SignInRequiredException.Reason.SCOPE_DOWNGRADED, clock.now());
      }
      return token;
    }

    @Override
    public CompletableFuture<AccessToken> getAsync() {
      return getAsync(ForkJoinPool.commonPool());
    }

    @Override
    public CompletableFuture<AccessToken> getAsync(Executor executor) {
      return CompletableFuture.supplyAsync(this::get, executor);
    }

    @Override
    public AccessToken getInsteadOf(AccessToken rejected) {
      State state = state(userId);
      state.lock.lock();
      try {
        AccessToken token = state.token;
        return isGood(token) && !token.equals(rejected) ? token : exchange(state);
      } finally {
        state.lock.unlock();
      }
    }

    @Override
    public AccessToken renew() {
      return renewed(state(userId), false);
    }

    @Override
    public Optional<AccessToken> peek() {
      AccessToken token = state(userId).token;
      return isGood(token) ? Optional.of(token) : Optional.empty();
    }

    @Override
    public <T> T call(BrokerCall<T> call) {
      throw new UnsupportedOperationException();
    }

    @Override
    public @Nullable AccessToken replace(AccessToken rejected, @Nullable Answer answer) {
      return getInsteadOf(rejected);
    }

    @Override
    public CompletableFuture<@Nullable AccessToken> replaceAsync(AccessToken rejected) {
      return CompletableFuture.supplyAsync(() -> getInsteadOf(rejected));
    }

    @Override
    public ApiHosts hosts() {
      return hosts;
    }

    @Override
    public Map<String, String> headers() {
      return Map.of();
    }
  }
}
