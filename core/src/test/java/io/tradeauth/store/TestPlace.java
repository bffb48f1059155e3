package io.tradeauth.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * Where the files of stores and databases under test are: in memory where there is such a file
 * system. What is tested is the protocol, whichever disk it is on, and a build must not depend on
 * how long a busy one takes for what nobody will cut the power of. The long runs ({@code -Plong})
 * are told of a disk.
 */
final class TestPlace {

  private static final Path PLACE = Path.of(System.getProperty("tradeauth.stores", "/dev/shm"));

  private TestPlace() {}

  static Path newDirectory(String name) throws IOException {
    return Files.isWritable(PLACE)
        ? Files.createTempDirectory(PLACE, "tradeauth-" + name)
        : Files.createTempDirectory("tradeauth-" + name);
  }

  static void delete(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : (Iterable<Path>) all.sorted(Comparator.reverseOrder())::iterator) {
        Files.deleteIfExists(path);
      }
    }
  }
}
