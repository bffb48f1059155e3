package io.tradeauth.examples;

import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerSettings;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.tradestation.TradeStation;
import io.tradeauth.tradestation.TradeStation.RefreshTokens;
import io.tradeauth.tradestation.testing.TradeStationSimulator;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import okhttp3.HttpUrl;
import okhttp3.Request;

/**
 * TradeStation: users sign in through the browser, to an application whose key rotates. Each
 * refresh token is good for one use, and a second ends the login.
 */
final class TradeStationMarket extends Market {

  private static final URI CALLBACK = URI.create("http://localhost");
  private static final Pattern ACCOUNT = Pattern.compile("\"AccountID\":\"[^\"]+\"");

  private final TradeStationSimulator simulator;
  private final Broker broker;
  private final URI api;
  private final List<String> users;

  TradeStationMarket(DayClock clock, int count) {
    this(TradeStationSimulator.rotating(clock.time()), clock, count);
  }

  private TradeStationMarket(TradeStationSimulator simulator, DayClock clock, int count) {
    super("tradestation", simulator, clock);
    this.simulator = simulator;
    simulator.signIdTokens(false); // it takes time, and nobody looks
    api = simulator.liveHost();
    broker =
        TradeStation.at(TradeStation.LIVE, RefreshTokens.ROTATING, simulator.signInHost(), api);
    users = names("bob", count);
    users.forEach(simulator::addUser);
  }

  @Override
  Broker broker() {
    return broker;
  }

  @Override
  List<String> users() {
    return users;
  }

  @Override
  void configure(BrokerSettings settings) {
    settings.clientOf(this::client);
  }

  /** Read anew at each exchange: a replaced secret is used at once. */
  @Override
  ClientCredentials client(String user) {
    String secret = Objects.requireNonNull(simulator.key().clientSecret());
    return ClientCredentials.of(simulator.key().clientId(), secret);
  }

  void replaceSecret(String secret) {
    simulator.key().replaceSecret(secret);
  }

  @Override
  Grant grant(String user, Tokens tokens) {
    AuthorizationRequest request =
        AuthorizationRequest.of(CALLBACK, UUID.randomUUID().toString()).freshLogin();
    URI page = Objects.requireNonNull(broker.authorizationUri(request, client(user)));
    HttpUrl back = HttpUrl.get(simulator.approve(user, page.toString()).toString());
    String code = Objects.requireNonNull(back.queryParameter("code"));
    return TradeStation.code(code, CALLBACK);
  }

  @Override
  void endTokens(String user) {
    simulator.rejectAccessTokens(user);
  }

  @Override
  Request.Builder read(String user) {
    return get(api + "/v3/brokerage/accounts");
  }

  @Override
  Request.Builder order(String user, String answer) {
    Matcher account = ACCOUNT.matcher(answer);
    if (!account.find()) {
      throw new IllegalArgumentException("answer: names no account");
    }
    return post(api + "/v3/orderexecution/orders", "{" + account.group() + "}");
  }

  @Override
  Instant endOfToken(Instant issuedAt) {
    return issuedAt.plus(Duration.ofMinutes(20));
  }

  @Override
  Set<String> exchangeEndpoints() {
    return Set.of("token");
  }

  @Override
  Set<String> humanEndpoints() {
    return Set.of("authorize");
  }

  @Override
  String readEndpoint() {
    return "accounts";
  }

  @Override
  String orderEndpoint() {
    return "order";
  }
}
