/** Tokens for Settrade. */
module io.tradeauth.settrade {
  requires transitive io.tradeauth;
  requires static org.jspecify;

  exports io.tradeauth.settrade;
}
