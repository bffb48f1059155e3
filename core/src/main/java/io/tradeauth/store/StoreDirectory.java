package io.tradeauth.store;

import io.tradeauth.TimeSource;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The directory of a store, and whether it is fit for one.
 *
 * <pre>
 * meta        the meta record
 * records/    a file for each record, named by its id in Base32
 * quarantine/ what was damaged
 * changes/    who was superseded or forgotten
 * locks/      lock files, made once and never deleted
 * </pre>
 *
 * Immutable.
 */
record StoreDirectory(Path root) {

  private static final List<String> NETWORK =
      List.of(
          "nfs",
          "cifs",
          "smb",
          "afs",
          "afp",
          "webdav",
          "9p",
          "sshfs",
          "ceph",
          "gluster",
          "lustre",
          "beegfs",
          "gpfs",
          "ncp",
          "davfs",
          "vboxsf",
          "prl_fs",
          "virtiofs",
          "rclone",
          "s3fs",
          "gcsfuse",
          "blobfuse",
          "goofys",
          "juicefs",
          "moosefs");
  private static final String META = "meta";
  private static final String PROBE = "probe";

  /**
   * What {@link DurableFiles} puts into {@link #records}: it begins with the number of the lock.
   */
  private static final Pattern UNFINISHED_RECORD =
      Pattern.compile("([0-9]{1,2})-.*" + Pattern.quote(DurableFiles.UNFINISHED));

  /** Gives the keys, knowing whether the store is to be made. */
  @FunctionalInterface
  interface Keys {

    KeyProvider keys(boolean newStore);
  }

  Path meta() {
    return root.resolve(META);
  }

  Path records() {
    return root.resolve("records");
  }

  Path quarantine() {
    return root.resolve("quarantine");
  }

  Path changes() {
    return root.resolve("changes");
  }

  Path locks() {
    return root.resolve("locks");
  }

  private List<Path> directories() {
    return List.of(root, records(), quarantine(), changes(), locks());
  }

  /** Returns the directory with all that belongs into it, made where it is missing. */
  static StoreDirectory make(Path path) throws IOException {
    Path absolute = path.toAbsolutePath();
    makeOne(absolute);
    StoreDirectory directory = new StoreDirectory(absolute.toRealPath());
    for (Path each : directory.directories()) {
      makeOne(each);
    }
    return directory;
  }

