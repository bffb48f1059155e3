package io.tradeauth;

import java.io.IOException;
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
 * loses the header, because OkHttp removes it there; what comes back from a host that is not the
 * broker's is thrown away. A request that may not be repeated is not resent by OkHttp either,
 * whether a connection dies under it or the server invites to send it again or elsewhere. For any
 * number of threads.
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
    } catch (RuntimeException e) {
      throw new IOException("no token: " + e.getClass().getSimpleName(), e);
    }
    boolean repeatable = mayRepeat(request);
    Request signed = signed(request, user, token);
    Response response = checked(user, repeatable ? chain.proceed(signed) : once(chain, signed));
    if (response.code() != 401) {
      return response;
    }
    return response.request().header("Authorization") == null
        ? marked(response, AuthRejected.notTheToken()) // redirected, and so sent without it
        : refused(chain, repeatable ? request : null, user, token, response);
  }

  private static Response once(Chain chain, Request request) throws IOException {
    return chain.withRetryOnConnectionFailure(false).proceed(SentOnce.request(request));
  }

  /** Refuses what a redirect has brought from a host that has no business with the user. */
  private static Response checked(TokenSource user, Response response) throws IOException {
    try {
      checkHost(user, response.request().url());
      return response;
    } catch (BrokerConfigurationException e) {
      response.close();
      throw new IOException(e.getMessage(), e);
    }
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

  /** Replaces the token and sends {@code again}, unless that is null. */
  private static Response refused(
      Chain chain, @Nullable Request again, TokenSource user, AccessToken token, Response refusal)
      throws IOException {
    AccessToken other;
    try {
      other = user.replace(token, answer(refusal));
    } catch (TokenException e) {
      return marked(refusal, AuthRejected.failed(e));
    } catch (IOException | RuntimeException e) {
      refusal.close();
      throw e instanceof IOException
          ? (IOException) e
          : new IOException("no other token: " + e.getClass().getSimpleName(), e);
    }
    if (other == null || other.equals(token)) {
      return marked(refusal, AuthRejected.notTheToken());
    }
    if (again == null) {
      return marked(refusal, AuthRejected.tokenReplaced());
    }
    refusal.close();
    return checked(user, chain.proceed(signed(again, user, other)));
  }

  private static Answer answer(Response refusal) throws IOException {
    String start = refusal.peekBody(MOST_OF_A_REFUSAL).source().readUtf8();
    return Answer.of(refusal.code(), refusal.headers(), start, null);
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
