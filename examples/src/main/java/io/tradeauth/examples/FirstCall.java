package io.tradeauth.examples;

import io.tradeauth.TokenException;
import io.tradeauth.TokenProvider;
import java.io.IOException;
import java.io.PrintStream;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/** The first thing to try with a broker: a token, and a read with it. The same for all. */
final class FirstCall {

  private FirstCall() {}

  /** Reads {@code path} for a user and returns an exit code. */
  static int read(TokenProvider tokens, String user, String path, PrintStream out) {
    out.println("The token is good until " + tokens.get(user).expiresAt() + ".");
    OkHttpClient http =
        new OkHttpClient.Builder().addInterceptor(tokens.forUser(user).interceptor()).build();
    Request request = new Request.Builder().url(tokens.apiUri(path).toString()).build();
    try (Response response = http.newCall(request).execute()) {
      out.println(path + " answers " + response.code() + ":");
      out.println(response.peekBody(2_000).string());
      return response.isSuccessful() ? 0 : 1;
    } catch (IOException e) {
      out.println("That failed: " + e.getMessage());
      return 1;
    }
  }

  /** Says what a failure wants of the owner of the settings. */
  static int failed(TokenException failure, PrintStream out) {
    out.println(failure.getClass().getSimpleName() + ", " + failure.reason() + ":");
    out.println(failure.getMessage());
    return 1;
  }
}
