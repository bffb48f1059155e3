package io.tradeauth;

import java.time.Instant;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An in-memory store whose writes, commits or reads fail, or take long, while, or as often as, a
 * test says so.
 */
final class FailingStore implements TokenStore {

  private final TokenStore store;
  private volatile boolean failWrites;
  private volatile boolean failCommits;
  private volatile boolean failReads;
  private volatile @Nullable RuntimeException brokenReads;
  private volatile boolean failChanges;
  private volatile boolean everything;
  private final AtomicInteger told = new AtomicInteger();
  private final AtomicInteger reads = new AtomicInteger();
  private volatile @Nullable Kind failingKind;
  private final Queue<Throwable> nextCommits = new ConcurrentLinkedQueue<>();
  private final Queue<Throwable> lostCommits = new ConcurrentLinkedQueue<>();
  private final Queue<Runnable> begins = new ConcurrentLinkedQueue<>();
  private final Queue<Runnable> begun = new ConcurrentLinkedQueue<>();
  private final Queue<Runnable> commits = new ConcurrentLinkedQueue<>();
  private final Queue<Runnable> supersedes = new ConcurrentLinkedQueue<>();
  private final Queue<Runnable> superseded = new ConcurrentLinkedQueue<>();
  private final Queue<Throwable> lostSupersedes = new ConcurrentLinkedQueue<>();
  private final Queue<Runnable> loads = new ConcurrentLinkedQueue<>();
  private final Queue<Runnable> loaded = new ConcurrentLinkedQueue<>();

  FailingStore() {
    this(TokenStore.inMemory());
  }

  /** A way to the same records that fails for one process alone. */
  FailingStore(TokenStore store) {
    this.store = store;
  }

  void failWrites(boolean fail) {
    failWrites = fail;
  }

  void failCommits(boolean fail) {
    failCommits = fail;
  }

  void failReads(boolean fail) {
    failReads = fail;
  }

  /** Keeps from the process what others have changed. */
  void failChanges(boolean fail) {
    failChanges = fail;
  }

  /** Tells the next time that everything may have changed, and nothing in particular. */
  void tellEverything() {
    everything = true;
  }

  /** Returns how often the process has asked what others have changed. */
  int told() {
    return told.get();
  }

  /** Returns how often the process has read the record of a login. */
  int reads() {
    return reads.get();
  }

  /** Lets reads fail as no store should; null for not any more. */
  void breakReads(@Nullable RuntimeException failure) {
    brokenReads = failure;
  }

  /** Lets the next commit of tokens fail like this; nothing is written. */
  void failNextCommit(Throwable failure) {
    nextCommits.add(failure);
  }

  /** Lets the next commit of tokens fail like this after it was written. */
  void loseNextCommit(Throwable failure) {
    lostCommits.add(failure);
  }

  /** Lets somebody else do this just before the process begins to write next. */
  void beforeNextBegin(Runnable other) {
    begins.add(other);
  }

  /** Lets the process stand still like this when it has begun its next exchange. */
  void afterNextBegin(Runnable pause) {
    begun.add(pause);
  }

  /** Lets the next commit of tokens take as long as this. */
  void beforeNextCommit(Runnable pause) {
    commits.add(pause);
  }

  /** Lets the next sign-in or sign-out take as long as this to write. */
  void beforeNextSupersede(Runnable pause) {
    supersedes.add(pause);
  }

  /** Lets the next sign-in or sign-out fail like this after it was written. */
  void loseNextSupersede(Throwable failure) {
    lostSupersedes.add(failure);
  }

  /** Lets the next sign-in or sign-out take as long as this until the process hears of it. */
  void afterNextSupersede(Runnable pause) {
    superseded.add(pause);
  }

  /** Lets the process stand still like this before it reads the next login. */
  void beforeNextRead(Runnable pause) {
    loads.add(pause);
  }

  /** Lets the process stand still like this when it has read the next login. */
  void afterNextRead(Runnable pause) {
    loaded.add(pause);
  }

  private static void runNext(Queue<Runnable> pauses) {
    Runnable pause = pauses.poll();
    if (pause != null) {
      pause.run();
    }
  }

  private static void failWithNext(Queue<Throwable> failures) {
    Throwable failure = failures.poll();
    if (failure instanceof Error) {
      throw (Error) failure;
    } else if (failure != null) {
      throw (RuntimeException) failure;
    }
  }

  /** Lets everything fail that is about a kind of record. */
  void failKind(Kind kind) {
    failingKind = kind;
  }

  private static void failIf(boolean fail, TokenStoreException.Reason reason) {
    if (fail) {
      throw new TokenStoreException(reason, "the test says so", null);
    }
  }

  @Override
  public @Nullable StoredRecord load(Key key) {
    if (key.kind() == Kind.LOGIN) {
      reads.incrementAndGet();
      runNext(loads);
    }
    failIf(failReads || key.kind() == failingKind, TokenStoreException.Reason.READ_FAILED);
    RuntimeException broken = brokenReads;
    if (broken != null) {
      throw broken;
    }
    StoredRecord stored = store.load(key);
    if (key.kind() == Kind.LOGIN) {
      runNext(loaded);
    }
    return stored;
  }

  @Override
  public BeginResult begin(
      Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
    failIf(failWrites || key.kind() == failingKind, TokenStoreException.Reason.WRITE_FAILED);
    runNext(begins);
    BeginResult result = store.begin(key, seen, intent, displaced);
    if (key.kind() == Kind.LOGIN) {
      runNext(begun);
    }
    return result;
  }

  @Override
  public @Nullable Version commit(Key key, Version parent, Content next) {
    failIf(failWrites || failCommits, TokenStoreException.Reason.WRITE_FAILED);
    if (key.kind() == Kind.BUDGET) {
      return store.commit(key, parent, next);
    }
    runNext(commits);
    failWithNext(nextCommits);
    Version committed = store.commit(key, parent, next);
    failWithNext(lostCommits);
    return committed;
  }

  @Override
  public void clear(Key key, String intentId) {
    failIf(failWrites, TokenStoreException.Reason.WRITE_FAILED);
    store.clear(key, intentId);
  }

  @Override
  public Version supersede(Key key, Content next) {
    failIf(failWrites, TokenStoreException.Reason.WRITE_FAILED);
    runNext(supersedes);
    Version version = store.supersede(key, next);
    runNext(superseded);
    failWithNext(lostSupersedes);
    return version;
  }

  @Override
  public List<StoredLabel> list(Kind kind, String realm) {
    failIf(failReads, TokenStoreException.Reason.READ_FAILED);
    return store.list(kind, realm);
  }

  @Override
  public int purge(Instant signedOutBefore) {
    failIf(failWrites, TokenStoreException.Reason.WRITE_FAILED);
    return store.purge(signedOutBefore);
  }

  @Override
  public void forget(Key key) {
    failIf(failWrites, TokenStoreException.Reason.WRITE_FAILED);
    store.forget(key);
  }

  @Override
  public Changes changesSince(@Nullable String cursor) {
    told.incrementAndGet();
    failIf(failReads || failChanges, TokenStoreException.Reason.READ_FAILED);
    Changes changes = store.changesSince(cursor);
    boolean all = everything;
    everything = false;
    return all ? new Changes(changes.cursor(), List.of(), true) : changes;
  }
}
