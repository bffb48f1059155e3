package io.tradeauth.examples;

import io.tradeauth.TimeSource;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.tastytrade.Tastytrade;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;

/**
 * The JDK's own HTTP client: {@code send} adds the token and repeats a read after a 401, as the
 * interceptor does for OkHttp. It runs against the simulator, which ends the token in between.
 */
public final class HttpClientExample {

  private HttpClientExample() {}

  /** Reads twice; before the second time the token is ended. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    try (TastytradeSimulator simulator = new TastytradeSimulator(TimeSource.system())) {
      Environment live = simulator.live();
      User alice = live.addUser("alice");
      try (TokenManager manager =
          TokenManager.builder()
              .broker(
                  Tastytrade.at(Tastytrade.LIVE, live.api(), live.authorizePage(), live.streamer()))
              .build()) {
        manager.signIn(
            Tastytrade.LIVE, "alice", Tastytrade.grant(alice.clientSecret(), alice.refreshToken()));
        TokenProvider tokens = manager.provider(Tastytrade.LIVE);
        System.out.println("status " + read(tokens).statusCode());
        alice.revokeAccessTokens();
        System.out.println("status " + read(tokens).statusCode() + ", after a 401 was repaired");
      }
    }
  }

  static HttpResponse<String> read(TokenProvider tokens) throws IOException, InterruptedException {
    // block: http-client
    HttpClient client = HttpClient.newHttpClient(); // follows no redirect, as it must be
    HttpRequest request = HttpRequest.newBuilder(tokens.apiUri("/customers/me/accounts")).build();
    HttpResponse<String> response = tokens.send("alice", client, request, BodyHandlers.ofString());
    // end of block: http-client
    return response;
  }
}
