package io.tradeauth.store;

/** Four processes over one PostgreSQL that syncs what it has committed. */
class JdbcPostgresqlFleetTest extends FleetContract {

  @Override
  Address newAddress() throws Exception {
    return Address.inPostgresql();
  }
}
