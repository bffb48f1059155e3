package io.tradeauth.examples;

import com.sun.net.httpserver.HttpServer;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerSettings;
import io.tradeauth.ClientCredentials;
import io.tradeauth.Grant;
import io.tradeauth.upstox.Upstox;
import io.tradeauth.upstox.testing.UpstoxSimulator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import okhttp3.HttpUrl;
import okhttp3.Request;

/**
 * Upstox: half of the users come through the login dialog, the others have an app of their own and
 * approve its request on their phone. All of them once a day: nothing outlives 03:30 in India.
 */
final class UpstoxMarket extends Market {

  private static final ZoneId INDIA = ZoneId.of("Asia/Kolkata");
  private static final LocalTime CUT = LocalTime.of(3, 30);
  private static final LocalTime ORDERS_OPEN = LocalTime.of(5, 30);
  private static final URI CALLBACK = URI.create("https://desk.example.com/upstox");
  private static final String APP = "app-of-the-desk";
  private static final String SECRET = "secret-canary-of-";

  private final UpstoxSimulator simulator;
  private final Broker broker;
  private final List<String> users;
  private final HttpServer notifier;
  private final Instant firstNight;
  private final ConcurrentMap<String, String> delivered = new ConcurrentHashMap<>();

  UpstoxMarket(DayClock clock, int count) {
    this(new UpstoxSimulator(clock.time()), clock, count);
  }

  private UpstoxMarket(UpstoxSimulator simulator, DayClock clock, int count) {
    super("upstox", simulator, clock);
    this.simulator = simulator;
    broker = Upstox.liveForTests(simulator.api(), simulator.orders());
    users = names("AB100", count);
    notifier = listen();
    firstNight = endOfToken(clock.now());
    users.forEach(simulator::addUser);
    simulator.addApp(APP, SECRET + APP, CALLBACK.toString(), users.get(0));
    users.stream().filter(this::approves).forEach(this::addApp);
  }

  private boolean approves(String user) {
    return users.indexOf(user) % 2 == 1;
  }

  private void addApp(String user) {
    simulator.addApp(app(user), SECRET + app(user), CALLBACK.toString(), user);
    simulator.notifier(
        app(user),
        URI.create("http://127.0.0.1:" + notifier.getAddress().getPort() + "/" + app(user)));
  }

  private String app(String user) {
    return approves(user) ? "app-of-" + user : APP;
  }

  /** The address where Upstox posts approved tokens, and everybody else may post, too. */
  private HttpServer listen() {
    try {
      HttpServer server =
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.createContext(
          "/",
          exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            String app = exchange.getRequestURI().getPath().substring(1);
            delivered.put(app, new String(body, StandardCharsets.UTF_8));
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
          });
      server.start();
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException("no port on loopback", e);
    }
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

  @Override
  ClientCredentials client(String user) {
    return ClientCredentials.of(app(user), SECRET + app(user));
  }

  @Override
  Grant grant(String user, Tokens tokens) {
    return approves(user) ? approved(user, tokens) : code(user);
  }

  private Grant code(String user) {
    AuthorizationRequest request = AuthorizationRequest.of(CALLBACK, UUID.randomUUID().toString());
    URI page = Objects.requireNonNull(broker.authorizationUri(request, client(user)));
    HttpUrl back = HttpUrl.get(simulator.signIn(page, user).toString());
    return Upstox.code(Objects.requireNonNull(back.queryParameter("code")), CALLBACK);
  }

  private Grant approved(String user, Tokens tokens) {
    tokens.call(this, user, Upstox.APPROVAL).get();
    simulator.approve(app(user)); // on the user's phone; it is posted before this returns
    String body = Objects.requireNonNull(delivered.remove(app(user)));
    return Upstox.delivered(body, app(user), clock().now());
  }

  @Override
  void endTokens(String user) {
    simulator.endTokens(user);
  }

  @Override
  Request.Builder read(String user) {
    return get(simulator.api() + "/v2/portfolio/short-term-positions");
  }

  @Override
  Request.Builder order(String user, String answer) {
    return post(simulator.orders() + "/v3/order/place", "{}");
  }

  @Override
  boolean takesOrders(Instant at) {
    return at.atZone(INDIA).toLocalTime().isAfter(ORDERS_OPEN);
  }

  @Override
  Instant endOfToken(Instant issuedAt) {
    ZonedDateTime cut = issuedAt.atZone(INDIA).with(CUT);
    return (cut.toInstant().isAfter(issuedAt) ? cut : cut.plusDays(1)).toInstant();
  }

  @Override
  int unavoidableSignIns() {
    boolean nightHasPassed = clock().now().isAfter(firstNight);
    return deaths().size() + (nightHasPassed ? users.size() : 0);
  }

  @Override
  Set<String> exchangeEndpoints() {
    return Set.of("token", "approval");
  }

  @Override
  Set<String> humanEndpoints() {
    return Set.of("dialog", "approval");
  }

  @Override
  String readEndpoint() {
    return "positions";
  }

  @Override
  String orderEndpoint() {
    return "place";
  }

  @Override
  public void close() {
    notifier.stop(0);
    super.close();
  }
}
