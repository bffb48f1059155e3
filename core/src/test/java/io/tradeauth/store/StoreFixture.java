package io.tradeauth.store;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Directories for stores, and the stores that were opened there; both go with it. */
final class StoreFixture implements AutoCloseable {

  static final KeyProvider KEYS = KeyProvider.of(Samples.key(1));

  private final List<AutoCloseable> opened = new ArrayList<>();
  private final List<Path> directories = new ArrayList<>();

  Path newDirectory() throws IOException {
    Path directory = TestPlace.newDirectory("test");
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
      TestPlace.delete(directory);
    }
  }
}
