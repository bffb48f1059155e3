package io.tradeauth.store;

import io.tradeauth.TimeSource;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The locks of one directory, held against all other threads, stores and processes.
 *
 * <p>An operating system gives up a process's lock on a file as soon as the process closes
 * <em>any</em> channel on it, and locks a file that was deleted and made anew a second time. So
 * lock files are never deleted, and all stores of this JVM on one directory share one instance of
 * this class, found in a static registry, which alone opens them. A thread takes the lock of the
 * JVM first, so that at most one channel operation on a file is under way. Classes loaded a second
 * time have a registry of their own; they are waited for as if they were another process.
 *
 * <p>Lock order: a stripe, then {@link #JOURNAL}. {@link #SETUP} is held alone.
 */
final class FileLocks implements AutoCloseable {

  /** How many locks the records share. */
  static final int STRIPES = 64;

  /** The number of the lock for what is written after a record. */
  static final int JOURNAL = STRIPES;

  /** The number of the lock for making a store and its meta record. */
  static final int SETUP = STRIPES + 1;

  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final long SHORTEST_PAUSE = TimeUnit.MICROSECONDS.toNanos(50);
  private static final long LONGEST_PAUSE = TimeUnit.MILLISECONDS.toNanos(5);

  private static final ReentrantLock REGISTRY_LOCK = new ReentrantLock();
  private static final Map<Object, FileLocks> REGISTRY = new HashMap<>();

  /** Unreachable, they would be closed, and whatever locks this process has then would be lost. */
  private static final List<FileChannel> LEFT_OPEN = new ArrayList<>();

  private final Object identity;
  private final OneFile[] files = new OneFile[STRIPES + 2];
  private int users;

  private FileLocks(Object identity, Path directory) {
    this.identity = identity;
    Arrays.setAll(files, number -> new OneFile(directory.resolve(name(number))));
  }

  private static String name(int number) {
    return number == JOURNAL ? "journal" : number == SETUP ? "setup" : Integer.toString(number);
  }

  /** Returns the locks whose files are in this directory, for one more user. */
  static FileLocks of(Path directory) throws IOException {
    Object identity = identity(directory);
    REGISTRY_LOCK.lock();
    try {
      FileLocks locks =
          REGISTRY.computeIfAbsent(identity, newOne -> new FileLocks(newOne, directory));
      locks.users++;
      return locks;
    } finally {
      REGISTRY_LOCK.unlock();
    }
  }

  /** Whatever path leads to it. */
  private static Object identity(Path directory) throws IOException {
    Object fileKey = Files.readAttributes(directory, BasicFileAttributes.class).fileKey();
    return fileKey == null ? directory.toRealPath() : fileKey;
  }

  /**
   * Waits for a lock and takes it.
   *
   * @throws TokenStoreException if another process has held it for 5 s
   */
  Held lock(int number, TimeSource time) throws IOException {
    OneFile file = files[number];
    file.threads.lock();
    FileLock lock = null;
    try {
      lock = file.take(time);
    } finally {
      if (lock == null) {
        file.threads.unlock();
      }
    }
    return new Held(file, lock);
  }

  /** Takes a lock if nobody has it; returns null if somebody has. */
  @Nullable Held lockIfFree(int number) throws IOException {
    OneFile file = files[number];
    if (!file.threads.tryLock()) {
      return null;
    }
    FileLock lock = null;
    try {
      lock = file.tryOnce();
    } finally {
      if (lock == null) {
        file.threads.unlock();
      }
    }
    return lock == null ? null : new Held(file, lock);
  }

  /** Ends one use; with the last one of this JVM the files are closed. */
  @Override
  public void close() {
    REGISTRY_LOCK.lock();
    try {
      users--;
      if (users == 0) {
        REGISTRY.remove(identity);
        for (OneFile file : files) {
          file.close();
        }
      }
    } finally {
      REGISTRY_LOCK.unlock();
    }
  }

  /** A lock that is held until it is closed, by the thread that took it. */
  static final class Held implements AutoCloseable {

    private final OneFile file;
    private final FileLock lock;

    private Held(OneFile file, FileLock lock) {
      this.file = file;
      this.lock = lock;
    }

    @Override
    public void close() {
      try {
        file.release(lock);
      } finally {
        file.threads.unlock();
      }
    }
  }

  /** One lock file. All but {@link #threads} is guarded by it. */
  private static final class OneFile {

    final ReentrantLock threads = new ReentrantLock();
    private final Path path;
    private @Nullable FileChannel channel;
    private boolean closed;

    OneFile(Path path) {
      this.path = path;
    }

    FileLock take(TimeSource time) throws IOException {
      long start = time.monotonicNanos();
      long pause = SHORTEST_PAUSE;
      while (true) {
        FileLock lock = tryOnce();
        if (lock != null) {
          return lock;
        }
        if (time.monotonicNanos() - start > PATIENCE.toNanos()) {
          throw new TokenStoreException(
              Reason.WRITE_FAILED,
              path + ": another process has held this lock for " + PATIENCE.toSeconds() + " s",
              null);
        }
        LockSupport.parkNanos(this, pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }

    private @Nullable FileLock tryOnce() throws IOException {
      try {
        return open().tryLock();
      } catch (OverlappingFileLockException e) {
        return null; // these classes, loaded a second time
      }
    }

    private FileChannel open() throws IOException {
      FileChannel current = channel;
      if (current == null || !current.isOpen()) {
        if (closed) {
          throw new ClosedChannelException(); // its lock would belong to nobody that closes it
        }
        current =
            FileChannel.open(
                path,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
                Modes.of(path).ofFile());
        channel = current;
      }
      return current;
    }

    void release(FileLock lock) {
      try {
        lock.release();
      } catch (IOException e) {
        // An interrupt has closed the channel, or this does: either way the lock is given up.
        closeChannel();
      }
    }

    /**
     * Closes the file while no thread holds it. If somebody else holds it, that may be classes
     * loaded a second time, from whom closing would take it: it stays open.
     */
    void close() {
      threads.lock();
      try {
        closed = true;
        FileChannel current = channel;
        if (current != null && current.isOpen()) {
          if (tryOnce() == null) {
            LEFT_OPEN.add(current);
          } else {
            closeChannel();
          }
        }
      } catch (IOException e) {
        closeChannel();
      } finally {
        threads.unlock();
      }
    }

    private void closeChannel() {
      FileChannel current = channel;
      channel = null;
      if (current != null) {
        try {
          current.close();
        } catch (IOException e) {
          // It is closed nevertheless, and there was nothing to write.
        }
      }
    }
  }
}
