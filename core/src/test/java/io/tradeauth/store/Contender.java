package io.tradeauth.store;

import static io.tradeauth.store.ChildJvm.user;
import static io.tradeauth.store.Samples.content;

import io.tradeauth.TokenStore.BeginOutcome;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.StoredRecord;
import java.nio.file.Path;
import java.util.Objects;
import java.util.UUID;
import java.util.function.IntConsumer;

/** Begins and commits against others, with a store of its own. */
final class Contender {

  private Contender() {}

  /** Tells for which versions it was let in. */
  static void race(Path directory, int commits, IntConsumer begun) {
    try (FileTokenStore store = FileTokenStore.at(directory, StoreFixture.KEYS)) {
      StoredRecord stored = Objects.requireNonNull(store.load(user(0)));
      while (stored.version().number() < commits) {
        Intent mine = new Intent(UUID.randomUUID().toString(), "contender", "Refresh");
        if (store.begin(user(0), stored.version(), mine, null).outcome() == BeginOutcome.BEGUN) {
          begun.accept((int) stored.version().number());
          Objects.requireNonNull(store.commit(user(0), stored.version(), content("by one")));
        }
        stored = Objects.requireNonNull(store.load(user(0)));
      }
    }
  }
}
