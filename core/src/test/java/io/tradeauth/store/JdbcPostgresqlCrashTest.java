package io.tradeauth.store;

/** Processes killed that keep tokens in a PostgreSQL that syncs what it has committed. */
class JdbcPostgresqlCrashTest extends CrashContract {

  @Override
  Address newAddress() throws Exception {
    return Address.inPostgresql();
  }
}
