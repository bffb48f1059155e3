package io.tradeauth;

import java.util.Optional;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;

/** Says of a 401 that came back as it was what has been done about the token. Immutable. */
public final class AuthRejected {

  private final boolean replaced;
  private final @Nullable TokenException failure;

  private AuthRejected(boolean replaced, @Nullable TokenException failure) {
    this.replaced = replaced;
    this.failure = failure;
  }

  static AuthRejected tokenReplaced() {
    return new AuthRejected(true, null);
  }

  static AuthRejected notTheToken() {
    return new AuthRejected(false, null);
  }

  static AuthRejected failed(TokenException failure) {
    return new AuthRejected(false, failure);
  }

  /**
   * Returns what an interceptor did about the 401 of {@code response}; empty if it was not
   * involved.
   */
  public static Optional<AuthRejected> of(Response response) {
    return Optional.ofNullable(response.request().tag(AuthRejected.class));
  }

  /**
   * Returns whether the token was replaced but the request not repeated: sending it again, if that
   * is safe, will use the new token.
   */
  public boolean isTokenReplaced() {
    return replaced;
  }

  /** Returns why the token could not be replaced; empty if it was, or is not to blame. */
  public Optional<TokenException> failure() {
    return Optional.ofNullable(failure);
  }

  @Override
  public String toString() {
    return "AuthRejected[tokenReplaced=" + replaced + "]";
  }
}
