/** Tokens for TradeStation. */
module io.tradeauth.tradestation {
  requires transitive io.tradeauth;
  requires static org.jspecify;

  exports io.tradeauth.tradestation;
}
