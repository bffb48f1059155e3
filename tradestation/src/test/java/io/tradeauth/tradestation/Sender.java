package io.tradeauth.tradestation;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;

/** Sends a call as the engine would, without an engine. */
final class Sender {

  private static final OkHttpClient HTTP = new OkHttpClient();

  private Sender() {}

  static <T> T call(CallContext context, BrokerCall<T> call) throws IOException {
    return call.read(send(context, call));
  }

  static Answer send(CallContext context, BrokerCall<?> call) throws IOException {
    try (Response response = HTTP.newCall(request(context, call.request(context))).execute()) {
      Map<String, String> headers = new HashMap<>();
      response.headers().forEach(header -> headers.put(header.getFirst(), header.getSecond()));
      return Answer.of(response.code(), headers, response.body().bytes());
    }
  }

  private static Request request(CallContext context, BrokerRequest request) {
    Request.Builder builder =
        new Request.Builder().url(request.uri().toString()).method(request.method(), body(request));
    request.headers().forEach(builder::header);
    if (request.isAuthorized()) {
      builder.header("Authorization", "Bearer " + context.tokens().accessToken().value());
    }
    return builder.build();
  }

  private static @Nullable RequestBody body(BrokerRequest request) {
    return request.body() == null
        ? null
        : RequestBody.create(request.body(), MediaType.parse(request.contentType()));
  }
}
