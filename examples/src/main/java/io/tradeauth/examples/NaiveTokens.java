package io.tradeauth.examples;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.RefreshToken;
import io.tradeauth.RequestUser;
import io.tradeauth.Secret;
import io.tradeauth.TokenResponse;
import io.tradeauth.TokenSet;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import okhttp3.Interceptor;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;

/**
 * What most applications have: a map, and a check of the end. It looks right, and one thread at a
 * time finds nothing wrong with it.
 */
final class NaiveTokens implements Tokens {

  private static final Duration IF_UNTOLD = Duration.ofDays(1);

  private final DayClock clock;
  private final OkHttpClient http = new OkHttpClient();
  private final SecureRandom random = new SecureRandom();
  private final ConcurrentMap<Desk.Visit, Session> sessions = new ConcurrentHashMap<>();

  NaiveTokens(DayClock clock) {
    this.clock = clock;
  }

  /** What is in the map. */
  private static final class Session {

    final Secret accessToken;
    final Instant end;
    final @Nullable RefreshToken refreshToken;
    final @Nullable ClientCredentials client;

    Session(
        Secret accessToken,
        Instant end,
        @Nullable RefreshToken refreshToken,
        @Nullable ClientCredentials client) {
      this.accessToken = accessToken;
      this.end = end;
      this.refreshToken = refreshToken;
      this.client = client;
    }
  }

  /** Somebody must sign in. */
  private static final class NotSignedIn extends RuntimeException {

    private static final long serialVersionUID = 1L;

    NotSignedIn(String why) {
      super(why);
    }
  }

  @Override
  public void signIn(Market market, String user, Grant grant) {
    exchange(market, user, grant, grant.client());
  }

  @Override
  public boolean isReady(Market market, String user) {
    Session session = sessions.get(new Desk.Visit(market, user));
    return session != null && clock.now().isBefore(session.end);
  }

  @Override
  public void get(Market market, String user) {
    current(market, user);
  }

  private Session current(Market market, String user) {
    Session session = sessions.get(new Desk.Visit(market, user));
    if (session == null) {
      throw new NotSignedIn(user);
    }
    return clock.now().isBefore(session.end) ? session : refreshed(market, user, session);
  }

  private Session refreshed(Market market, String user, Session session) {
    Grant renewal = market.broker().renewal(tokenSet(session));
    try {
      if (renewal == null) {
        throw new NotSignedIn("no renewal");
      }
      return exchange(market, user, renewal, session.client);
    } catch (NotSignedIn e) {
      Grant fallback = renewal == null ? null : market.broker().renewalAfterRefusal(renewal);
      if (fallback != null) {
        return exchange(market, user, fallback, session.client);
      }
      sessions.remove(new Desk.Visit(market, user));
      throw e;
    }
  }

  private Session exchange(
      Market market, String user, Grant grant, @Nullable ClientCredentials own) {
    BrokerCall<ExchangeAnswer> call = market.broker().exchange(grant);
    ExchangeAnswer answer = perform(market, user, own, call);
    if (answer instanceof ExchangeAnswer.Refused) {
      throw new NotSignedIn(((ExchangeAnswer.Refused) answer).code());
    }
    if (!(answer instanceof ExchangeAnswer.Granted)) {
      throw new IllegalStateException("the token endpoint is out of order");
    }
    TokenResponse granted = ((ExchangeAnswer.Granted) answer).response();
    Duration life = Objects.requireNonNullElse(granted.expiresIn(), IF_UNTOLD);
    RefreshToken kept =
        grant instanceof Grant.Refresh ? ((Grant.Refresh) grant).refreshToken() : null;
    Session session =
        new Session(
            Objects.requireNonNull(granted.accessToken()),
            clock.now().plus(life),
            granted.refreshToken() == null ? kept : granted.refreshToken(),
            own);
    sessions.put(new Desk.Visit(market, user), session);
    return session;
  }

  private static TokenSet tokenSet(Session session) {
    return new TokenSet(
        session.accessToken,
        "Bearer",
        session.end,
        session.end,
        session.end,
        session.refreshToken,
        null,
        Set.of(),
        Map.of(),
        null);
  }

  /** Adds the token; after a 401 refreshes and sends once more, whatever it was. */
  @Override
  public Interceptor interceptor(Market market) {
    return chain -> {
      Request request = chain.request();
      String user = Objects.requireNonNull(request.tag(RequestUser.class)).userId();
      try {
        Session session = current(market, user);
        Response response = chain.proceed(signed(market, request, session));
        if (response.code() != 401) {
          return response;
        }
        response.close();
        return chain.proceed(signed(market, request, refreshed(market, user, session)));
      } catch (NotSignedIn | IllegalStateException e) {
        throw new IOException("no token", e);
      }
    };
  }

  private static Request signed(Market market, Request request, Session session) {
    Request.Builder signed =
        request.newBuilder().header("Authorization", "Bearer " + session.accessToken.value());
    market.broker().profile().headers().forEach(signed::header);
    return signed.build();
  }

  @Override
  public <T> T call(Market market, String user, BrokerCall<T> call) {
    return perform(market, user, null, call);
  }

  private <T> T perform(
      Market market, String user, @Nullable ClientCredentials own, BrokerCall<T> call) {
    BrokerRequest asked = call.request(new Context(market, user, own));
    Request.Builder request = new Request.Builder().url(asked.uri().toString());
    market.broker().profile().headers().forEach(request::header);
    asked.headers().forEach(request::header);
    String body = asked.body();
    String type = asked.contentType();
    RequestBody content =
        body == null ? null : RequestBody.create(body, type == null ? null : MediaType.get(type));
    try (Response response =
        http.newCall(request.method(asked.method(), content).build()).execute()) {
      Map<String, String> headers = new LinkedHashMap<>();
      response.headers().forEach(header -> headers.put(header.getFirst(), header.getSecond()));
      return call.read(Answer.of(response.code(), headers, response.body().bytes()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public boolean isSignInRequired(Throwable failure) {
    return failure instanceof NotSignedIn;
  }

  @Override
  public void close() {
    http.connectionPool().evictAll();
  }

  private final class Context implements CallContext {

    private final Market market;
    private final String user;
    private final @Nullable ClientCredentials own;

    Context(Market market, String user, @Nullable ClientCredentials own) {
      this.market = market;
      this.user = user;
      this.own = own;
    }

    @Override
    public String userId() {
      return user;
    }

    @Override
    public ClientCredentials client() {
      return Objects.requireNonNull(own != null ? own : market.client(user));
    }

    @Override
    public @Nullable TokenSet tokens() {
      return null;
    }

    @Override
    public URI apiUri(String path) {
      return market.broker().profile().hosts().uri(path);
    }

    @Override
    public Instant now() {
      return clock.now();
    }

    @Override
    public byte[] random(int count) {
      byte[] bytes = new byte[count];
      random.nextBytes(bytes);
      return bytes;
    }
  }
}
