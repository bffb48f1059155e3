package io.tradeauth.store;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;
import io.tradeauth.testing.TokenStoreContract;
import org.junit.jupiter.api.AfterEach;

/** Rows in POSTGRESQL keep the whole protocol. */
class JdbcPostgresqlContractTest extends TokenStoreContract {

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

  @Override
  protected int rounds() {
    return 30;
  }

  @AfterEach
  void close() {
    pool.close();
  }
}
