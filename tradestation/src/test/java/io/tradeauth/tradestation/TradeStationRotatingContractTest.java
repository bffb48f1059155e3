package io.tradeauth.tradestation;

import io.tradeauth.tradestation.TradeStation.RefreshTokens;

/** With a key whose refresh tokens are good for one use. */
class TradeStationRotatingContractTest extends TradeStationContract {

  TradeStationRotatingContractTest() {
    super(RefreshTokens.ROTATING);
  }
}
