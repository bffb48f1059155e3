package io.tradeauth.tradestation;

import io.tradeauth.Broker;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.RefreshToken;
import io.tradeauth.Secret;
import io.tradeauth.TokenSet;
import java.net.URI;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the engine would tell a call. Immutable. */
final class TestContext implements CallContext {

  private final Broker broker;
  private final ClientCredentials client;
  private final @Nullable TokenSet tokens;

  TestContext(Broker broker, ClientCredentials client) {
    this(broker, client, null);
  }

  private TestContext(Broker broker, ClientCredentials client, @Nullable TokenSet tokens) {
    this.broker = broker;
    this.client = client;
    this.tokens = tokens;
  }

  TestContext accessToken(String accessToken) {
    return new TestContext(broker, client, tokens(Secret.of(accessToken), null));
  }

  TestContext refreshToken(String refreshToken) {
    return new TestContext(broker, client, tokens(null, RefreshToken.of(refreshToken)));
  }

  private static TokenSet tokens(
      @Nullable Secret accessToken, @Nullable RefreshToken refreshToken) {
    return new TokenSet(
        accessToken,
        "Bearer",
        Instant.EPOCH,
        Instant.EPOCH,
        Instant.MAX,
        refreshToken,
        null,
        Set.of(),
        Map.of(),
        null);
  }

  @Override
  public String userId() {
    return "alice";
  }

  @Override
  public ClientCredentials client() {
    return client;
  }

  @Override
  public @Nullable TokenSet tokens() {
    return tokens;
  }

  @Override
  public URI apiUri(String path) {
    return broker.profile().hosts().uri(path);
  }

  @Override
  public Instant now() {
    return Instant.EPOCH;
  }

  @Override
  public byte[] random(int count) {
    return new byte[count];
  }
}
