package io.tradeauth.examples;

import io.tradeauth.TokenStore;
import io.tradeauth.testing.SharedStoreContract;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** Two managers over a database that the library does not know behave as two processes. */
class HsqldbSharedTest extends SharedStoreContract {

  @TempDir Path directory;
  private HsqldbFixture database;

  @Override
  protected TokenStore newStore() {
    database = new HsqldbFixture(directory, ";hsqldb.write_delay=false");
    return database.open();
  }

  @Override
  protected TokenStore asAnotherProcessSeesIt(TokenStore store) {
    return database.open();
  }

  @AfterEach
  void close() throws Exception {
    database.close();
  }
}
