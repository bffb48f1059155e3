package io.tradeauth.settrade;

import io.tradeauth.Broker;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.TokenSet;
import java.net.URI;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A context for requests that nobody sends. */
final class TestContext implements CallContext {

  private final Broker broker;
  private final ClientCredentials client;
  private final Instant now;

  TestContext(Broker broker, ClientCredentials client, Instant now) {
    this.broker = broker;
    this.client = client;
    this.now = now;
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
    return null;
  }

  @Override
  public URI apiUri(String path) {
    return broker.profile().hosts().uri(path);
  }

  @Override
  public Instant now() {
    return now;
  }

  @Override
  public byte[] random(int count) {
    return new byte[count];
  }
}
