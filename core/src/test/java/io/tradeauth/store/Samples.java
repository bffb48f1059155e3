package io.tradeauth.store;

import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;

/** What the tests of the stores store. */
final class Samples {

  static final Instant SINCE = Instant.parse("2026-01-05T09:00:00.123Z");
  static final Key ALICE = new Key(Kind.LOGIN, "fake", "alice");
  static final Key BOB = new Key(Kind.LOGIN, "fake", "bob");
  static final Intent INTENT = new Intent("intent-a", "process-1", "Refresh");

  /** User ids that somebody may take for one another, or for something else. */
  static final List<String> USER_IDS =
      List.of(
          "ann",
          "Ann",
          "ANN",
          "\u00e0nn",
          "a\u0300nn",
          "ann ",
          "ann\u00a0",
          " ann",
          "ann\u0000",
          "ann\n",
          "\u00e5ngstr\u00f6m",
          "a\u030angstro\u0308m",
          "\u212bngstr\u00f6m",
          "stra\u00dfe",
          "strasse",
          "\u0131stanbul",
          "istanbul",
          "../ann",
          "..",
          ".",
          "/",
          "a/b",
          "a\\b",
          "C:\\ann",
          "CON",
          "nul",
          "%61nn",
          "a%nn",
          "a_nn",
          "ann'; DROP TABLE tokens; --",
          "\ud83d\ude00",
          "\ud83d\udc69\u200d\ud83d\udcbb",
          "\ud83d",
          "\ude00",
          "\ufffd",
          "?",
          "\u202eann",
          "\u05d0\u05e0\u05d9",
          "\u0623\u0646\u0627",
          "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
          "",
          " ",
          "x".repeat(10_240),
          "x".repeat(10_241));

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
