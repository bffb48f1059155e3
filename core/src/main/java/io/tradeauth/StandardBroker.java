package io.tradeauth;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A broker that speaks RFC 6749 as it is written, with options for what differs. Immutable; made by
 * {@link #builder}.
 *
 * <p>It exchanges authorization codes and refresh tokens by form posts to one token endpoint, and
 * takes imported tokens. The client is authenticated in the body unless {@link
 * Builder#basicAuthentication} says otherwise; one method, never both (RFC 6749 section 2.3).
 */
public final class StandardBroker implements Broker {

  private final BrokerProfile profile;
  private final BrokerRequest post;
  private final @Nullable URI authorizationUri;
  private final Map<String, String> authorizationParameters;
  private final Map<String, String> freshLoginParameters;
  private final Set<String> scope;
  private final Set<String> requiredScope;
  private final boolean scopeToldOnRefresh;
  private final PkcePolicy pkce;
  private final boolean basic;
  private final TokenErrors.Table errors;
  private final Function<Json, Optional<UserProfile>> profileOf;
  private final @Nullable BrokerCall<ProbeAnswer> probe;
  private final @Nullable SignOut signOut;
  private final Function<Answer, Rejection> rejection;

  private StandardBroker(Builder builder) {
    this.profile = builder.profile;
    this.post = BrokerRequest.post(builder.tokenUri).header("Accept", "application/json");
    this.authorizationUri = builder.authorizationUri;
    this.authorizationParameters = Map.copyOf(builder.authorizationParameters);
    this.freshLoginParameters = Map.copyOf(builder.freshLoginParameters);
    this.scope = new LinkedHashSet<>(builder.scope);
    this.requiredScope = Set.copyOf(builder.requiredScope);
    this.scopeToldOnRefresh = builder.scopeToldOnRefresh;
    this.pkce = builder.pkce;
    this.basic = builder.basic;
    this.errors = builder.errors;
    this.profileOf = builder.profileOf;
    this.probe = builder.probe;
    this.signOut = builder.signOut;
    this.rejection = builder.rejection;
  }

  /** Whether a broker takes proof keys (RFC 7636). */
  public enum PkcePolicy {
    /** Refuses requests that have one. */
    UNSUPPORTED,
    /** Takes them from every client. */
    SUPPORTED,
    /** Takes them from public clients only, which must send one. */
    PUBLIC_CLIENTS_ONLY
  }

  /** Starts a broker with its profile and token endpoint (RFC 6749 section 3.2). */
  public static Builder builder(BrokerProfile profile, URI tokenUri) {
    return new Builder(profile, tokenUri);
  }

  @Override
  public BrokerProfile profile() {
    return profile;
  }

  @Override
  public @Nullable URI authorizationUri(AuthorizationRequest request, ClientCredentials client) {
    if (authorizationUri == null) {
      return null;
    }
    checkPkce(request.pkce().isPresent(), client);
    Set<String> wanted = request.scope().isEmpty() ? scope : request.scope();
    checkScope(wanted);
    Map<String, String> query = new LinkedHashMap<>();
    query.put("response_type", "code");
    query.put("client_id", client.id());
    query.put("redirect_uri", request.redirectUri().toString());
    if (!wanted.isEmpty()) {
      query.put("scope", String.join(" ", wanted));
    }
    query.put("state", request.state());
    request
        .pkce()
        .ifPresent(
            proofKey -> {
              query.put("code_challenge", proofKey.challenge());
              query.put("code_challenge_method", "S256");
            });
    query.putAll(authorizationParameters);
    if (request.isFreshLogin()) {
      query.putAll(freshLoginParameters);
    }
    return URI.create(authorizationUri + "?" + FormText.join(query));
  }

  private void checkPkce(boolean present, ClientCredentials client) {
    boolean publicClient = client.secret().isEmpty();
    if (present
        && (pkce == PkcePolicy.UNSUPPORTED
            || (pkce == PkcePolicy.PUBLIC_CLIENTS_ONLY && !publicClient))) {
      throw new IllegalArgumentException(
          "pkce: " + profile.name() + " takes no proof key from this client; leave it out");
    }
    if (!present && publicClient) {
      throw new IllegalArgumentException(
          "pkce: a public client needs a proof key (RFC 9700 section 2.1.1)");
    }
  }

  private void checkScope(Set<String> wanted) {
    if (!wanted.containsAll(requiredScope)) {
      throw new IllegalArgumentException(
          "scope: " + profile.name() + " needs " + String.join(" ", requiredScope));
    }
  }

  @Override
  public @Nullable Grant renewal(@Nullable TokenSet tokens) {
    RefreshToken refreshToken = tokens == null ? null : tokens.refreshToken();
    return refreshToken == null ? null : new Grant.Refresh(refreshToken, null);
  }

  @Override
  public BrokerCall<ExchangeAnswer> exchange(Grant grant) {
    if (grant instanceof Grant.AuthorizationCode) {
      Grant.AuthorizationCode code = (Grant.AuthorizationCode) grant;
      return new TokenCall(() -> codeFields(code), null, true);
    }
    if (grant instanceof Grant.Refresh) {
      RefreshToken sent = ((Grant.Refresh) grant).refreshToken();
      return new TokenCall(() -> refreshFields(sent), sent, scopeToldOnRefresh);
    }
    throw new IllegalArgumentException(
        "grant: "
            + profile.name()
            + " takes authorization codes, refresh tokens and imported tokens, not "
            + grant.getClass().getSimpleName());
  }

  private static Map<String, String> codeFields(Grant.AuthorizationCode grant) {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("grant_type", "authorization_code");
    fields.put("code", grant.code().value());
    fields.put("redirect_uri", grant.redirectUri().toString());
    if (grant.codeVerifier() != null) {
      fields.put("code_verifier", grant.codeVerifier().value());
    }
    fields.putAll(grant.parameters());
    return fields;
  }

  private static Map<String, String> refreshFields(RefreshToken sent) {
    Map<String, String> fields = new LinkedHashMap<>(8);
    fields.put("grant_type", "refresh_token");
    fields.put("refresh_token", sent.value());
    return fields;
  }

  @Override
  public @Nullable BrokerCall<ProbeAnswer> probe() {
    return probe;
  }

  @Override
  public @Nullable SignOut signOut() {
    return signOut;
  }

  @Override
  public Rejection rejection(Answer answer) {
    return rejection.apply(answer);
  }

  /** A post to the token endpoint. */
  private final class TokenCall implements BrokerCall<ExchangeAnswer> {

    private final Supplier<Map<String, String>> fields;
    private final @Nullable RefreshToken sent;
    private final boolean scopeTold;

    TokenCall(
        Supplier<Map<String, String>> fields, @Nullable RefreshToken sent, boolean scopeTold) {
      this.fields = fields;
      this.sent = sent;
      this.scopeTold = scopeTold;
    }

    @Override
    public BrokerRequest request(CallContext context) {
      ClientCredentials client = context.client();
      return basic && client.secret().isPresent()
          ? post.header("Authorization", basic(client)).form(fields.get())
          : post.form(fieldsWith(client));
    }

    private Map<String, String> fieldsWith(ClientCredentials client) {
      Map<String, String> all = fields.get();
      all.put("client_id", client.id());
      client.secret().ifPresent(secret -> all.put("client_secret", secret.value()));
      return all;
    }

    private String basic(ClientCredentials client) {
      String pair =
          FormText.encode(client.id()) + ":" + FormText.encode(client.requireSecret().value());
      return "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public ExchangeAnswer read(Answer answer) {
      Json json = answer.isSuccess() ? answer.json() : null;
      if (json == null || !hasTokens(json)) {
        return TokenErrors.meaning(answer, errors);
      }
      TokenResponse.Builder response = TokenResponse.read(json);
      if (isError(json)) {
        if (!response.bringsNewRefreshToken(sent)) {
          return TokenErrors.meaning(answer, errors);
        }
        // The old one may be spent: the new one is kept before the error is told.
        response.distrust("error: beside a new refresh token");
      }
      if (!scopeTold) {
        response.untoldScope();
      }
      readProfile(json, response);
      return new ExchangeAnswer.Granted(response.build());
    }

    private void readProfile(Json json, TokenResponse.Builder response) {
      try {
        profileOf.apply(json).ifPresent(response::profile);
      } catch (RuntimeException e) {
        // Whose tokens they are is not worth the tokens, whatever the reader has stumbled over.
        response.problem("profile: unreadable");
      }
    }

    private boolean isError(Json json) {
      return tells(json, "error") || tells(json, "error_code");
    }

    private boolean tells(Json json, String name) {
      return json.has(name) && !"".equals(json.text(name));
    }

    private boolean hasTokens(Json json) {
      return json.has("access_token") || json.has("refresh_token");
    }
  }

  @Override
  public String toString() {
    return "StandardBroker[" + profile.name() + "]";
  }

  /** Builds a broker. Not for several threads. */
  public static final class Builder {

    private final BrokerProfile profile;
    private final URI tokenUri;
    private @Nullable URI authorizationUri;
    private final Map<String, String> authorizationParameters = new LinkedHashMap<>();
    private final Map<String, String> freshLoginParameters = new LinkedHashMap<>();
    private final Set<String> scope = new LinkedHashSet<>();
    private final Set<String> requiredScope = new LinkedHashSet<>();
    private boolean scopeToldOnRefresh = true;
    private PkcePolicy pkce = PkcePolicy.SUPPORTED;
    private boolean basic;
    private TokenErrors.Table errors = (status, error, description) -> null;
    private Function<Json, Optional<UserProfile>> profileOf = json -> Optional.empty();
    private @Nullable BrokerCall<ProbeAnswer> probe;
    private @Nullable SignOut signOut;
    private Function<Answer, Rejection> rejection = answer -> Rejection.RENEW;

    private Builder(BrokerProfile profile, URI tokenUri) {
      this.profile = profile;
      this.tokenUri = ApiHosts.checkBase(tokenUri);
    }

    /** Sets the page where users allow the application to act (RFC 6749 section 3.1). */
    public Builder authorizationUri(URI uri) {
      this.authorizationUri = ApiHosts.checkBase(uri);
      return this;
    }

    /** Adds a parameter that every authorization request needs, such as an audience. */
    public Builder authorizationParameter(String name, String value) {
      authorizationParameters.put(name, value);
      return this;
    }

    /** Adds a parameter for requests that want a fresh login, such as {@code prompt=login}. */
    public Builder freshLoginParameter(String name, String value) {
      freshLoginParameters.put(name, value);
      return this;
    }

    /** Sets the scope that is asked for if a request names none. */
    public Builder scope(String... usual) {
      scope.addAll(List.of(usual));
      return this;
    }

    /** Refuses authorization requests whose scope lacks one of these. */
    public Builder requiredScope(String... needed) {
      requiredScope.addAll(List.of(needed));
      return this;
    }

    /**
     * Passes over the scope that a refresh answers with: this server tells a shorter one than it
     * grants.
     */
    public Builder scopeNotToldOnRefresh() {
      this.scopeToldOnRefresh = false;
      return this;
    }

    /** Sets whether proof keys are taken; {@link PkcePolicy#SUPPORTED} if not set. */
    public Builder pkce(PkcePolicy policy) {
      this.pkce = policy;
      return this;
    }

    /** Authenticates the client by HTTP Basic (RFC 6749 section 2.3.1) and not in the body. */
    public Builder basicAuthentication() {
      this.basic = true;
      return this;
    }

    /** Sets the broker's own error rows. */
    public Builder errors(TokenErrors.Table table) {
      this.errors = table;
      return this;
    }

    /** Sets how a token answer tells whose tokens they are, such as the claims of an id token. */
    public Builder profileOf(Function<Json, Optional<UserProfile>> reader) {
      this.profileOf = reader;
      return this;
    }

    /** Sets the cheapest authenticated call. */
    public Builder probe(BrokerCall<ProbeAnswer> call) {
      this.probe = call;
      return this;
    }

    /** Sets how a session is ended on the broker's side. */
    public Builder signOut(SignOut how) {
      this.signOut = how;
      return this;
    }

    /** Sets what a 401 of the API means; {@link Rejection#RENEW} if not set. */
    public Builder rejection(Function<Answer, Rejection> reader) {
      this.rejection = reader;
      return this;
    }

    /** Makes the broker. */
    public StandardBroker build() {
      return new StandardBroker(this);
    }
  }
}
