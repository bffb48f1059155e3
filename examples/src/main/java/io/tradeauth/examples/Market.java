package io.tradeauth.examples;

import io.tradeauth.Broker;
import io.tradeauth.BrokerSettings;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.testing.Simulator;
import io.tradeauth.testing.Simulator.Call;
import io.tradeauth.testing.TokenLedger.Kind;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import okhttp3.HttpUrl;
import okhttp3.MediaType;
import okhttp3.Request;
import okhttp3.RequestBody;

/** One broker of the day: its simulator, its users, and what they do there. */
abstract class Market implements AutoCloseable {

  private static final MediaType JSON = MediaType.get("application/json");

  private final String name;
  private final Simulator simulator;
  private final DayClock clock;
  private final List<Death> deaths = new ArrayList<>();

  Market(String name, Simulator simulator, DayClock clock) {
    this.name = name;
    this.simulator = simulator;
    this.clock = clock;
  }

  /**
   * The tokens of a login were ended by the broker, before their time.
   *
   * @param owner the login, as the simulator's log names it
   * @param at when
   */
  record Death(String owner, Instant at) {}

  /** Returns the name in the table. */
  final String name() {
    return name;
  }

  final Simulator simulator() {
    return simulator;
  }

  final DayClock clock() {
    return clock;
  }

  abstract Broker broker();

  final String provider() {
    return broker().profile().name();
  }

  abstract List<String> users();

  /** Sets what the application sets for this broker; nothing, if users bring their credentials. */
  void configure(BrokerSettings settings) {}

  /** Returns the application's credentials for a user. */
  ClientCredentials client(String user) {
    throw new IllegalStateException(name + ": users bring their own");
  }

  /** Returns whose login a user's is in the simulator's log. */
  String owner(String user) {
    return user;
  }

  /** Does what a user does to sign in, and returns what came of it. */
  abstract Grant grant(String user, Tokens tokens);

  /** Ends the tokens that a user has, on the broker's side. */
  abstract void endTokens(String user);

  final void kill(String user) {
    endTokens(user);
    isDead(user);
  }

  /** Takes note that the broker has ended a user's tokens. */
  final void isDead(String user) {
    deaths.add(new Death(owner(user), clock.now()));
  }

  final List<Death> deaths() {
    return deaths;
  }

  /** A read that needs a token. */
  abstract Request.Builder read(String user);

  /**
   * An order.
   *
   * @param answer what the read was answered
   */
  abstract Request.Builder order(String user, String answer);

  /** Returns whether orders are taken at this time. */
  boolean takesOrders(Instant at) {
    return true;
  }

  /** Returns when a token that is issued now ends. */
  abstract Instant endOfToken(Instant issuedAt);

  // What the log calls them

  abstract Set<String> exchangeEndpoints();

  /** Where a human takes part. */
  abstract Set<String> humanEndpoints();

  abstract String readEndpoint();

  abstract String orderEndpoint();

  /** Returns how many sign-ins a day needs that nobody can spare its users. */
  int unavoidableSignIns() {
    return 0;
  }

  final int spentTwice() {
    return simulator.ledger().spentTwice(Kind.REFRESH_TOKEN)
        + simulator.ledger().spentTwice(Kind.CODE);
  }

  final boolean isExchange(Call call) {
    return exchangeEndpoints().contains(call.endpoint());
  }

  @Override
  public void close() {
    simulator.close();
  }

  static Request.Builder get(String url) {
    return new Request.Builder().url(HttpUrl.get(url));
  }

  static Request.Builder post(String url, String json) {
    return get(url).post(RequestBody.create(json, JSON));
  }

  static List<String> names(String prefix, int count) {
    List<String> names = new ArrayList<>();
    for (int i = 1; i <= count; i++) {
      names.add(prefix + i);
    }
    return names;
  }
}
