package io.tradeauth.store;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;
import io.tradeauth.testing.SharedStoreContract;
import org.junit.jupiter.api.AfterEach;

/**
 * Two managers, each with its own store over one database in POSTGRESQL, behave as two processes.
 */
class JdbcPostgresqlSharedTest extends SharedStoreContract {

  private HikariDataSource pool;

  @Override
  protected TokenStore newStore() throws Exception {
    pool = TestDatabase.POSTGRESQL.newPool();
    return TestDatabase.open(pool);
  }

  @Override
  protected TokenStore asAnotherProcessSeesIt(TokenStore store) {
    return TestDatabase.open(pool);
  }

  @AfterEach
  void close() {
    pool.close();
  }
}
