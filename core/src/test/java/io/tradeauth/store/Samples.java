package io.tradeauth.store;

import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/** What the tests of the stores store. */
final class Samples {

  static final Instant SINCE = Instant.parse("2026-01-05T09:00:00.123Z");
  static final Key ALICE = new Key(Kind.LOGIN, "fake", "alice");
  static final Key BOB = new Key(Kind.LOGIN, "fake", "bob");
  static final Intent INTENT = new Intent("intent-a", "process-1", "Refresh");

  private Samples() {}

  static Content content(String text) {
    return content(State.ACTIVE, text);
  }

  static Content content(State state, String text) {
    return new Content(
        state,
        SINCE,
        ("label " + text).getBytes(StandardCharsets.UTF_8),
        ("canary " + text).getBytes(StandardCharsets.UTF_8));
  }

  /** Returns a key of 32 equal bytes. */
  static EncryptionKey key(int value) {
    byte[] material = new byte[32];
    java.util.Arrays.fill(material, (byte) value);
    return EncryptionKey.of("key-" + value, material);
  }
}
