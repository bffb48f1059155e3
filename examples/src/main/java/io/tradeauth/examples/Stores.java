package io.tradeauth.examples;

import io.tradeauth.TokenStore;
import io.tradeauth.store.FileTokenStore;
import io.tradeauth.store.JdbcTokenStore;
import io.tradeauth.store.KeyProvider;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.sql.DataSource;

/**
 * Where tokens are kept, as an argument says: {@code memory}; {@code file:DIRECTORY}, whose key is
 * in the file {@code DIRECTORY.key}; or {@code jdbc:URL} of a PostgreSQL, H2 or SQLite database,
 * whose driver is on the class path and whose key is in the environment variable {@code
 * TRADEAUTH_KEY}. Directories, files and tables are made on first use.
 */
final class Stores implements AutoCloseable {

  private static final String KEY = "TRADEAUTH_KEY";

  private final String name;
  private final TokenStore store;
  private final AutoCloseable opened;

  private Stores(String name, TokenStore store, AutoCloseable opened) {
    this.name = name;
    this.store = store;
    this.opened = opened;
  }

  /**
   * Opens a store.
   *
   * @throws IllegalArgumentException if there is none of that kind
   */
  static Stores open(String spec) {
    if (spec.equals("memory")) {
      return new Stores("memory", TokenStore.inMemory(), () -> {});
    } else if (spec.startsWith("file:") && spec.length() > "file:".length()) {
      FileTokenStore files = files(Path.of(spec.substring("file:".length())));
      return new Stores("files", files, files);
    } else if (spec.startsWith("jdbc:")) {
      DriverManagerSource source = new DriverManagerSource(spec);
      return new Stores("a database", database(source), source);
    }
    throw new IllegalArgumentException("--store=: memory, file:DIRECTORY or jdbc:URL, not " + spec);
  }

  private static FileTokenStore files(Path directory) {
    Path key = directory.resolveSibling(directory.getFileName() + ".key");
    if (!Files.exists(key)) {
      KeyProvider.newFile(key);
    }
    return FileTokenStore.at(directory, KeyProvider.file(key));
  }

  private static JdbcTokenStore database(DataSource source) {
    if (System.getenv(KEY) == null) {
      throw new IllegalArgumentException(
          KEY + ": not set; 32 bytes in Base64, which the records in the database are sealed with");
    }
    // block: database
    return JdbcTokenStore.builder(source, KeyProvider.environment("TRADEAUTH_KEY"))
        .createSchema() // or run the script in the jar by hand, and leave this out
        .open();
    // end of block: database
  }

  TokenStore get() {
    return store;
  }

  @Override
  public String toString() {
    return name;
  }

  @Override
  public void close() {
    try {
      opened.close();
    } catch (Exception e) {
      throw new IllegalStateException("the store could not be closed", e);
    }
  }
}
