package io.tradeauth.store;

class JdbcSqliteSetBackTest extends SetBackTest {

  @Override
  SetBackPlace newPlace() throws Exception {
    return SetBackPlace.in(TestDatabase.SQLITE);
  }
}
