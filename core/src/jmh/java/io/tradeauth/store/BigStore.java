package io.tradeauth.store;

import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.Version;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.stream.Stream;

/** A file store with many users, made faster than users sign in. */
public final class BigStore implements AutoCloseable {

  private static final String REALM = "bench";

  private final KeyProvider keys = KeyProvider.of(EncryptionKey.generate());
  private final Path directory;
  private final int users;

  /** Makes the store. */
  public BigStore(int users) throws IOException {
    this.users = users;
    this.directory = Files.createTempDirectory("tradeauth-big");
    FileTokenStore.at(directory, keys).close();
    Sealer sealer = Sealer.open(keys, Files.readAllBytes(directory.resolve("meta")));
    for (int i = 0; i < users; i++) {
      make(sealer, i);
    }
  }

  private void make(Sealer sealer, int user) throws IOException {
    Key key = new Key(Kind.LOGIN, REALM, "user-" + user);
    Content content =
        new Content(
            State.ACTIVE,
            Instant.EPOCH,
            key.subject().getBytes(StandardCharsets.UTF_8),
            new byte[1_500]);
    Path file = directory.resolve("records").resolve(Base32.encode(sealer.recordId(key)));
    Files.createFile(file, Modes.of(file).ofFile());
    Version version = new Version(Sealer.newGeneration(), 0);
    Files.write(file, new RecordFile(sealer.seal(key, version, content), null).toBytes());
  }

  /** Returns how long it takes to open the store, in seconds. */
  public double open() {
    long start = System.nanoTime();
    FileTokenStore.at(directory, keys).close();
    return (System.nanoTime() - start) / 1e9;
  }

  /** Returns how long it takes to list the labels of all users, in seconds. */
  public double list() {
    try (FileTokenStore store = FileTokenStore.at(directory, keys)) {
      long start = System.nanoTime();
      if (store.list(Kind.LOGIN, REALM).size() != users) {
        throw new IllegalStateException("not all are listed");
      }
      return (System.nanoTime() - start) / 1e9;
    }
  }

  @Override
  public void close() throws IOException {
    delete(directory);
  }

  /** Deletes a directory and all that is in it. */
  public static void delete(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : (Iterable<Path>) all.sorted(Comparator.reverseOrder())::iterator) {
        Files.delete(path);
      }
    }
  }
}
