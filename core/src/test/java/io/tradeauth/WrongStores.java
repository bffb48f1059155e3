package io.tradeauth;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Stores with one fault each, as somebody may write them. */
final class WrongStores {

  private WrongStores() {}

  /** Right but for what a subclass does wrong. */
  private abstract static class Almost implements TokenStore {

    final TokenStore right = TokenStore.inMemory();

    @Override
    public @Nullable StoredRecord load(Key key) {
      return right.load(key);
    }

    @Override
    public BeginResult begin(
        Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
      return right.begin(key, seen, intent, displaced);
    }

    @Override
    public @Nullable Version commit(Key key, Version parent, Content next) {
      return right.commit(key, parent, next);
    }

    @Override
    public void clear(Key key, String intentId) {
      right.clear(key, intentId);
    }

    @Override
    public Version supersede(Key key, Content next) {
      return right.supersede(key, next);
    }

    @Override
    public List<StoredLabel> list(Kind kind, String realm) {
      return right.list(kind, realm);
    }

    @Override
    public int purge(Instant signedOutBefore) {
      return right.purge(signedOutBefore);
    }

    @Override
    public void forget(Key key) {
      right.forget(key);
    }

    @Override
    public Changes changesSince(@Nullable String cursor) {
      return right.changesSince(cursor);
    }
  }

  /** {@code UPDATE … WHERE id = ?}: the version column is written and never compared. */
  static final class IgnoringTheVersion extends Almost {

    @Override
    public @Nullable Version commit(Key key, Version parent, Content next) {
      while (true) {
        StoredRecord stored = right.load(key);
        if (stored == null) {
          return null;
        }
        Version committed = right.commit(key, stored.version(), next);
        if (committed != null) {
          return committed;
        }
      }
    }
  }

  /** Anybody may take an open intent, not only who names it. */
  static final class IgnoringTheIntent extends Almost {

    @Override
    public BeginResult begin(
        Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
      BeginResult result = right.begin(key, seen, intent, displaced);
      return result.outcome() == BeginOutcome.BUSY && result.open() != null
          ? right.begin(key, seen, intent, result.open().id())
          : result;
    }
  }

  /** Looks and then writes, as if there was one thread: a map that is safe does not make it so. */
  static final class ForOneThread implements TokenStore {

    private final Map<Key, StoredRecord> records = new ConcurrentHashMap<>();
    private final AtomicLong generations = new AtomicLong();
    private final TokenStore journal = TokenStore.inMemory();

    @Override
    public @Nullable StoredRecord load(Key key) {
      return records.get(key);
    }

    private void write(Key key, StoredRecord next) {
      Thread.yield();
      records.put(key, next);
    }

    @Override
    public BeginResult begin(
        Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
      StoredRecord stored = records.get(key);
      if (stored == null && seen == null) {
        Version first = new Version("generation " + generations.incrementAndGet(), 0);
        write(
            key,
            new StoredRecord(
                first, new Content(State.EMPTY, Instant.EPOCH, new byte[0], new byte[0]), intent));
        return new BeginResult(BeginOutcome.BEGUN, first, intent);
      }
      if (stored == null || !stored.version().equals(seen)) {
        return new BeginResult(
            BeginOutcome.MOVED,
            stored == null ? null : stored.version(),
            stored == null ? null : stored.intent());
      }
      if (stored.intent() != null && !stored.intent().id().equals(displaced)) {
        return new BeginResult(BeginOutcome.BUSY, stored.version(), stored.intent());
      }
      write(key, new StoredRecord(stored.version(), stored.content(), intent));
      return new BeginResult(BeginOutcome.BEGUN, stored.version(), intent);
    }

    @Override
    public @Nullable Version commit(Key key, Version parent, Content next) {
      StoredRecord stored = records.get(key);
      if (stored == null || !stored.version().equals(parent)) {
        return null;
      }
      write(key, new StoredRecord(parent.next(), next, null));
      return parent.next();
    }

    @Override
    public void clear(Key key, String intentId) {
      StoredRecord stored = records.get(key);
      if (stored != null && stored.intent() != null && stored.intent().id().equals(intentId)) {
        write(key, new StoredRecord(stored.version(), stored.content(), null));
      }
    }

    @Override
    public Version supersede(Key key, Content next) {
      Version version = journal.supersede(key, next);
      records.put(key, new StoredRecord(version, next, null));
      return version;
    }

    @Override
    public List<StoredLabel> list(Kind kind, String realm) {
      List<StoredLabel> labels = new ArrayList<>();
      records.forEach(
          (key, stored) -> {
            if (key.kind() == kind && key.realm().equals(realm)) {
              labels.add(new StoredLabel(key, stored.content().state(), stored.content().label()));
            }
          });
      return labels;
    }

    @Override
    public int purge(Instant signedOutBefore) {
      int before = records.size();
      records
          .values()
          .removeIf(
              stored ->
                  stored.content().state() == State.SIGNED_OUT
                      && stored.content().since().isBefore(signedOutBefore));
      return before - records.size();
    }

    @Override
    public void forget(Key key) {
      journal.forget(key);
      records.remove(key);
    }

    @Override
    public Changes changesSince(@Nullable String cursor) {
      return journal.changesSince(cursor);
    }
  }
}
