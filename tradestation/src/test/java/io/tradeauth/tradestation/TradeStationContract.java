package io.tradeauth.tradestation;

import io.tradeauth.Broker;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.testing.BrokerContract;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.Simulator;
import io.tradeauth.tradestation.TradeStation.RefreshTokens;
import io.tradeauth.tradestation.testing.ApiKey;
import io.tradeauth.tradestation.testing.TradeStationSimulator;
import java.net.URI;
import java.util.List;

/** TradeStation keeps to what every broker must, with either kind of key. */
abstract class TradeStationContract extends BrokerContract {

  private static final URI CALLBACK = URI.create("http://localhost");

  private final ManualClock clock = ManualClock.at("2026-01-05T15:00:00Z");
  private final RefreshTokens kind;
  private final TradeStationSimulator tradeStation;

  TradeStationContract(RefreshTokens kind) {
    this.kind = kind;
    this.tradeStation =
        kind == RefreshTokens.ROTATING
            ? TradeStationSimulator.rotating(clock)
            : new TradeStationSimulator(clock);
  }

  @Override
  protected Simulator simulator() {
    return tradeStation;
  }

  @Override
  protected ManualClock clock() {
    return clock;
  }

  @Override
  protected Broker broker() {
    return TradeStation.at(
        TradeStation.LIVE, kind, tradeStation.signInHost(), tradeStation.liveHost());
  }

  @Override
  protected List<Broker> environments() {
    return List.of(TradeStation.live(kind), TradeStation.sandbox(kind));
  }

  @Override
  protected Grant grant(String user) {
    return TradeStation.code(tradeStation.code(user), CALLBACK);
  }

  @Override
  protected ClientCredentials client(String user) {
    ApiKey key = tradeStation.key();
    String secret = key.clientSecret();
    return secret == null
        ? ClientCredentials.publicClient(key.clientId())
        : ClientCredentials.of(key.clientId(), secret);
  }

  @Override
  protected String apiPath(String user) {
    return "/brokerage/accounts";
  }

  @Override
  protected void endAccessTokens(String user) {
    tradeStation.rejectAccessTokens(user);
  }

  @Override
  protected void endGrant(String user) {
    tradeStation.deleteGrant(user);
    tradeStation.rejectAccessTokens(user);
  }
}
