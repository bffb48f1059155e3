package io.tradeauth.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TimeSource;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.TokenRequest;
import io.tradeauth.tastytrade.Tastytrade;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import java.io.IOException;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpRequest;
import org.springframework.http.client.ClientHttpRequestExecution;
import org.springframework.http.client.ClientHttpRequestInterceptor;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.client.HttpClientErrorException;
import org.springframework.web.client.RestClient;

/** Spring's {@link RestClient} with tokens of tradeauth. */
class RestClientExampleTest {

  private final TastytradeSimulator simulator = new TastytradeSimulator(TimeSource.system());
  private final User alice = simulator.live().addUser("alice");
  private final TokenManager manager = manager(simulator.live());
  private final TokenProvider tokens = manager.provider(Tastytrade.LIVE);

  private static TokenManager manager(Environment live) {
    return TokenManager.builder()
        .broker(Tastytrade.at(Tastytrade.LIVE, live.api(), live.authorizePage(), live.streamer()))
        .build();
  }

  @BeforeEach
  void signIn() {
    manager.signIn(
        Tastytrade.LIVE, "alice", Tastytrade.grant(alice.clientSecret(), alice.refreshToken()));
  }

  @AfterEach
  void close() {
    manager.close();
    simulator.close();
  }

  // block: rest-client
  /** Adds the token of the user in the request's attribute; reads are repeated, orders never. */
  record BearerTokens(TokenProvider tokens) implements ClientHttpRequestInterceptor {

    static final String USER = "user";

    @Override
    public ClientHttpResponse intercept(
        HttpRequest request, byte[] body, ClientHttpRequestExecution execution) throws IOException {
      String user = (String) Objects.requireNonNull(request.getAttributes().get(USER));
      TokenRequest<ClientHttpResponse, IOException> send =
          token -> {
            request.getHeaders().set("Authorization", token.authorizationFor(request.getURI()));
            return execution.execute(request, body);
          };
      return request.getMethod().equals(HttpMethod.GET)
          ? tokens.call(user, send, response -> response.getStatusCode().value() == 401)
          : tokens.callOnce(user, send, response -> response.getStatusCode().value() == 401);
    }
  }

  // end of block: rest-client

  private RestClient client() {
    return RestClient.builder()
        .requestFactory(new JdkClientHttpRequestFactory()) // follows no redirect
        .baseUrl(simulator.live().api())
        .defaultHeader("User-Agent", "my-app/1.0")
        .requestInterceptor(new BearerTokens(tokens))
        .build();
  }

  private String accounts() {
    return Objects.requireNonNull(
        client()
            .get()
            .uri("/customers/me/accounts")
            .attribute(BearerTokens.USER, "alice")
            .retrieve()
            .body(String.class));
  }

  @Test
  void read_tokenRefused_isRepeatedWithAnother() {
    assertTrue(accounts().contains(alice.accounts().get(0)));
    alice.revokeAccessTokens();
    int before = simulator.count(TastytradeSimulator.ACCOUNTS);

    assertTrue(accounts().contains(alice.accounts().get(0)));
    assertEquals(before + 2, simulator.count(TastytradeSimulator.ACCOUNTS));
  }

  @Test
  void order_tokenRefused_isSentOnceAndItsOwnRetrySucceeds() {
    accounts();
    alice.revokeAccessTokens();

    try {
      order();
    } catch (HttpClientErrorException.Unauthorized e) {
      assertEquals(1, simulator.count(TastytradeSimulator.ORDERS));
    }
    order();

    assertEquals(1, simulator.live().orders());
  }

  private void order() {
    client()
        .post()
        .uri("/accounts/{account}/orders", alice.accounts().get(0))
        .attribute(BearerTokens.USER, "alice")
        .body("{}")
        .retrieve()
        .toBodilessEntity();
  }
}
