package io.tradeauth;

import java.net.URI;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a user's sign-in brings: something that is exchanged for tokens (RFC 6749 section 1.3), or
 * tokens that came another way.
 *
 * <p>A closed set; the broker modules have factory methods that make the right one. A grant may
 * carry the user's own client credentials, which are then kept with the user's tokens. All are
 * immutable and print no secret.
 */
public sealed interface Grant {

  /** Returns the user's own client credentials; null if the broker's settings have them. */
  @Nullable ClientCredentials client();

  /**
   * A code that came back from the authorization server (RFC 6749 section 4.1.3). Single use.
   *
   * @param code the code
   * @param redirectUri the same that the authorization request had
   * @param codeVerifier the verifier of the request's proof key (RFC 7636), if it had one
   * @param requestedScope the scope that was asked for, to compare with what is granted
   * @param parameters further parameters that the broker documents
   * @param client see {@link Grant#client}
   */
  record AuthorizationCode(
      Secret code,
      URI redirectUri,
      @Nullable Secret codeVerifier,
      Set<String> requestedScope,
      Map<String, String> parameters,
      @Nullable ClientCredentials client)
      implements Grant {

    /** Copies the collections. */
    public AuthorizationCode {
      requestedScope = Set.copyOf(requestedScope);
      parameters = Map.copyOf(parameters);
    }

    /** A code without extras. */
    public AuthorizationCode(String code, URI redirectUri) {
      this(Secret.of(code), redirectUri, null, Set.of(), Map.of(), null);
    }

    /** Returns the same with the verifier of the request's proof key. */
    public AuthorizationCode pkce(Pkce proofKey) {
      return new AuthorizationCode(
          code, redirectUri, proofKey.verifier(), requestedScope, parameters, client);
    }

    /** Returns the same with the scope that was asked for. */
    public AuthorizationCode requestedScope(Collection<String> scope) {
      return new AuthorizationCode(
          code, redirectUri, codeVerifier, Set.copyOf(scope), parameters, client);
    }

    /** Returns the same with the user's own client credentials. */
    public AuthorizationCode client(ClientCredentials own) {
      return new AuthorizationCode(
          code, redirectUri, codeVerifier, requestedScope, parameters, own);
    }
  }

  /**
   * A refresh token (RFC 6749 section 6), from an earlier grant or another system.
   *
   * @param refreshToken the refresh token
   * @param client see {@link Grant#client}
   */
  record Refresh(RefreshToken refreshToken, @Nullable ClientCredentials client) implements Grant {

    /** A refresh token of the client in the broker's settings. */
    public Refresh(String refreshToken) {
      this(RefreshToken.of(refreshToken), null);
    }
  }

  /**
   * Tokens that another system or the broker's console made, with their own end. They are proven by
   * the broker's probe, where it has one, before they replace anything.
   *
   * @param tokens the tokens
   * @param client see {@link Grant#client}
   */
  record Imported(TokenResponse tokens, @Nullable ClientCredentials client) implements Grant {

    /** Returns the same with the user's own client credentials. */
    public Imported client(ClientCredentials own) {
      return new Imported(tokens, own);
    }
  }

  /**
   * A login of the application itself, proven by a signature; no human takes part.
   *
   * @param client see {@link Grant#client}
   */
  record SignedLogin(@Nullable ClientCredentials client) implements Grant {}

  /**
   * A user name and a password. Brokers have switched this off; it is here for what still has it.
   *
   * @param username the user name
   * @param password the password
   * @param oneTimePassword a one-time password, if the broker asks for one
   * @param client see {@link Grant#client}
   */
  record PasswordSession(
      String username,
      Secret password,
      @Nullable Secret oneTimePassword,
      @Nullable ClientCredentials client)
      implements Grant {}

  /**
   * A token that the broker pushed to the application. It comes unproven: its exchange is a call
   * with it that tells whose it is.
   *
   * @param tokens the token as it was pushed
   * @param client see {@link Grant#client}
   */
  record Delivered(TokenResponse tokens, @Nullable ClientCredentials client) implements Grant {

    /** Returns the same with the user's own client credentials. */
    public Delivered client(ClientCredentials own) {
      return new Delivered(tokens, own);
    }
  }
}
