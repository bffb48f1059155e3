/** Tokens for tastytrade. */
module io.tradeauth.tastytrade {
  requires transitive io.tradeauth;
  requires static org.jspecify;

  exports io.tradeauth.tastytrade;
}
