package io.tradeauth.store;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;
import io.tradeauth.testing.TokenStoreContract;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;

/** Rows in PostgreSQL behind a pooler in transaction mode keep the whole protocol. */
class JdbcPgBouncerContractTest extends TokenStoreContract {

  private @Nullable HikariDataSource pool;

  @Override
  protected TokenStore newStore() throws Exception {
    pool = PgBouncer.newPool();
    return TestDatabase.open(pool);
  }

  @Override
  protected TokenStore asAnotherProcessSeesIt(TokenStore store) {
    return TestDatabase.open(pool);
  }

  @Override
  protected int rounds() {
    return 10;
  }

  @AfterEach
  void close() {
    if (pool != null) {
      pool.close();
    }
  }
}
