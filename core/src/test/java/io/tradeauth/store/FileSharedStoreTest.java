package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.testing.SharedStoreContract;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;

/** Two managers, each with its own store over one directory, behave as two processes. */
class FileSharedStoreTest extends SharedStoreContract {

  private final StoreFixture fixture = new StoreFixture();
  private Path directory;

  @Override
  protected TokenStore newStore() throws Exception {
    directory = fixture.newDirectory();
    return fixture.open(directory);
  }

  @Override
  protected TokenStore asAnotherProcessSeesIt(TokenStore store) {
    return fixture.open(directory);
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }
}
