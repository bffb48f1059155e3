package io.tradeauth.store;

import io.tradeauth.TokenStore;

/** Processes killed that keep tokens in files. */
class FileCrashTest extends CrashContract {

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
