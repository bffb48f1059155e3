package io.tradeauth.examples;

import io.tradeauth.Broker;
import io.tradeauth.Grant;
import io.tradeauth.settrade.Settrade;
import io.tradeauth.settrade.testing.Credential;
import io.tradeauth.settrade.testing.SettradeSimulator;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import okhttp3.Request;

/**
 * Settrade: applications log in by a signature, and a login ends the one before. Three users share
 * each credential, so they share its tokens.
 */
final class SettradeMarket extends Market {

  private static final int SHARERS = 3;
  private static final String BROKER_ID = "023";
  private static final Duration LIFE = Duration.ofMinutes(30);

  private final SettradeSimulator simulator;
  private final Broker broker;
  private final List<String> users;
  private final List<Credential> credentials = new ArrayList<>();

  SettradeMarket(DayClock clock, int count) {
    this(new SettradeSimulator(clock.time()), clock, count);
  }

  private SettradeMarket(SettradeSimulator simulator, DayClock clock, int count) {
    super("settrade", simulator, clock);
    this.simulator = simulator;
    broker = Settrade.at(Settrade.LIVE, simulator.api(), simulator.market());
    users = names("dao", count);
    for (int i = 0; i < count; i += SHARERS) {
      credentials.add(simulator.addUser(BROKER_ID, "ALGO_EQ"));
    }
    simulator.rateLimit(1_000, 60_000); // the limits of an API are the application's own business
  }

  @Override
  Broker broker() {
    return broker;
  }

  @Override
  List<String> users() {
    return users;
  }

  private Credential credential(String user) {
    return credentials.get(users.indexOf(user) / SHARERS);
  }

  @Override
  String owner(String user) {
    return credential(user).owner();
  }

  @Override
  Grant grant(String user, Tokens tokens) {
    Credential own = credential(user);
    return Settrade.grant(own.brokerId(), own.appCode(), own.apiKey(), own.appSecret());
  }

  @Override
  void endTokens(String user) {
    simulator.loginElsewhere(credential(user));
  }

  private String account(String user) {
    String number = credential(user).accounts().get(0);
    return simulator.api() + "/api/seos/v3/" + BROKER_ID + "/accounts/" + number;
  }

  @Override
  Request.Builder read(String user) {
    return get(account(user) + "/account-info");
  }

  @Override
  Request.Builder order(String user, String answer) {
    return post(account(user) + "/orders", "{}");
  }

  /** What was told, and the night: all sessions end between 03:00 and 04:00. */
  @Override
  Instant endOfToken(Instant issuedAt) {
    Instant told = issuedAt.plus(LIFE);
    Instant night = earlier(next(issuedAt, 3), next(issuedAt, 4));
    return earlier(told, night);
  }

  private static Instant next(Instant now, int hour) {
    ZonedDateTime today = now.atZone(SettradeSimulator.BANGKOK).with(LocalTime.of(hour, 0));
    return (today.toInstant().isAfter(now) ? today : today.plusDays(1)).toInstant();
  }

  private static Instant earlier(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }

  @Override
  Set<String> exchangeEndpoints() {
    return Set.of("login", "refresh");
  }

  /** None ever does. */
  @Override
  Set<String> humanEndpoints() {
    return Set.of();
  }

  @Override
  String readEndpoint() {
    return "account-info";
  }

  @Override
  String orderEndpoint() {
    return "orders";
  }
}
