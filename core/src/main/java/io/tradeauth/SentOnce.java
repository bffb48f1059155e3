package io.tradeauth;

import java.io.IOException;
import okhttp3.MediaType;
import okhttp3.Request;
import okhttp3.RequestBody;
import okio.BufferedSink;
import org.jspecify.annotations.Nullable;

/**
 * Another's body, which OkHttp may write once: it then resends the request neither after a 503 with
 * {@code Retry-After: 0}, a 408 or a 421, nor to where a 307 or 308 points, but returns what it
 * got.
 */
final class SentOnce extends RequestBody {

  private final RequestBody body;

  private SentOnce(RequestBody body) {
    this.body = body;
  }

  /**
   * Returns a request that OkHttp sends once. One without a body gets an empty one where its method
   * may have it, as OkHttp's own DELETE has; GET and HEAD stay as they are.
   */
  static Request request(Request request) {
    RequestBody body = request.body();
    if (request.method().equals("GET") || request.method().equals("HEAD")) {
      return request;
    }
    return request
        .newBuilder()
        .method(request.method(), new SentOnce(body == null ? RequestBody.EMPTY : body))
        .build();
  }

  @Override
  public boolean isOneShot() {
    return true;
  }

  @Override
  public boolean isDuplex() {
    return body.isDuplex();
  }

  @Override
  public @Nullable MediaType contentType() {
    return body.contentType();
  }

  @Override
  public long contentLength() throws IOException {
    return body.contentLength();
  }

  @Override
  public void writeTo(BufferedSink sink) throws IOException {
    body.writeTo(sink);
  }
}
