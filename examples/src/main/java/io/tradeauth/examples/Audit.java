package io.tradeauth.examples;

import io.tradeauth.testing.Simulator.Call;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * What a broker's simulator says of the day: its log of every call and its memory of every token.
 * Of the desk comes only how often it asked.
 */
final class Audit {

  /** How late a call may arrive that was sent before its token was ended. */
  private static final Duration ON_THE_WAY = Duration.ofSeconds(30);

  private final Market market;
  private final Desk desk;
  private final Desk.Counter counter;
  private final Map<String, List<Call>> callsByOwner = new HashMap<>();

  Audit(Market market, Desk desk) {
    this.market = market;
    this.desk = desk;
    this.counter = desk.counter(market);
    for (Call call : market.simulator().calls()) {
      callsByOwner.computeIfAbsent(call.owner(), owner -> new ArrayList<>()).add(call);
    }
  }

  static String header() {
    return String.format(
        Locale.ROOT,
        "%-24s %6s %8s %10s %10s %13s %16s %18s",
        "broker",
        "users",
        "gets",
        "exchanges",
        "coalesced",
        "repaired 401s",
        "sign-ins needed",
        "tokens spent twice");
  }

  String row() {
    return String.format(
        Locale.ROOT,
        "%-24s %6d %8d %10d %10d %13d %16d %18d",
        market.name(),
        market.users().size(),
        counter.gets.sum(),
        exchanges(),
        coalesced(),
        repaired(),
        signInsNeeded(),
        market.spentTwice());
  }

  /** Returns what must not have happened and has; empty after a good day. */
  List<String> damage() {
    List<String> damage = new ArrayList<>();
    add(damage, market.spentTwice(), "tokens or codes were spent twice");
    add(damage, needlessExchanges(), "exchanges while the token in hand was good for long");
    add(damage, endedTokensUsed(), "API calls carried a token that had ended");
    add(damage, unanswered(), "reads came to nothing");
    add(damage, count(market.orderEndpoint()) - counter.orders.intValue(), "orders were repeated");
    add(damage, signInsNeeded() - market.unavoidableSignIns(), "sign-ins that nobody should need");
    add(damage, lockedOut(), "users are locked out");
    List<String> failures = counter.failures();
    failures.stream()
        .findFirst()
        .ifPresent(first -> add(damage, failures.size(), "calls failed, the first: " + first));
    return damage;
  }

  private void add(List<String> damage, int count, String what) {
    if (count > 0) {
      damage.add(market.name() + ": " + count + " " + what);
    }
  }

  private int exchanges() {
    return market.simulator().count(market::isExchange);
  }

  private int count(String endpoint) {
    return market.simulator().count(endpoint);
  }

  private int count(String endpoint, int status) {
    return market
        .simulator()
        .count(call -> call.endpoint().equals(endpoint) && call.status() == status);
  }

  /** Callers who had to wait for a token, and got one that another's exchange had brought. */
  private int coalesced() {
    int coalesced = 0;
    for (Desk.Round round : desk.rounds()) {
      Map<String, Integer> waiting = new HashMap<>();
      for (Map.Entry<Desk.Visit, LongAdder> entry : round.emptyHanded().entrySet()) {
        if (entry.getKey().market() == market) {
          String owner = market.owner(entry.getKey().user());
          waiting.merge(owner, entry.getValue().intValue(), Integer::sum);
        }
      }
      for (Map.Entry<String, List<Call>> entry : callsByOwner.entrySet()) {
        int callers = waiting.getOrDefault(entry.getKey(), 0);
        int exchanges = 0;
        for (Call call : entry.getValue()) {
          if (!call.at().isBefore(round.from()) && !call.at().isAfter(round.to())) {
            callers += isRefusedApiCall(call) ? 1 : 0;
            exchanges += market.isExchange(call) ? 1 : 0;
          }
        }
        coalesced += exchanges == 0 ? 0 : Math.max(0, callers - exchanges);
      }
    }
    return coalesced;
  }

  /** Reads that were refused and then answered, without the desk's doing. */
  private int repaired() {
    return count(market.readEndpoint(), 401) - counter.refusedReads.intValue();
  }

  private int unanswered() {
    return counter.reads.intValue()
        - counter.readsWithoutSignIn.intValue()
        - count(market.readEndpoint(), 200);
  }

  /** Sign-ins by a human, beyond the first of each user. */
  private int signInsNeeded() {
    int human = market.simulator().count(call -> market.humanEndpoints().contains(call.endpoint()));
    return market.humanEndpoints().isEmpty() ? 0 : Math.max(0, human - market.users().size());
  }

  private boolean isRefusedApiCall(Call call) {
    return call.status() == 401
        && (call.endpoint().equals(market.readEndpoint())
            || call.endpoint().equals(market.orderEndpoint()));
  }

  private boolean isGranted(Call call) {
    return market.isExchange(call) && call.acted() && call.status() == 200;
  }

  /** Exchanges in the first half of a token's life that neither a 401 nor a sign-in explains. */
  private int needlessExchanges() {
    int needless = 0;
    for (List<Call> calls : callsByOwner.values()) {
      Instant last = Instant.EPOCH;
      boolean explained = true;
      for (Call call : calls) {
        explained |= isRefusedApiCall(call) || market.humanEndpoints().contains(call.endpoint());
        if (isGranted(call)) {
          boolean early = !explained && call.at().isBefore(middle(last, market.endOfToken(last)));
          needless += early ? 1 : 0;
          last = call.at();
          explained = false;
        }
      }
    }
    return needless;
  }

  private static Instant middle(Instant from, Instant to) {
    return from.plus(Duration.between(from, to).dividedBy(2));
  }

  /** Refused calls whose token the broker had not ended before its time. */
  private int endedTokensUsed() {
    int used = 0;
    for (Map.Entry<String, List<Call>> entry : callsByOwner.entrySet()) {
      Instant lastGrant = Instant.EPOCH;
      for (Call call : entry.getValue()) {
        if (isGranted(call)) {
          lastGrant = call.at();
        } else if (isRefusedApiCall(call) && !isByDeath(entry.getKey(), call.at(), lastGrant)) {
          used++;
        }
      }
    }
    return used;
  }

  private boolean isByDeath(String owner, Instant at, Instant lastGrant) {
    return market.deaths().stream()
        .filter(death -> death.owner().equals(owner) && !death.at().isAfter(at))
        .anyMatch(
            death -> lastGrant.isBefore(death.at()) || at.isBefore(lastGrant.plus(ON_THE_WAY)));
  }

  /** Users whose last read was refused. */
  private int lockedOut() {
    int lockedOut = 0;
    for (String user : market.users()) {
      int status = 0;
      for (Call call : callsByOwner.getOrDefault(market.owner(user), List.of())) {
        status = call.endpoint().equals(market.readEndpoint()) ? call.status() : status;
      }
      lockedOut += status == 200 ? 0 : 1;
    }
    return lockedOut;
  }
}
