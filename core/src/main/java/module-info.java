/** Keeps every user of a trading application signed in to every broker. */
module io.tradeauth {
  requires transitive java.net.http;
  requires transitive okhttp3;
  requires com.fasterxml.jackson.core;
  requires com.github.benmanes.caffeine;
  requires org.slf4j;
  requires static java.sql;
  requires static org.jspecify;

  exports io.tradeauth;
  exports io.tradeauth.store;
}
