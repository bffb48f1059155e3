package io.tradeauth.settrade;

import io.tradeauth.Broker;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.settrade.testing.Credential;
import io.tradeauth.settrade.testing.SettradeSimulator;
import io.tradeauth.testing.BrokerContract;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.Simulator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Settrade keeps to what every broker must. */
class SettradeContractTest extends BrokerContract {

  private final ManualClock clock = ManualClock.at("2026-01-05T05:00:00Z");
  private final SettradeSimulator settrade = new SettradeSimulator(clock);
  private final Map<String, Credential> credentials = new HashMap<>();

  private synchronized Credential credential(String user) {
    return credentials.computeIfAbsent(user, name -> settrade.addUser("023", "ALGO_EQ"));
  }

  @Override
  protected Simulator simulator() {
    return settrade;
  }

  @Override
  protected ManualClock clock() {
    return clock;
  }

  @Override
  protected Broker broker() {
    return Settrade.at(Settrade.LIVE, settrade.api(), settrade.market());
  }

  @Override
  protected List<Broker> environments() {
    return List.of(Settrade.live(), Settrade.sandbox());
  }

  @Override
  protected Grant grant(String user) {
    return Settrade.grant(client(user));
  }

  @Override
  protected ClientCredentials client(String user) {
    Credential credential = credential(user);
    return Settrade.client(
        credential.brokerId(), credential.appCode(), credential.apiKey(), credential.appSecret());
  }

  @Override
  protected Map<String, Pattern> requiredHeaders() {
    return Map.of("User-Agent", Pattern.compile("tradeauth/.+"));
  }

  @Override
  protected String apiPath(String user) {
    return "/api/dispatcher/v3/023/token";
  }

  @Override
  protected Set<String> tokenEndpoints() {
    return Set.of("login", "refresh");
  }

  @Override
  protected boolean grantIsTheClient() {
    return true;
  }

  @Override
  protected void endAccessTokens(String user) {
    settrade.loginElsewhere(credential(user));
  }

  @Override
  protected void endGrant(String user) {
    settrade.deleteUser(credential(user));
  }
}
