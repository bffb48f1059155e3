package io.tradeauth.tradestation;

import io.tradeauth.tradestation.TradeStation.RefreshTokens;

/** With a key whose refresh tokens never change. */
class TradeStationLastingContractTest extends TradeStationContract {

  TradeStationLastingContractTest() {
    super(RefreshTokens.LASTING);
  }
}
