package io.tradeauth;

import io.tradeauth.testing.SharedStoreContract;

/** Two managers over one store in memory behave as two processes. */
class InMemorySharedStoreTest extends SharedStoreContract {

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
