package io.tradeauth.tastytrade;

import io.tradeauth.Broker;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import io.tradeauth.testing.BrokerContract;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.Simulator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** tastytrade keeps to what every broker must. */
class TastytradeContractTest extends BrokerContract {

  private final ManualClock clock = ManualClock.at("2026-03-02T14:30:00Z");
  private final TastytradeSimulator tastytrade = new TastytradeSimulator(clock);
  private final Environment live = tastytrade.live();
  private final Map<String, User> users = new HashMap<>();

  private synchronized User user(String name) {
    return users.computeIfAbsent(name, live::addUser);
  }

  @Override
  protected Simulator simulator() {
    return tastytrade;
  }

  @Override
  protected ManualClock clock() {
    return clock;
  }

  @Override
  protected Broker broker() {
    return Tastytrade.at(Tastytrade.LIVE, live.api(), live.authorizePage(), live.streamer());
  }

  @Override
  protected List<Broker> environments() {
    return List.of(Tastytrade.live(), Tastytrade.sandbox());
  }

  @Override
  protected Grant grant(String user) {
    return Tastytrade.grant(user(user).clientSecret(), user(user).refreshToken());
  }

  @Override
  protected ClientCredentials client(String user) {
    return ClientCredentials.of(user(user).clientId(), user(user).clientSecret());
  }

  @Override
  protected Map<String, Pattern> requiredHeaders() {
    return Map.of("User-Agent", Pattern.compile("tradeauth/.+"));
  }

  @Override
  protected String apiPath(String user) {
    return "/customers/me/accounts";
  }

  @Override
  protected void endAccessTokens(String user) {
    user(user).revokeAccessTokens();
  }

  @Override
  protected void endGrant(String user) {
    user(user).deleteGrant();
    user(user).revokeAccessTokens();
  }
}
