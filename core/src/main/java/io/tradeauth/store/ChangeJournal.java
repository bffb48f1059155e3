package io.tradeauth.store;

import io.tradeauth.TimeSource;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.Change;
import io.tradeauth.TokenStore.Changes;
import io.tradeauth.TokenStoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/**
 * Who was superseded or forgotten, in segments that are only appended to; the oldest are deleted.
 *
 * <p>A cursor is the number of a segment and a place in it. Readers take no lock unless what they
 * find is not whole. Nothing is forced to the disk: only processes that are alive want to know, and
 * after a power cut there are none.
 *
 * <p>For any number of threads and processes.
 */
final class ChangeJournal {

  private static final int SEGMENTS = 4;
  private static final int HEAD = Integer.BYTES;

  private final Path directory;
  private final Sealer sealer;
  private final FileLocks locks;
  private final TimeSource time;
  private final int segmentBytes;
  private final boolean readOnly;

  /** What could not be written yet; of each record the last. */
  private final ConcurrentMap<TokenStore.Key, Change> untold = new ConcurrentHashMap<>();

  ChangeJournal(
      Path directory,
      Sealer sealer,
      FileLocks locks,
      TimeSource time,
      int segmentBytes,
      boolean readOnly) {
    this.directory = directory;
    this.sealer = sealer;
    this.locks = locks;
    this.time = time;
    this.segmentBytes = segmentBytes;
    this.readOnly = readOnly;
  }

  /** A place in the journal. */
  private record Cursor(long segment, long offset) {

    static final Cursor START = new Cursor(1, 0);

    /** Reads a cursor; null if this is none. */
    static @Nullable Cursor parse(String text) {
      int colon = text.indexOf(':');
      try {
        return new Cursor(
            Long.parseLong(text.substring(0, Math.max(colon, 0))),
            Long.parseLong(text.substring(colon + 1)));
      } catch (NumberFormatException e) {
        return null;
      }
    }

    byte[] place() {
      return ByteBuffer.allocate(2 * Long.BYTES).putLong(segment).putLong(offset).array();
    }

    Cursor plus(long bytes) {
      return new Cursor(segment, offset + bytes);
    }

    @Override
    public String toString() {
      return segment + ":" + offset;
    }
  }

  // Writing -------------------------------------------------------------------------------------

  /**
   * Tells of a change that was made: now, or when it can be written.
   *
   * @return whether it was told
   */
  boolean append(Change change) {
    untold.put(change.key(), change);
    return tellAll();
  }

  private boolean tellAll() {
    try (FileLocks.Held held = locks.lock(FileLocks.JOURNAL, time)) {
      for (Change change : untold.values()) {
        write(change);
        untold.remove(change.key(), change);
      }
      return true;
    } catch (IOException | TokenStoreException e) {
      return false;
    }
  }

  private void write(Change change) throws IOException {
    Cursor end = end();
    if (end.equals(Cursor.START)) {
      create(end);
    } else if (end.offset() >= segmentBytes) {
      end = nextSegment(end);
    }
    byte[] sealed = sealer.sealChange(end.place(), change);
    write(end, ByteBuffer.allocate(HEAD + sealed.length).putInt(sealed.length).put(sealed));
  }

  private Cursor end() throws IOException {
    TreeSet<Long> segments = segments();
    return segments.isEmpty()
        ? Cursor.START
        : new Cursor(segments.last(), Files.size(path(segments.last())));
  }

  private void create(Cursor segment) throws IOException {
    try {
      Files.createFile(path(segment.segment()), Modes.of(directory).ofFile());
    } catch (FileAlreadyExistsException e) {
      // By a process that died before it wrote to it.
    }
  }

  private Cursor nextSegment(Cursor end) throws IOException {
    Cursor next = new Cursor(end.segment() + 1, 0);
    create(next);
    for (long segment : segments().headSet(next.segment() - SEGMENTS, true)) {
      Files.deleteIfExists(path(segment));
    }
    return next;
  }

