package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.ApiHosts;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallAnswer;
import io.tradeauth.CallContext;
import io.tradeauth.Json;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/**
 * Where one connection to a feed is opened. The URL has a code that works once: ask for a new one
 * for every connect and reconnect. Immutable; does not print the code.
 */
public final class SocketUrl {

  private final URI uri;

  private SocketUrl(URI uri) {
    this.uri = uri;
  }

  /** Returns the address, with the code; it needs no token. */
  public URI uri() {
    return uri;
  }

  @Override
  public String toString() {
    return "SocketUrl[" + uri.getHost() + "]";
  }

  /** Asks for a socket, with the token of now and never one from the start of the program. */
  static final class Call implements BrokerCall<CallAnswer<SocketUrl>> {

    private final String path;

    Call(String path) {
      this.path = path;
    }

    @Override
    public BrokerRequest request(CallContext context) {
      return BrokerRequest.get(context.apiUri(path)).authorized();
    }

    @Override
    public CallAnswer<SocketUrl> read(Answer answer) {
      Json data = UpstoxAnswers.data(answer);
      URI uri = data == null ? null : socket(data);
      return uri == null
          ? new CallAnswer.Refused<>(answer.status(), UpstoxAnswers.code(answer))
          : new CallAnswer.Given<>(new SocketUrl(uri));
    }

    /** The second spelling is deprecated. */
    private static @Nullable URI socket(Json data) {
      String url = data.text("authorized_redirect_uri");
      return parsed(url != null ? url : data.text("authorizedRedirectUri"));
    }

    private static @Nullable URI parsed(@Nullable String url) {
      try {
        URI uri = url == null ? null : URI.create(url);
        return uri != null && ApiHosts.isSecureSocket(uri) ? uri : null;
      } catch (IllegalArgumentException e) {
        // Its message holds the code; that no address came is all there is to say.
        return null;
      }
    }
  }
}
