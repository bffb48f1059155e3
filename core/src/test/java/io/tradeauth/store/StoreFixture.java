package io.tradeauth.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Directories for stores, and the stores that were opened there; both go with it.
 *
 * <p>They are in memory where there is such a file system: what is tested is the protocol, and a
 * disk takes milliseconds for what nobody will cut the power of.
 */
final class StoreFixture implements AutoCloseable {

  static final KeyProvider KEYS = KeyProvider.of(Samples.key(1));
  private static final Path MEMORY = Path.of("/dev/shm");

  private final List<AutoCloseable> opened = new ArrayList<>();
  private final List<Path> directories = new ArrayList<>();

  Path newDirectory() throws IOException {
    return made(
        Files.isWritable(MEMORY)
            ? Files.createTempDirectory(MEMORY, "tradeauth-test")
            : Files.createTempDirectory("tradeauth-test"));
  }

  /** Returns a directory on a disk, where a write takes as long as it takes. */
  Path newDirectoryOnDisk() throws IOException {
    return made(Files.createTempDirectory("tradeauth-test"));
  }

  private Path made(Path directory) {
    directories.add(directory);
    return directory.resolve("store");
  }

  FileTokenStore open(Path directory) {
    return open(FileTokenStore.builder(directory, KEYS));
  }

  FileTokenStore open(Path directory, KeyProvider keys) {
    return open(FileTokenStore.builder(directory, keys));
  }

  FileTokenStore open(FileTokenStore.Builder builder) {
    return opened(builder.open());
  }

  FileTokenStore opened(FileTokenStore store) {
    opened.add(store);
    return store;
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable one : opened) {
      one.close();
    }
    for (Path directory : directories) {
      delete(directory);
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : (Iterable<Path>) all.sorted(Comparator.reverseOrder())::iterator) {
        Files.delete(path);
      }
    }
  }
}
