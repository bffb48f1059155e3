package io.tradeauth;

import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** An in-memory store that counts the exchanges that begin. */
final class CountingStore implements TokenStore {

  private final TokenStore store = TokenStore.inMemory();
  private final AtomicInteger begun = new AtomicInteger();

  /** Returns how many intents were written for logins. */
  int begun() {
    return begun.get();
  }

  @Override
  public @Nullable StoredRecord load(Key key) {
    return store.load(key);
  }

  @Override
  public BeginResult begin(
      Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
    if (key.kind() == Kind.LOGIN) {
      begun.incrementAndGet();
    }
    return store.begin(key, seen, intent, displaced);
  }

  @Override
  public @Nullable Version commit(Key key, Version parent, Content next) {
    return store.commit(key, parent, next);
  }

  @Override
  public void clear(Key key, String intentId) {
    store.clear(key, intentId);
  }

  @Override
  public Version supersede(Key key, Content next) {
    return store.supersede(key, next);
  }

  @Override
  public List<StoredLabel> list(Kind kind, String realm) {
    return store.list(kind, realm);
  }

  @Override
  public int purge(Instant signedOutBefore) {
    return store.purge(signedOutBefore);
  }

  @Override
  public void forget(Key key) {
    store.forget(key);
  }

  @Override
  public Changes changesSince(@Nullable String cursor) {
    return store.changesSince(cursor);
  }

  @Override
  public String toString() {
    return begun + " begun";
  }
}
