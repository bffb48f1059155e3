package io.tradeauth.store;

class JdbcPostgresqlSetBackTest extends SetBackTest {

  @Override
  SetBackPlace newPlace() throws Exception {
    return SetBackPlace.in(TestDatabase.POSTGRESQL);
  }
}
