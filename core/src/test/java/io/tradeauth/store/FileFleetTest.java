package io.tradeauth.store;

import io.tradeauth.TokenStore;

/** Four processes over one directory. */
class FileFleetTest extends FleetContract {

  private final StoreFixture files = new StoreFixture();

  @Override
  String newAddress() throws Exception {
    return "file:" + files.newDirectory();
  }

  @Override
  TokenStore open(String address) {
    return files.opened((FileTokenStore) FleetMember.open(address));
  }

  @Override
  void clean() throws Exception {
    files.close();
  }
}
