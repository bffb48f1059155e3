package io.tradeauth.store;

class JdbcH2SetBackTest extends SetBackTest {

  @Override
  SetBackPlace newPlace() throws Exception {
    return SetBackPlace.in(TestDatabase.H2);
  }
}
