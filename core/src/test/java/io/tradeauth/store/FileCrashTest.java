package io.tradeauth.store;

/** Processes killed that keep tokens in files. */
class FileCrashTest extends CrashContract {

  @Override
  Address newAddress() throws Exception {
    return Address.inFiles();
  }
}
