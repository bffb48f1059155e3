package io.tradeauth.store;

import io.tradeauth.TimeSource;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import io.tradeauth.store.RecordFiles.Slot;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Encrypted files on this machine, one for each record, for any number of processes at once.
 *
 * <p>What a method has written when it returns survives a crash of the process and a power cut; a
 * crash before that leaves the old or the new record, whole. Files and directories are for their
 * owner only (0600, 0700), which is checked when the store is opened. Names of files tell nothing
 * of users. A record that was damaged or changed is moved to the directory {@code quarantine}, and
 * its user gets a {@link TokenStoreException} once and is unknown then; all others are served.
 *
 * <p>What can't be promised: somebody who may write the directory can put an older copy of a whole
 * record back, or delete it. On a network file system locks may not hold; there the store does not
 * open unless it is allowed to. On Windows there are no modes, renames are not forced to the disk,
 * and a write may fail while another process reads the same record: keep the directory in the
 * user's own profile.
 *
 * <p>For any number of threads, stores and processes over one directory. A thread that is
 * interrupted while a method runs may get a {@link TokenStoreException}; nothing is half-written
 * then, and it stays interrupted.
 */
public final class FileTokenStore implements TokenStore, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(FileTokenStore.class);
  private static final int JOURNAL_SEGMENT_BYTES = 1024 * 1024;
  private static final Pattern APPLICATION = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

  private final StoreDirectory directory;
  private final Sealer sealer;
  private final RecordFiles records;
  private final FileLocks locks;
  private final ChangeJournal journal;
  private final TimeSource time;
  private final boolean readOnly;
  private final AtomicBoolean closed = new AtomicBoolean();

  private FileTokenStore(
      StoreDirectory directory, Sealer sealer, FileLocks locks, Builder settings) {
    this.directory = directory;
    this.sealer = sealer;
    this.records = new RecordFiles(directory);
    this.locks = locks;
    this.time = settings.time;
    this.readOnly = settings.readOnly;
    this.journal =
        new ChangeJournal(
            directory.changes(),
            sealer,
            locks,
            settings.time,
            settings.journalSegmentBytes,
            settings.readOnly);
  }

  /**
   * Opens the store of an application in the user's home directory and makes it on first use: the
   * records in {@code ~/.application/tokens}, the key in {@code ~/.application/tokens.key}. Whoever
   * has both has the tokens, so back them up in different places.
   *
   * @param application a file name of letters, digits and {@code . _ -}
   * @throws TokenStoreException if the store can't be opened; the reason tells why
   */
  public static FileTokenStore inHome(String application) {
    return inHome(Path.of(System.getProperty("user.home")), application);
  }

  static FileTokenStore inHome(Path home, String application) {
    if (!APPLICATION.matcher(application).matches()) {
      throw new IllegalArgumentException(
          "application: 1 to 64 letters, digits and . _ - are allowed, not " + application);
    }
    Path directory = home.resolve("." + application);
    return new Builder(
            directory.resolve("tokens"), new OwnKeyFile(directory.resolve("tokens.key"))::keys)
        .open();
  }

  /**
   * Opens the store in a directory, and makes it on first use.
   *
   * @throws TokenStoreException if the store can't be opened; the reason tells why
   */
  public static FileTokenStore at(Path directory, KeyProvider keys) {
    return builder(directory, keys).open();
  }

  /** Starts with what can be said about a store. */
  public static Builder builder(Path directory, KeyProvider keys) {
    return new Builder(directory, newStore -> keys);
  }

  /** How to open a store. For one thread. */
  public static final class Builder {

    private final Path path;
    private final StoreDirectory.Keys keys;
    private boolean readOnly;
    private boolean repairModes;
    private boolean allowNetwork;
    private StoreDirectory.FileSystemType fileSystem = path -> Files.getFileStore(path).type();
    private TimeSource time = TimeSource.system();
    private int journalSegmentBytes = JOURNAL_SEGMENT_BYTES;

    private Builder(Path path, StoreDirectory.Keys keys) {
      this.path = path;
      this.keys = keys;
    }

    /**
     * Opens an existing store for reading only: nothing is written or moved, and what would write
     * throws a {@link TokenStoreException} with the reason {@link Reason#READ_ONLY}.
     */
    public Builder readOnly() {
      readOnly = true;
      return this;
    }

    /**
     * Takes files that others may use from them, instead of refusing to open. They may have been
     * read: change the key as well, and have everything sealed anew.
     */
    public Builder repairModes() {
      repairModes = true;
      return this;
    }

    /**
     * Opens the store although its file system is on the network. Right only if its locks hold for
     * all who use it, or one machine alone does.
     */
    public Builder allowNetworkFileSystem() {
      allowNetwork = true;
      return this;
    }

    /** Takes another's word for the type of the file system. */
    Builder fileSystem(StoreDirectory.FileSystemType other) {
      fileSystem = other;
      return this;
    }

    /** Uses other clocks; they only limit how long a lock is waited for. */
    Builder time(TimeSource other) {
      time = other;
      return this;
    }

    /** Uses other segments of the journal. */
    Builder journalSegmentBytes(int bytes) {
      journalSegmentBytes = bytes;
      return this;
    }

    /**
     * Opens the store: checks the key, the modes, that records can be written, locked, read and
     * deleted, and removes what writers have left behind that died. No record is read.
     *
     * @throws TokenStoreException if one of these fails; the reason tells which
     */
    public FileTokenStore open() {
      try {
        return readOnly ? openReadOnly() : openToWrite();
      } catch (IOException e) {
        Reason reason = readOnly ? Reason.READ_FAILED : Reason.WRITE_FAILED;
        throw failed(reason, path, "can't be opened", e);
      }
    }

    private FileTokenStore openReadOnly() throws IOException {
      StoreDirectory directory = StoreDirectory.existingAt(path);
      directory.checkModes(false);
      Sealer sealer = directory.open(keys);
      return new FileTokenStore(directory, sealer, FileLocks.of(directory.locks()), this);
    }

    private FileTokenStore openToWrite() throws IOException {
      StoreDirectory directory = StoreDirectory.make(path);
      if (!allowNetwork) {
        directory.refuseNetwork(fileSystem);
      }
      directory.checkModes(repairModes);
      FileLocks locks = FileLocks.of(directory.locks());
      try {
        Sealer sealer = directory.openOrMake(keys, locks, time);
        directory.probe(locks, time);
        directory.removeUnfinishedRecords(locks);
        return new FileTokenStore(directory, sealer, locks, this);
      } catch (IOException | RuntimeException e) {
        locks.close();
        throw e;
      }
    }
  }

  private static TokenStoreException failed(Reason reason, Path path, String what, IOException e) {
    return new TokenStoreException(reason, "token store " + path + ": " + what + " (" + e + ")", e);
  }

  // Reading -------------------------------------------------------------------------------------

  @Override
  public @Nullable StoredRecord load(Key key) {
    Slot slot = slot(key);
    return reading(
        () -> {
          try {
            return open(key, slot);
          } catch (TokenStoreException e) {
            return lookAgain(key, slot, e);
          }
        });
  }

  private Slot slot(Key key) {
    return Slot.of(sealer.recordId(key));
  }

  private @Nullable StoredRecord open(Key key, Slot slot) throws IOException {
    RecordFile file = records.read(slot);
    return file == null ? null : file.open(sealer, key);
  }

  /** With the lock, so that nothing else is moved aside than what is damaged. */
  private @Nullable StoredRecord lookAgain(Key key, Slot slot, TokenStoreException failure)
      throws IOException {
    if (readOnly || failure.reason() != Reason.TAMPERED) {
      throw failure;
    }
    return locked(slot, () -> open(key, slot));
  }

  /** Reads or writes files. */
  @FunctionalInterface
  private interface Step<T extends @Nullable Object> {

    T run() throws IOException;
  }

  private <T extends @Nullable Object> T reading(Step<T> step) {
    return guarded(Reason.READ_FAILED, "can't be read", step);
  }

  private <T extends @Nullable Object> T guarded(Reason reason, String what, Step<T> step) {
    if (closed.get()) {
      throw new TokenStoreException(reason, "token store " + directory.root() + ": closed", null);
    }
    // An interrupt that came before would close the files.
    boolean interrupted = Thread.interrupted();
    try {
      return step.run();
    } catch (IOException e) {
      throw failed(reason, directory.root(), what, e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public List<StoredLabel> list(Kind kind, String realm) {
    List<StoredLabel> labels = new ArrayList<>();
    each(
        slot -> {
          StoredLabel label = label(slot);
          if (label != null && label.key().kind() == kind && label.key().realm().equals(realm)) {
            labels.add(label);
          }
        });
    return labels;
  }

  private @Nullable StoredLabel label(Slot slot) throws IOException {
    RecordFile file = records.read(slot);
    return file == null ? null : file.openLabel(sealer, slot.id());
  }

  /** Visits all records but the damaged ones, which are moved aside. */
  private void each(RecordFiles.Visitor visitor) {
    reading(
        () -> {
          records.each(slot -> visit(slot, visitor));
          return null;
        });
  }

  private void visit(Slot slot, RecordFiles.Visitor visitor) throws IOException {
    try {
      visitor.visit(slot);
    } catch (TokenStoreException e) {
      if (e.reason() != Reason.TAMPERED) {
        throw e;
      }
      if (!readOnly) {
        moveAsideIfDamaged(slot);
      }
    }
  }

  private void moveAsideIfDamaged(Slot slot) throws IOException {
    try {
      locked(slot, () -> label(slot));
    } catch (TokenStoreException e) {
      LOG.warn("{}: record {} can't be listed: {}", directory.root(), slot, e.getMessage());
    }
  }

  @Override
  public Changes changesSince(@Nullable String cursor) {
    return reading(() -> journal.since(cursor));
  }

  // Writing -------------------------------------------------------------------------------------

  private <T extends @Nullable Object> T writing(Slot slot, Step<T> step) {
    refuseIfReadOnly();
    return guarded(Reason.WRITE_FAILED, "can't be written", () -> locked(slot, step));
  }

  private void refuseIfReadOnly() {
    if (readOnly) {
      throw new TokenStoreException(
          Reason.READ_ONLY,
          "token store "
              + directory.root()
              + ": opened for reading only, so nothing is renewed"
              + " here",
          null);
    }
  }

  private <T extends @Nullable Object> T locked(Slot slot, Step<T> step) throws IOException {
    try (FileLocks.Held held = locks.lock(slot.stripe(), time)) {
      return step.run();
    } catch (TokenStoreException e) {
      if (e.reason() == Reason.TAMPERED) {
        throw movedAside(slot, e);
      }
      throw e;
    }
  }

  @Override
  public BeginResult begin(
      Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
    Slot slot = slot(key);
    return writing(slot, () -> begin(key, slot, seen, intent, displaced));
  }

  private BeginResult begin(
      Key key, Slot slot, @Nullable Version seen, Intent intent, @Nullable String displaced)
      throws IOException {
    RecordFile file = proven(slot);
    if (file == null) {
      return seen == null
          ? begun(key, slot, empty(key), intent)
          : new BeginResult(BeginOutcome.MOVED, null, null);
    }
    Intent open = file.openIntent(sealer, key);
    if (!file.version().equals(seen)) {
      return new BeginResult(BeginOutcome.MOVED, file.version(), open);
    }
    if (open != null && !open.id().equals(displaced)) {
      return new BeginResult(BeginOutcome.BUSY, file.version(), open);
    }
    return begun(key, slot, underPrimaryKey(slot, file), intent);
  }

  /** Reads a record whose label is whole, and with it all that a write depends on. */
  private @Nullable RecordFile proven(Slot slot) throws IOException {
    RecordFile file = records.read(slot);
    if (file != null) {
      file.openLabel(sealer, slot.id());
    }
    return file;
  }

  private RecordFile empty(Key key) {
    Content nothing = new Content(State.EMPTY, Instant.EPOCH, new byte[0], new byte[0]);
    return newRecord(key, new Version(Sealer.newGeneration(), 0), nothing);
  }

  private RecordFile newRecord(Key key, Version version, Content content) {
    return new RecordFile(sealer.seal(key, version, content), null);
  }

  /** G33: whatever is written is written under the primary key. */
  private RecordFile underPrimaryKey(Slot slot, RecordFile file) {
    return sealer.isSealedWithOtherKey(file.content())
        ? file.with(sealer.reseal(slot.id(), file.content()))
        : file;
  }

  private BeginResult begun(Key key, Slot slot, RecordFile file, Intent intent) throws IOException {
    records.write(slot, file.with(sealer.sealIntent(key, file.version(), intent)));
    return new BeginResult(BeginOutcome.BEGUN, file.version(), intent);
  }

  @Override
  public @Nullable Version commit(Key key, Version parent, Content next) {
    Slot slot = slot(key);
    return writing(
        slot,
        () -> {
          RecordFile file = proven(slot);
          if (file == null || !file.version().equals(parent)) {
            // What is found instead may be this very commit, tried before and not yet durable.
            records.forceDirectory();
            return null;
          }
          records.write(slot, newRecord(key, parent.next(), next));
          return parent.next();
        });
  }

  @Override
  public void clear(Key key, String intentId) {
    Slot slot = slot(key);
    writing(
        slot,
        () -> {
          RecordFile file = proven(slot);
          Intent open = file == null ? null : file.openIntent(sealer, key);
          if (file != null && open != null && open.id().equals(intentId)) {
            records.write(slot, underPrimaryKey(slot, file).with((byte[]) null));
          }
          return null;
        });
  }

  @Override
  public Version supersede(Key key, Content next) {
    Slot slot = slot(key);
    Version version = new Version(Sealer.newGeneration(), 0);
    return writing(
        slot,
        () -> {
          records.write(slot, newRecord(key, version, next));
          tell(slot, new Change(key, version.generation()));
          return version;
        });
  }

  /** What is done is done, whether others can be told of it now or not. */
  private void tell(Slot slot, Change change) {
    if (!journal.append(change)) {
      LOG.warn(
          "{}: other processes are told later that record {} was changed", directory.root(), slot);
    }
  }

  @Override
  public void forget(Key key) {
    Slot slot = slot(key);
    writing(
        slot,
        () -> {
          records.delete(slot);
          records.deleteUnfinished(slot);
          records.forceDirectory();
          records.deleteQuarantined(slot);
          tell(slot, new Change(key, null));
          return null;
        });
  }

  @Override
  public int purge(Instant signedOutBefore) {
    refuseIfReadOnly();
    List<Slot> old = new ArrayList<>();
    each(
        slot -> {
          if (isSignedOut(records.read(slot), signedOutBefore)) {
            old.add(slot);
          }
        });
    return countOf(old, slot -> purge(slot, signedOutBefore));
  }

  /** Does something with a record and tells whether there was something to do. */
  @FunctionalInterface
  private interface Chore {

    boolean done(Slot slot) throws IOException;
  }

  /** One failure does not keep the others from their turn. */
  private int countOf(List<Slot> slots, Chore chore) {
    int done = 0;
    TokenStoreException failure = null;
    for (Slot slot : slots) {
      try {
        done += writing(slot, () -> chore.done(slot)) ? 1 : 0;
      } catch (TokenStoreException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
    return done;
  }

  private static boolean isSignedOut(@Nullable RecordFile file, Instant before) {
    return file != null
        && file.content().state() == State.SIGNED_OUT
        && file.content().since().isBefore(before);
  }

  private boolean purge(Slot slot, Instant signedOutBefore) throws IOException {
    RecordFile file = proven(slot);
    if (file == null || !isSignedOut(file, signedOutBefore)) {
      return false;
    }
    boolean deleted = records.delete(slot);
    records.forceDirectory();
    return deleted;
  }

  // Damage --------------------------------------------------------------------------------------

  private TokenStoreException movedAside(Slot slot, TokenStoreException damage) throws IOException {
    records.quarantine(slot);
    LOG.warn(
        "{}: record {} is damaged or was changed; it is in {} now, and its user must sign in",
        directory.root(),
        slot,
        directory.quarantine());
    return new TokenStoreException(
        Reason.TAMPERED,
        damage.getMessage()
            + "; it was moved to "
            + directory.quarantine().resolve(slot.name())
            + ".*, and its user must sign in",
        damage);
  }

  // Keys ----------------------------------------------------------------------------------------

  /**
   * Seals anew, with what is the primary key now, whatever is sealed with another. Others go on
   * reading and writing meanwhile. If it is cut short, call it again: it goes on where it was. What
   * was moved to {@code quarantine} stays as it is: delete it before a key is taken away that
   * somebody else may have.
   *
   * @return how many records were sealed anew
   * @throws TokenStoreException if a record could not be, after all others were
   */
  public int reencryptAll() {
    refuseIfReadOnly();
    guarded(
        Reason.WRITE_FAILED,
        "can't be written",
        () -> {
          directory.removeUnfinishedRecords(locks);
          directory.resealMeta(sealer, locks, time);
          return null;
        });
    List<Slot> old = new ArrayList<>();
    each(
        slot -> {
          RecordFile file = records.read(slot);
          if (file != null && !file.keyId().equals(sealer.primaryKeyId())) {
            old.add(slot);
          }
        });
    return countOf(old, this::reencrypt);
  }

  private boolean reencrypt(Slot slot) throws IOException {
    RecordFile file = records.read(slot);
    if (file == null || !sealer.isSealedWithOtherKey(file.content())) {
      return false;
    }
    records.write(slot, underPrimaryKey(slot, file));
    return true;
  }

  /**
   * Counts the files that need each key, by its id: the records, and the meta record of the store.
   * A key that is not among them can be taken away.
   */
  public Map<String, Integer> countByKey() {
    Map<String, Integer> counts = new TreeMap<>();
    each(
        slot -> {
          RecordFile file = records.read(slot);
          if (file != null) {
            counts.merge(file.keyId(), 1, Integer::sum);
          }
        });
    counts.merge(reading(directory::metaKeyId), 1, Integer::sum);
    return counts;
  }

  /** Closes the lock files; what is under way in other threads may fail. Records are kept. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      locks.close();
    }
  }

  @Override
  public String toString() {
    return "FileTokenStore[" + directory.root() + "]";
  }

  /** The key file that a store makes for itself. */
  private record OwnKeyFile(Path file) {

    KeyProvider keys(boolean newStore) {
      if (newStore && Files.notExists(file)) {
        removeUnfinished();
        KeyProvider.newFile(file);
      }
      return KeyProvider.file(file);
    }

    private void removeUnfinished() {
      try (DirectoryStream<Path> files =
          Files.newDirectoryStream(
              file.toAbsolutePath().getParent(),
              file.getFileName() + ".*" + DurableFiles.UNFINISHED)) {
        for (Path unfinished : files) {
          Files.deleteIfExists(unfinished);
        }
      } catch (IOException e) {
        throw failed(Reason.WRITE_FAILED, file, "can't be made", e);
      }
    }
  }
}
