package io.tradeauth.store;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** The files of the records. Who writes holds the lock of the record's stripe. */
final class RecordFiles {

  private static final int NAME_LENGTH = 52;

  private final StoreDirectory directory;

  RecordFiles(StoreDirectory directory) {
    this.directory = directory;
  }

  /**
   * Where a record is.
   *
   * @param id the record's id
   * @param name what its file is called
   */
  record Slot(byte[] id, String name) {

    static Slot of(byte[] id) {
      return new Slot(id, Base32.encode(id));
    }

    /** Returns the number of its lock. */
    int stripe() {
      return Byte.toUnsignedInt(id[0]) % FileLocks.STRIPES;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Does something with a record. */
  @FunctionalInterface
  interface Visitor {

    void visit(Slot slot) throws IOException;
  }

  private Path path(Slot slot) {
    return directory.records().resolve(slot.name());
  }

  /** Returns what is in a file, or null if there is none. */
  @Nullable RecordFile read(Slot slot) throws IOException {
    try {
      return RecordFile.read(Files.readAllBytes(path(slot)));
    } catch (NoSuchFileException e) {
      if (!Files.isDirectory(directory.records())) {
        throw e; // the whole disk is gone, not this user
      }
      return null;
    }
  }

  void write(Slot slot, RecordFile file) throws IOException {
    DurableFiles.replace(path(slot), unfinished(slot), file.toBytes());
  }

  private Path unfinished(Slot slot) {
    return directory.records().resolve(slot.stripe() + "-" + slot.name() + DurableFiles.UNFINISHED);
  }

  /** Deletes what a process that died has left half-written; its lock is held. */
  void deleteUnfinished(Slot slot) throws IOException {
    Files.deleteIfExists(unfinished(slot));
  }

  /** Deletes a record; {@link #forceDirectory} makes that durable. */
  boolean delete(Slot slot) throws IOException {
    return Files.deleteIfExists(path(slot));
  }

  void forceDirectory() throws IOException {
    DurableFiles.force(directory.records());
  }

  /** Moves a damaged record aside, where somebody can look at it. */
  void quarantine(Slot slot) throws IOException {
    String unique = slot.name() + "." + HexFormat.of().formatHex(DataKey.random(4));
    try {
      Files.move(
          path(slot), directory.quarantine().resolve(unique), StandardCopyOption.ATOMIC_MOVE);
    } catch (NoSuchFileException e) {
      return; // another process was faster
    }
    DurableFiles.force(directory.quarantine());
    forceDirectory();
  }

  /** Deletes what of a record was moved aside. */
  void deleteQuarantined(Slot slot) throws IOException {
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(directory.quarantine(), slot.name() + ".*")) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    }
    DurableFiles.force(directory.quarantine());
  }

  /** Visits all records, in no order. One that comes or goes meanwhile is visited or not. */
  void each(Visitor visitor) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory.records())) {
      for (Path file : files) {
        String name = String.valueOf(file.getFileName());
        byte[] id = name.length() == NAME_LENGTH ? Base32.decode(name) : null;
        if (id != null) {
          visitor.visit(new Slot(id, name));
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }
}
