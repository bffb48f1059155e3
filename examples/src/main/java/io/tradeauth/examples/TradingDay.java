package io.tradeauth.examples;

import io.tradeauth.testing.Fault;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * The main job: the four brokers' simulators, users of all of them, and many threads that ask for
 * tokens and call the brokers' APIs through a trading day, in less than a minute.
 *
 * <p>The day begins when Bangkok opens and ends in the night after New York has closed. Tokens end,
 * refresh tokens rotate, brokers end tokens before their time, token endpoints are out of order,
 * the night of India and that of Thailand pass. The table at the end is what the simulators say,
 * and the exit code is 1 if anything happened that must not.
 *
 * <p>With {@code --store=memory}, {@code file:DIRECTORY} or {@code jdbc:URL} it is said where the
 * tokens are kept, see {@link Stores}; with {@code --naive} a map and a check look after them, as
 * in most applications.
 */
public final class TradingDay {

  private static final Instant OPEN = Instant.parse("2026-01-05T02:30:00Z");
  private static final Instant CLOSE = Instant.parse("2026-01-06T00:00:00Z");
  private static final Duration ROUND = Duration.ofMinutes(10);

  private static final String NAIVE = "--naive";
  private static final String STORE = "--store=";

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm 'UTC'", Locale.ROOT).withZone(ZoneOffset.UTC);

  private final PrintStream out;
  private final Instant close;
  private final DayClock clock = new DayClock(OPEN.minusSeconds(60));
  private final TastytradeMarket tastytrade = new TastytradeMarket(clock, 12);
  private final TradeStationMarket tradeStation = new TradeStationMarket(clock, 16);
  private final UpstoxMarket upstox = new UpstoxMarket(clock, 6);
  private final SettradeMarket settrade = new SettradeMarket(clock, 6);
  private final List<Market> markets = List.of(tastytrade, tradeStation, upstox, settrade);
  private final Map<Instant, Event> events = new HashMap<>();

  private TradingDay(PrintStream out, Instant close) {
    this.out = out;
    this.close = close;
  }

  /** Something that happens at a time of the day. */
  private record Event(String what, List<Runnable> effects) {}

  /** Runs the day; see the class for the one argument that it may have. */
  public static void main(String[] arguments) {
    Logger.getLogger("").setLevel(Level.WARNING); // thousands of exchanges would hide the table
    System.exit(run(List.of(arguments), System.out));
  }

  /** Returns the exit code: 0 after a good day, 1 if there was damage, 2 for wrong arguments. */
  static int run(List<String> arguments, PrintStream out) {
    String argument = arguments.isEmpty() ? STORE + "memory" : arguments.get(0);
    if (arguments.size() > 1 || !(argument.equals(NAIVE) || argument.startsWith(STORE))) {
      out.println(
          "TradingDay takes one argument, --naive or --store=..., not "
              + String.join(" ", arguments));
      return 2;
    }
    try {
      return run(argument, CLOSE, out) ? 0 : 1;
    } catch (IllegalArgumentException e) {
      out.println(e.getMessage());
      return 2;
    }
  }

  /** Returns whether the day, or the part of it until {@code close}, went well. */
  static boolean run(String argument, Instant close, PrintStream out) {
    if (argument.equals(NAIVE)) {
      TradingDay day = new TradingDay(out, close);
      return day.run("a map and a check", new NaiveTokens(day.clock));
    }
    String spec = argument.substring(STORE.length());
    try (Stores store = Stores.open(spec)) {
      TradingDay day = new TradingDay(out, close);
      return day.run(
          "tradeauth and kept in " + store, new ManagedTokens(day.markets, day.clock, store.get()));
    }
  }

  private boolean run(String keeper, Tokens keeping) {
    try (clock;
        Tokens tokens = keeping;
        Desk desk = new Desk(tokens, markets, clock)) {
      plan(desk);
      out.println("Tokens are looked after by " + keeper + ".");
      everybody().forEach(visit -> desk.signIn(visit.market(), visit.user()));
      progress(
          OPEN, everybody().size() + " users of " + markets.size() + " brokers have signed in");
      trade(desk);
      desk.round(everybody(), 1, false);
      return report(desk);
    } finally {
      markets.forEach(Market::close);
    }
  }

  private List<Desk.Visit> everybody() {
    List<Desk.Visit> everybody = new ArrayList<>();
    markets.forEach(market -> everybody.addAll(visits(market)));
    return everybody;
  }

  private static List<Desk.Visit> visits(Market market) {
    return market.users().stream().map(user -> new Desk.Visit(market, user)).toList();
  }

