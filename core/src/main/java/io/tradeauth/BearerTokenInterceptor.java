package io.tradeauth;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import okhttp3.HttpUrl;
import okhttp3.Interceptor;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;

/**
 * Adds the user's token to requests for the broker's own hosts; after a 401 asks for a token
 * instead of the refused one and repeats what is safe to repeat, once.
 *
 * <p>Failures to get a token are thrown as {@link IOException} with the {@link TokenException} as
 * cause: OkHttp sends anything else to the uncaught-exception handler. A redirect to another host
 * loses the header, because OkHttp removes it there; see {@link Interceptor} about application
 * interceptors. For any number of threads.
 */
final class BearerTokenInterceptor implements Interceptor {

  private static final long MOST_OF_A_REFUSAL = 4 * 1024;

  private final Function<String, TokenSource> users;
  private final @Nullable TokenSource fixedUser;
  private final Repeat repeat;

  BearerTokenInterceptor(
      Function<String, TokenSource> users, @Nullable TokenSource fixedUser, Repeat repeat) {
    this.users = users;
    this.fixedUser = fixedUser;
    this.repeat = repeat;
  }

  @Override
  public Response intercept(Chain chain) throws IOException {
    Request request = chain.request();
    TokenSource user;
    AccessToken token;
    try {
      user = userOf(request);
      checkHost(user, request.url());
      token = user.get();
    } catch (TokenException e) {
      throw new IOException(e.getMessage(), e);
    }
    Response response = chain.proceed(signed(request, user, token));
    return response.code() == 401 ? refused(chain, request, user, token, response) : response;
  }

  private TokenSource userOf(Request request) {
    if (fixedUser != null) {
      return fixedUser;
    }
    RequestUser named = request.tag(RequestUser.class);
    if (named == null) {
      throw new BrokerConfigurationException(
          BrokerConfigurationException.Reason.USER_MISSING,
          "the request names no user: tag it with a RequestUser, or use forUser(...).interceptor()");
    }
    return users.apply(named.userId());
  }

  private static void checkHost(TokenSource user, HttpUrl url) {
    if (!user.hosts().contains(url.scheme(), url.host(), url.port())) {
      throw BrokerConfigurationException.foreignHost(user.hosts(), url.scheme(), url.host());
    }
  }

  private static Request signed(Request request, TokenSource user, AccessToken token) {
    Request.Builder signed = request.newBuilder().header("Authorization", token.header());
    for (Map.Entry<String, String> header : user.headers().entrySet()) {
      if (request.header(header.getKey()) == null) {
        signed.header(header.getKey(), header.getValue());
      }
    }
    return signed.build();
  }

  private Response refused(
      Chain chain, Request request, TokenSource user, AccessToken token, Response refusal)
      throws IOException {
    AccessToken other;
    try {
      other = user.replace(token, answer(refusal));
    } catch (TokenException e) {
      return marked(refusal, AuthRejected.failed(e));
    }
    if (other == null || other.equals(token)) {
      return marked(refusal, AuthRejected.notTheToken());
    }
    if (!mayRepeat(request)) {
      return marked(refusal, AuthRejected.tokenReplaced());
    }
    refusal.close();
    return chain.proceed(signed(request, user, other));
  }

  private static Answer answer(Response refusal) throws IOException {
    Map<String, String> headers = new LinkedHashMap<>();
    refusal.headers().forEach(header -> headers.put(header.getFirst(), header.getSecond()));
    return Answer.of(refusal.code(), headers, refusal.peekBody(MOST_OF_A_REFUSAL).bytes());
  }

  private boolean mayRepeat(Request request) {
    Repeat asked = request.tag(Repeat.class);
    Repeat choice = asked == null ? repeat : asked;
    RequestBody body = request.body();
    if (body != null && (body.isOneShot() || body.isDuplex())) {
      return false;
    }
    boolean read = request.method().equals("GET") || request.method().equals("HEAD");
    return choice == Repeat.ALL || (choice == Repeat.READS && read);
  }

  private static Response marked(Response response, AuthRejected what) {
    Request marked = response.request().newBuilder().tag(AuthRejected.class, what).build();
    return response.newBuilder().request(marked).build();
  }
}
