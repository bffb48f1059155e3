package io.tradeauth.examples;

// block: simulator
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Broker;
import io.tradeauth.TimeSource;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.tastytrade.Tastytrade;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import java.io.IOException;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.junit.jupiter.api.Test;

class AccountsTest {

  @Test
  void tokenEndedByTheBroker_accountsAreStillRead() throws IOException {
    try (TastytradeSimulator simulator = new TastytradeSimulator(TimeSource.system());
        TokenManager manager = TokenManager.builder().broker(brokerAt(simulator.live())).build()) {
      User alice = simulator.live().addUser("alice");
      manager.signIn(
          Tastytrade.LIVE, "alice", Tastytrade.grant(alice.clientSecret(), alice.refreshToken()));

      alice.revokeAccessTokens();

      assertTrue(accounts(manager.provider(Tastytrade.LIVE)).contains(alice.accounts().get(0)));
    }
  }

  private static Broker brokerAt(Environment live) {
    return Tastytrade.at(Tastytrade.LIVE, live.api(), live.authorizePage(), live.streamer());
  }

  /** The application's code; it holds a provider and does not know which broker it is. */
  private static String accounts(TokenProvider tokens) throws IOException {
    OkHttpClient http =
        new OkHttpClient.Builder().addInterceptor(tokens.forUser("alice").interceptor()).build();
    Request request =
        new Request.Builder().url(tokens.apiUri("/customers/me/accounts").toString()).build();
    try (Response response = http.newCall(request).execute()) {
      return response.body().string();
    }
  }
}
// end of block: simulator
