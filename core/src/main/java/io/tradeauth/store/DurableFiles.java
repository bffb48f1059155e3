package io.tradeauth.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * Writes that survive a power cut once they have returned, and leave the old or the new content
 * whole at any moment before.
 *
 * <p>The directory is forced, too: without that an acknowledged rename is lost. Windows can't do
 * it; what is promised there is less.
 */
final class DurableFiles {

  /** What the name of a file ends with that is not yet in its place. */
  static final String UNFINISHED = ".tmp";

  private static final Set<OpenOption> OVERWRITE =
      Set.of(
          StandardOpenOption.CREATE,
          StandardOpenOption.WRITE,
          StandardOpenOption.TRUNCATE_EXISTING);

  private DurableFiles() {}

  /**
   * Puts a file in its place, whatever was there.
   *
   * @param unfinished where it is until then, in the same directory; nobody else writes there
   */
  static void replace(Path file, Path unfinished, byte[] content) throws IOException {
    try {
      write(unfinished, content);
      Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | RuntimeException e) {
      deleteAfter(e, unfinished);
      throw e;
    }
    force(directory(file));
  }

  private static Path directory(Path file) {
    Path parent = file.getParent();
    if (parent == null) {
      throw new IllegalArgumentException("file: must be in a directory: " + file);
    }
    return parent;
  }

  private static void write(Path file, byte[] content) throws IOException {
    try (FileChannel channel = FileChannel.open(file, OVERWRITE, Modes.of(file).ofFile())) {
      ByteBuffer rest = ByteBuffer.wrap(content);
      while (rest.hasRemaining()) {
        channel.write(rest);
      }
      channel.force(true);
    }
  }

  private static void deleteAfter(Exception failure, Path unfinished) {
    try {
      Files.deleteIfExists(unfinished);
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  /**
   * Makes a file that is not there yet, with all of its content.
   *
   * @throws FileAlreadyExistsException if it is
   */
  static void create(Path file, byte[] content) throws IOException {
    Path directory = directory(file);
    Path unfinished =
        Files.createTempFile(
            directory, file.getFileName() + ".", UNFINISHED, Modes.of(directory).ofFile());
    try {
      write(unfinished, content);
      Files.createLink(file, unfinished);
    } finally {
      Files.delete(unfinished);
    }
    force(directory);
  }

  /** Makes what has happened to the names in a directory durable. */
  static void force(Path directory) throws IOException {
    if (Modes.of(directory) == Modes.NONE) {
      return;
    }
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