  private static void makeOne(Path path) throws IOException {
    Path parent = path.getParent();
    if (Files.isDirectory(path) || parent == null) {
      return;
    }
    makeOne(parent);
    try {
      Files.createDirectory(path, Modes.of(path).ofDirectory());
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(path)) {
        throw e;
      }
    }
    force(parent);
  }

  private static void force(Path parent) throws IOException {
    try {
      DurableFiles.force(parent);
    } catch (AccessDeniedException e) {
      // It may be entered but not read, and so not be forced: its own file system will do it.
    }
  }

  /** Returns a directory in which nothing is made. */
  static StoreDirectory existingAt(Path path) throws IOException {
    StoreDirectory directory = new StoreDirectory(path.toRealPath());
    if (!Files.exists(directory.meta())) {
      throw new NoSuchFileException(directory.meta().toString(), null, "there is no store");
    }
    return directory;
  }

  // Opening -------------------------------------------------------------------------------------

  /** Opens the store that is there. */
  Sealer open(Keys keys) throws IOException {
    return Sealer.open(keys.keys(false), Files.readAllBytes(meta()));
  }

  /** Opens the store, and makes it if there is none. */
  Sealer openOrMake(Keys keys, FileLocks locks, TimeSource time) throws IOException {
    try (FileLocks.Held held = locks.lock(FileLocks.SETUP, time)) {
      Files.deleteIfExists(unfinished());
      return Files.exists(meta()) ? resealed(open(keys)) : makeMeta(keys);
    }
  }

  /** Written by who has the lock for setting up. */
  private Path unfinished() {
    return root.resolve(META + DurableFiles.UNFINISHED);
  }

  private Sealer makeMeta(Keys keys) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(records())) {
      if (files.iterator().hasNext()) {
        throw new TokenStoreException(
            Reason.UNREADABLE_RECORD,
            meta() + ": the store's meta record is missing, but there are records",
            null);
      }
    }
    KeyProvider provider = keys.keys(true);
    byte[] meta = Sealer.newMeta(provider);
    replaceMeta(meta);
    return Sealer.open(provider, meta);
  }

  private Sealer resealed(Sealer sealer) throws IOException {
    if (!metaKeyId().equals(sealer.primaryKeyId())) {
      replaceMeta(sealer.meta());
    }
    return sealer;
  }

  /** Seals the meta record with what is the primary key now. */
  void resealMeta(Sealer sealer, FileLocks locks, TimeSource time) throws IOException {
    try (FileLocks.Held held = locks.lock(FileLocks.SETUP, time)) {
      resealed(sealer);
    }
  }

  private void replaceMeta(byte[] meta) throws IOException {
    DurableFiles.replace(meta(), unfinished(), meta);
  }

  /** Returns the id of the key that the meta record is sealed with. */
  String metaKeyId() throws IOException {
    try {
      return Envelope.of(Files.readAllBytes(meta())).keyId();
    } catch (Fields.MalformedException e) {
      throw new TokenStoreException(
          Reason.UNREADABLE_RECORD, "the store's meta record is damaged", e);
    }
  }

  // Checks --------------------------------------------------------------------------------------

  /** Tells of what type the file system of a directory is. */
  @FunctionalInterface
  interface FileSystemType {

    String of(Path directory) throws IOException;
  }

  /** X10: a lock that only one machine knows of is none. */
  void refuseNetwork(FileSystemType fileSystem) throws IOException {
    String type = fileSystem.of(root);
    if (isNetwork(type)) {
      throw new TokenStoreException(
          Reason.UNSAFE,
          root
              + ": is on a network file system ("
              + type
              + "), whose locks and renames may not hold between machines; use a local disk or a"
              + " database, or allow it if only this machine uses it",
          null);
    }
  }

  static boolean isNetwork(String type) {
    return NETWORK.stream().anyMatch(type.toLowerCase(Locale.ROOT)::contains);
  }

  /**
   * Refuses what others than the owner may use.
   *
   * @param repair whether to take it from the others instead
   */
  void checkModes(boolean repair) throws IOException {
    Modes modes = Modes.of(root);
    if (modes == Modes.NONE) {
      return;
    }
    for (Path each : directories()) {
      if (Files.exists(each)) {
        checkMode(modes, each, repair);
      }
    }
    for (Path each : directories()) {
      if (Files.exists(each)) {
        checkModesIn(modes, each, repair);
      }
    }
  }

  private static void checkModesIn(Modes modes, Path directory, boolean repair) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        checkMode(modes, file, repair);
      }
    }
  }

  private static void checkMode(Modes modes, Path path, boolean repair) throws IOException {
    try {
      if (repair) {
        modes.keepToOwner(path);
      } else {
        modes.refuseIfOthersMayUse(path);
      }
    } catch (NoSuchFileException e) {
      // Another process has just moved it.
    }
  }

  /**
   * Writes, reads and deletes a file as a record is written, and sees that its owner is the
   * directory's: what one user writes another could not read.
   */
  void probe(FileLocks locks, TimeSource time) throws IOException {
    byte[] text = HexFormat.of().formatHex(DataKey.random(8)).getBytes(StandardCharsets.US_ASCII);
    Path probe = root.resolve(PROBE);
    try (FileLocks.Held held = locks.lock(FileLocks.SETUP, time)) {
      DurableFiles.replace(probe, unfinished(), text);
      boolean same = Arrays.equals(text, Files.readAllBytes(probe));
      String owner = Files.getOwner(probe).getName();
      Files.delete(probe);
      if (!same) {
        throw new IOException("what was written could not be read back");
      }
      refuseOtherOwner(owner);
    }
  }

  private void refuseOtherOwner(String us) throws IOException {
    String owner = Files.getOwner(root).getName();
    if (Modes.of(root) == Modes.POSIX && !owner.equals(us)) {
      throw new TokenStoreException(
          Reason.UNSAFE,
          root + ": belongs to " + owner + ", who could not read what " + us + " writes",
          null);
    }
  }

  /** Removes what writers have left behind that died: whoever still writes has the lock. */
  void removeUnfinishedRecords(FileLocks locks) throws IOException {
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(records(), "*" + DurableFiles.UNFINISHED)) {
      for (Path file : files) {
        Matcher name = UNFINISHED_RECORD.matcher(String.valueOf(file.getFileName()));
        int stripe = name.matches() ? Integer.parseInt(name.group(1)) : FileLocks.STRIPES;
        if (stripe < FileLocks.STRIPES) {
          removeUnfinished(file, stripe, locks);
        }
      }
    }
  }

  private static void removeUnfinished(Path file, int stripe, FileLocks locks) throws IOException {
    try (FileLocks.Held held = locks.lockIfFree(stripe)) {
      if (held != null) {
        Files.deleteIfExists(file);
      }
    }
  }
}
