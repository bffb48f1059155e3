package io.tradeauth.examples;

// block: sample
import io.tradeauth.AccessToken;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.tastytrade.Tastytrade;
import java.io.IOException;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

class Quickstart {

  static String accounts(String clientSecret, String refreshToken) throws IOException {
    try (TokenManager manager = TokenManager.builder().broker(Tastytrade.live()).build()) {
      manager.signIn(Tastytrade.LIVE, "alice", Tastytrade.grant(clientSecret, refreshToken));

      TokenProvider tokens = manager.provider(Tastytrade.LIVE);
      AccessToken token = tokens.get("alice"); // any thread, all day
      System.out.println("good until " + token.expiresAt());

      // Adds the token to requests; a 401 on a read is repaired once.
      OkHttpClient http =
          new OkHttpClient.Builder().addInterceptor(tokens.forUser("alice").interceptor()).build();
      Request request =
          new Request.Builder().url(tokens.apiUri("/customers/me/accounts").toString()).build();
      try (Response response = http.newCall(request).execute()) {
        return response.body().string();
      }
    }
  }
}
// end of block: sample
