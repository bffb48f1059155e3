package io.tradeauth.upstox;

import io.tradeauth.ApiHosts;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.TokenSet;
import java.net.URI;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What a call is given, without an engine. */
final class TestContext implements CallContext {

  static final Instant NOW = Instant.parse("2025-11-25T04:00:00Z");

  private final ClientCredentials client;

  TestContext(ClientCredentials client) {
    this.client = client;
  }

  @Override
  public String userId() {
    return "asha";
  }

  @Override
  public ClientCredentials client() {
    return client;
  }

  @Override
  public @Nullable TokenSet tokens() {
    return null;
  }

  @Override
  public URI apiUri(String path) {
    return ApiHosts.of("https://api.upstox.com").uri(path);
  }

  @Override
  public Instant now() {
    return NOW;
  }

  @Override
  public byte[] random(int count) {
    return new byte[count];
  }
}
