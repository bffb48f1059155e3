package io.tradeauth;

import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A store in the memory of this process, with the whole protocol: two managers over one of these
 * behave as two processes.
 *
 * <p>For any number of threads. Each record changes atomically in the map. What the journal tells
 * is changed under its lock, so that it is in the order of the changes and none is told before it
 * can be read.
 */
final class InMemoryTokenStore implements TokenStore {

  private static final int JOURNAL = 4096;

  private final Map<Key, StoredRecord> records = new ConcurrentHashMap<>();
  private final ReentrantLock journalLock = new ReentrantLock();
  private final Deque<Change> journal = new ArrayDeque<>();
  private long journalEnd;

  @Override
  public @Nullable StoredRecord load(Key key) {
    return records.get(key);
  }

  @Override
  public BeginResult begin(
      Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
    AtomicReference<BeginResult> result = new AtomicReference<>();
    records.compute(
        key,
        (sameKey, stored) -> {
          if (stored == null && seen == null) {
            Version first = new Version(newGeneration(), 0);
            result.set(new BeginResult(BeginOutcome.BEGUN, first, intent));
            return new StoredRecord(first, empty(), intent);
          }
          if (stored == null || !stored.version().equals(seen)) {
            result.set(moved(stored));
            return stored;
          }
          if (stored.intent() != null && !stored.intent().id().equals(displaced)) {
            result.set(new BeginResult(BeginOutcome.BUSY, stored.version(), stored.intent()));
            return stored;
          }
          result.set(new BeginResult(BeginOutcome.BEGUN, stored.version(), intent));
          return new StoredRecord(stored.version(), stored.content(), intent);
        });
    return result.get();
  }

  private static Content empty() {
    return new Content(State.EMPTY, Instant.EPOCH, new byte[0], new byte[0]);
  }

  private static BeginResult moved(@Nullable StoredRecord stored) {
    return new BeginResult(
        BeginOutcome.MOVED,
        stored == null ? null : stored.version(),
        stored == null ? null : stored.intent());
  }

  @Override
  public @Nullable Version commit(Key key, Version parent, Content next) {
    AtomicReference<@Nullable Version> committed = new AtomicReference<>();
    records.computeIfPresent(
        key,
        (sameKey, stored) -> {
          if (!stored.version().equals(parent)) {
            return stored;
          }
          committed.set(parent.next());
          return new StoredRecord(parent.next(), next, null);
        });
    return committed.get();
  }

  @Override
  public void clear(Key key, String intentId) {
    records.computeIfPresent(
        key,
        (sameKey, stored) ->
            stored.intent() != null && stored.intent().id().equals(intentId)
                ? new StoredRecord(stored.version(), stored.content(), null)
                : stored);
  }

  @Override
  public Version supersede(Key key, Content next) {
    Version version = new Version(newGeneration(), 0);
    change(
        new Change(key, version.generation()),
        () -> records.put(key, new StoredRecord(version, next, null)));
    return version;
  }

  private static String newGeneration() {
    // An id, not a secret: it must differ from all others of its record, and nobody gains by
    // guessing.
    byte[] random = new byte[16];
    ThreadLocalRandom.current().nextBytes(random);
    return HexFormat.of().formatHex(random);
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
    change(new Change(key, null), () -> records.remove(key));
  }

  private void change(Change change, Runnable record) {
    journalLock.lock();
    try {
      record.run();
      journal.add(change);
      journalEnd++;
      if (journal.size() > JOURNAL) {
        journal.remove();
      }
    } finally {
      journalLock.unlock();
    }
  }

  @Override
  public Changes changesSince(@Nullable String cursor) {
    journalLock.lock();
    try {
      String end = Long.toString(journalEnd);
      long behind = cursor == null ? 0 : journalEnd - Long.parseLong(cursor);
      if (behind > journal.size()) {
        return new Changes(end, List.of(), true);
      }
      List<Change> all = new ArrayList<>(journal);
      return new Changes(end, all.subList(all.size() - (int) behind, all.size()), false);
    } finally {
      journalLock.unlock();
    }
  }
}
