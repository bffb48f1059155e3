package io.tradeauth.store;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;

/** Processes killed that keep tokens in a PostgreSQL that syncs what it has committed. */
class JdbcPostgresqlCrashTest extends CrashContract {

  private HikariDataSource pool;

  @Override
  String newAddress() throws Exception {
    return TestDatabase.POSTGRESQL.newAddress();
  }

  @Override
  TokenStore open(String address) {
    pool = TestDatabase.pool(address, settings -> {});
    return FleetMember.open(pool);
  }

  @Override
  void clean() {
    pool.close();
  }
}
