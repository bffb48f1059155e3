package io.tradeauth.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What is in a directory, to see whether it changes. */
final class Snapshot {

  private Snapshot() {}

  /** Returns the content of every file, by its path. */
  static Map<String, String> of(Path directory) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    for (Path file : files(directory)) {
      contents.put(
          directory.relativize(file).toString(),
          HexFormat.of().formatHex(Files.readAllBytes(file)));
    }
    return contents;
  }

  static List<Path> files(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return new ArrayList<>(all.filter(Files::isRegularFile).sorted().toList());
    }
  }

  /** Returns the only record of a store. */
  static Path theRecord(Path store) throws IOException {
    List<Path> records = files(store.resolve("records"));
    if (records.size() != 1) {
      throw new AssertionError("records: " + records);
    }
    return records.get(0);
  }
}
