package io.tradeauth;

import io.tradeauth.testing.TokenStoreContract;

/** The store in memory keeps the whole protocol. */
class InMemoryTokenStoreTest extends TokenStoreContract {

  @Override
  protected TokenStore newStore() {
    return TokenStore.inMemory();
  }

  /** There is no other process. */
  @Override
  protected TokenStore asAnotherProcessSeesIt(TokenStore store) {
    return store;
  }
}