  private void write(Cursor at, ByteBuffer entry) throws IOException {
    try (FileChannel channel = FileChannel.open(path(at.segment()), StandardOpenOption.WRITE)) {
      entry.flip();
      long offset = at.offset();
      while (entry.hasRemaining()) {
        offset += channel.write(entry, offset);
      }
    }
  }

  private Path path(long segment) {
    return directory.resolve(Long.toString(segment));
  }

  private TreeSet<Long> segments() throws IOException {
    TreeSet<Long> segments = new TreeSet<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        Cursor cursor = Cursor.parse(file.getFileName() + ":0");
        if (cursor != null) {
          segments.add(cursor.segment());
        }
      }
    }
    return segments;
  }

  // Reading -------------------------------------------------------------------------------------

  Changes since(@Nullable String cursor) throws IOException {
    if (!untold.isEmpty()) {
      tellAll(); // or the next time
    }
    if (cursor == null) {
      return new Changes(lockedEnd(), List.of(), false);
    }
    Cursor from = Cursor.parse(cursor);
    Changes changes = from == null ? null : read(from);
    return changes == null ? lookAgain(from) : changes;
  }

  /** Behind the last entry that is whole; nobody writes meanwhile. */
  private String lockedEnd() throws IOException {
    if (readOnly) {
      return end().toString();
    }
    try (FileLocks.Held held = locks.lock(FileLocks.JOURNAL, time)) {
      return end().toString();
    }
  }

  /** What is not whole may only have been under way. */
  private Changes lookAgain(@Nullable Cursor from) throws IOException {
    if (readOnly) {
      return new Changes(end().toString(), List.of(), true);
    }
    try (FileLocks.Held held = locks.lock(FileLocks.JOURNAL, time)) {
      Changes changes = from == null ? null : read(from);
      return changes == null ? new Changes(end().toString(), List.of(), true) : changes;
    }
  }

  /** Returns what came after a place, or null if that can't be told from what is there. */
  private @Nullable Changes read(Cursor from) throws IOException {
    TreeSet<Long> segments = segments();
    if (segments.isEmpty() && from.equals(Cursor.START)) {
      return new Changes(from.toString(), List.of(), false);
    }
    if (!segments.contains(from.segment())) {
      return null;
    }
    List<Change> changes = new ArrayList<>();
    Cursor end = from;
    for (long segment : segments.tailSet(from.segment())) {
      Cursor start = segment == from.segment() ? from : new Cursor(segment, 0);
      end = readSegment(start, changes);
      if (end == null) {
        return null;
      }
    }
    return new Changes(end.toString(), changes, false);
  }

  private @Nullable Cursor readSegment(Cursor start, List<Change> into) throws IOException {
    ByteBuffer rest = rest(start);
    Cursor at = start;
    while (rest != null && rest.hasRemaining()) {
      int length = rest.remaining() < HEAD ? -1 : rest.getInt();
      if (length < 0 || length > rest.remaining()) {
        return null;
      }
      byte[] sealed = new byte[length];
      rest.get(sealed);
      try {
        into.add(sealer.openChange(at.place(), sealed));
      } catch (TokenStoreException e) {
        return null;
      }
      at = at.plus(HEAD + length);
    }
    return rest == null ? null : at;
  }

  /** Returns what a segment has from a place on, or null if it does not reach so far. */
  private @Nullable ByteBuffer rest(Cursor from) throws IOException {
    try (FileChannel channel = FileChannel.open(path(from.segment()), StandardOpenOption.READ)) {
      long length = channel.size() - from.offset();
      if (length < 0 || from.offset() < 0) {
        return null;
      }
      ByteBuffer rest = ByteBuffer.allocate((int) length);
      long offset = from.offset();
      while (rest.hasRemaining()) {
        int read = channel.read(rest, offset);
        if (read < 0) {
          break;
        }
        offset += read;
      }
      return rest.flip();
    } catch (NoSuchFileException e) {
      return null;
    }
  }
}
