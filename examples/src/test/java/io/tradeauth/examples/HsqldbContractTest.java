package io.tradeauth.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStoreException;
import io.tradeauth.testing.TokenStoreContract;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A database that the library does not know keeps the whole protocol, by a dialect of a page. */
class HsqldbContractTest extends TokenStoreContract {

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

  @Override
  protected int rounds() {
    return 10;
  }

  @Test
  void commitsThatAPowerCutLoses_refused() throws Exception {
    try (HsqldbFixture lossy = new HsqldbFixture(directory, "")) {
      TokenStoreException refusal = assertThrows(TokenStoreException.class, lossy::open);

      assertEquals(TokenStoreException.Reason.UNSAFE, refusal.reason());
      assertTrue(refusal.getMessage().contains("hsqldb.write_delay=false"), refusal.getMessage());
    }
  }

  @AfterEach
  void close() throws Exception {
    database.close();
  }
}