  private void trade(Desk desk) {
    int number = 0;
    for (Instant now = OPEN; now.isBefore(close); now = now.plus(ROUND)) {
      clock.jumpTo(now);
      Event event = events.get(now);
      if (event != null) {
        progress(now, event.what());
        event.effects().forEach(Runnable::run);
      }
      boolean fullHour = number % 6 == 0;
      if (fullHour) {
        progress(now, desk.gets() + " gets so far, " + exchanges() + " exchanges");
      }
      desk.round(present(number), 1, fullHour);
      number++;
    }
  }

  private int exchanges() {
    return markets.stream().mapToInt(market -> market.simulator().count(market::isExchange)).sum();
  }

  /** Two thirds of the users at a time: they stay for two hours and then are away for one. */
  private List<Desk.Visit> present(int round) {
    List<Desk.Visit> present = new ArrayList<>();
    for (Market market : markets) {
      for (int i = 0; i < market.users().size(); i++) {
        if ((round / 6 + i) % 3 != 0) {
          present.add(new Desk.Visit(market, market.users().get(i)));
        }
      }
    }
    return present;
  }

  // What happens

  private void plan(Desk desk) {
    at("05:00", "another program logs in to Settrade with two of the credentials");
    effect("05:00", () -> kill(desk, settrade, 1, 4));
    at("07:00", "Upstox ends the tokens of two users");
    effect("07:00", () -> kill(desk, upstox, 0, 3));
    at("10:00", "TradeStation's client secret is replaced, there and in the vault");
    effect("10:00", () -> tradeStation.replaceSecret("another-secret-canary"));
    at("14:30", "New York opens");
    at("15:00", "tastytrade ends the tokens of three users");
    effect("15:00", () -> kill(desk, tastytrade, 2, 7, 11));
    at("16:00", "TradeStation refuses the tokens of four users");
    effect("16:00", () -> kill(desk, tradeStation, 0, 3, 6, 11));
    at("17:00", "tastytrade's token endpoint is out of order for a while");
    effect("17:00", () -> outage(desk, tastytrade));
    at("18:30", "TradeStation's token endpoint is out of order for a while");
    effect("18:30", () -> outage(desk, tradeStation));
    at("20:30", "it is 03:30 in Thailand: Settrade ends all sessions of the day");
    effect("20:30", () -> settrade.users().forEach(settrade::isDead));
    at("22:00", "it is 03:30 in India: Upstox ends all tokens, and everybody signs in again");
  }

  private void at(String time, String what) {
    events.put(instant(time), new Event(what, new ArrayList<>()));
  }

  private void effect(String time, Runnable effect) {
    Event event = events.get(instant(time));
    if (event == null) {
      throw new IllegalArgumentException("time: nothing happens then");
    }
    event.effects().add(effect);
  }

  private static Instant instant(String time) {
    return Instant.parse("2026-01-05T" + time + ":00Z");
  }

  /** Ends the tokens of some users, who then come on many threads at once and place an order. */
  private static void kill(Desk desk, Market market, int... users) {
    List<Desk.Visit> rush = new ArrayList<>();
    for (int user : users) {
      rush.add(new Desk.Visit(market, market.users().get(user)));
    }
    desk.round(rush, 1, false);
    rush.forEach(visit -> market.kill(visit.user()));
    desk.round(rush, 8, true);
  }

  /** Nobody notices: tokens are renewed ahead, and those in hand are good for a while. */
  private void outage(Desk desk, Market market) {
    desk.round(visits(market), 1, false);
    market.simulator().fail("token", Fault.html(502));
    for (int i = 0; i < 3; i++) {
      clock.jumpTo(clock.now().plusSeconds(15));
      desk.round(visits(market), 1, false);
    }
    market.simulator().heal();
  }

  // What is printed

  private void progress(Instant at, String what) {
    out.println(TIME.format(at) + "  " + what);
  }

  private boolean report(Desk desk) {
    List<Audit> audits = markets.stream().map(market -> new Audit(market, desk)).toList();
    List<String> damage = audits.stream().flatMap(audit -> audit.damage().stream()).toList();
    out.println();
    out.println(Audit.header());
    audits.forEach(audit -> out.println(audit.row()));
    out.println();
    if (damage.isEmpty()) {
      out.println("A good day: nothing was spent twice, nobody was locked out, no call was lost.");
    } else {
      out.println("Damage:");
      damage.forEach(line -> out.println("  " + line));
    }
    return damage.isEmpty();
  }
}
