package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.testing.TokenStoreContract;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;

/** Encrypted files keep the whole protocol. */
class FileTokenStoreContractTest extends TokenStoreContract {

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
