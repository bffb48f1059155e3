/** Tokens for Upstox. */
module io.tradeauth.upstox {
  requires transitive io.tradeauth;
  requires static org.jspecify;

  exports io.tradeauth.upstox;
}
