package io.tradeauth.examples;

import io.tradeauth.Broker;
import io.tradeauth.Grant;
import io.tradeauth.tastytrade.Tastytrade;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import okhttp3.Request;

/** tastytrade: everybody has copied client secret and refresh token from the web pages, once. */
final class TastytradeMarket extends Market {

  private final Environment live;
  private final Broker broker;
  private final Map<String, User> users = new LinkedHashMap<>();

  TastytradeMarket(DayClock clock, int count) {
    this(new TastytradeSimulator(clock.time()), clock, count);
  }

  private TastytradeMarket(TastytradeSimulator simulator, DayClock clock, int count) {
    super("tastytrade", simulator, clock);
    live = simulator.live();
    broker = Tastytrade.at(Tastytrade.LIVE, live.api(), live.authorizePage(), live.streamer());
    names("ann", count).forEach(name -> users.put(name, live.addUser(name)));
  }

  @Override
  Broker broker() {
    return broker;
  }

  @Override
  List<String> users() {
    return List.copyOf(users.keySet());
  }

  private User user(String name) {
    User user = users.get(name);
    if (user == null) {
      throw new IllegalArgumentException("user: " + name);
    }
    return user;
  }

  @Override
  Grant grant(String user, Tokens tokens) {
    return Tastytrade.grant(user(user).clientSecret(), user(user).refreshToken());
  }

  @Override
  void endTokens(String user) {
    user(user).revokeAccessTokens();
  }

  @Override
  Request.Builder read(String user) {
    return get(live.api() + "/customers/me/accounts");
  }

  @Override
  Request.Builder order(String user, String answer) {
    return post(live.api() + "/accounts/" + user(user).accounts().get(0) + "/orders", "{}");
  }

  @Override
  Instant endOfToken(Instant issuedAt) {
    return issuedAt.plus(Duration.ofMinutes(15));
  }

  @Override
  Set<String> exchangeEndpoints() {
    return Set.of(TastytradeSimulator.TOKEN);
  }

  @Override
  Set<String> humanEndpoints() {
    return Set.of(TastytradeSimulator.AUTHORIZE);
  }

  @Override
  String readEndpoint() {
    return TastytradeSimulator.ACCOUNTS;
  }

  @Override
  String orderEndpoint() {
    return TastytradeSimulator.ORDERS;
  }
}
