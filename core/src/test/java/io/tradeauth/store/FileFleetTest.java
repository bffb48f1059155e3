package io.tradeauth.store;

/** Four processes over one directory. */
class FileFleetTest extends FleetContract {

  @Override
  Address newAddress() throws Exception {
    return Address.inFiles();
  }
}
