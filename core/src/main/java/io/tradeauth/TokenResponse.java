package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringTokenizer;
import org.jspecify.annotations.Nullable;

/**
 * What a successful token answer said (RFC 6749 section 5.1), member by member.
 *
 * <p>A member that can't be used never spoils its neighbours: a good new refresh token is kept
 * whatever stands beside it, because the old one may be spent already. Immutable; prints no token.
 */
public final class TokenResponse {

  private static final long LONGEST_LIFE_SECONDS = 31_536_000;
  private static final int LONGEST_SCOPE = 256;

  private final @Nullable Secret accessToken;
  private final @Nullable String tokenType;
  private final @Nullable Duration expiresIn;
  private final @Nullable Instant expiresAt;
  private final @Nullable RefreshToken refreshToken;
  private final @Nullable Set<String> scope;
  private final Map<TokenName, NamedToken> namedTokens;
  private final @Nullable UserProfile profile;
  private final List<String> problems;

  private TokenResponse(Builder builder) {
    this.accessToken = builder.accessToken;
    this.tokenType = builder.tokenType;
    this.expiresIn = builder.expiresIn;
    this.expiresAt = builder.expiresAt;
    this.refreshToken = builder.refreshToken;
    this.scope = builder.scope;
    this.namedTokens = Map.copyOf(builder.namedTokens);
    this.profile = builder.profile;
    this.problems = List.copyOf(builder.problems);
  }

  /** Starts an empty response. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Reads the standard members: {@code access_token}, {@code token_type}, {@code expires_in},
   * {@code refresh_token}, {@code scope}. Unknown ones are ignored.
   */
  public static Builder read(Json json) {
    Builder response = builder();
    response.readAccessToken(json);
    response.readTokenType(json);
    response.readExpiresIn(json);
    response.readRefreshToken(json);
    response.readScope(json.text("scope"));
    return response;
  }

  /** Returns the access token; null if the answer had none that can be used. */
  public @Nullable Secret accessToken() {
    return accessToken;
  }

  /**
   * Returns the token type as the server spelled it; null if the answer told none, as some do after
   * a refresh.
   */
  public @Nullable String tokenType() {
    return tokenType;
  }

  /** Returns the life that the answer told, 1 second to a year; null if it told none. */
  public @Nullable Duration expiresIn() {
    return expiresIn;
  }

  /** Returns the end that the answer told as an instant; null if it told none. */
  public @Nullable Instant expiresAt() {
    return expiresAt;
  }

  /** Returns the new refresh token; null if the one that was sent stays valid. */
  public @Nullable RefreshToken refreshToken() {
    return refreshToken;
  }

  /** Returns the granted scope; null if it is the requested one (RFC 6749 section 5.1). */
  public @Nullable Set<String> scope() {
    return scope;
  }

  /** Returns the tokens that came beside the access token. */
  public Map<TokenName, NamedToken> namedTokens() {
    return namedTokens;
  }

  /** Returns whose tokens these are; null if the answer did not tell. */
  public @Nullable UserProfile profile() {
    return profile;
  }

  /**
   * Returns what could not be used, without a character of it, such as {@code expires_in:
   * unreadable}.
   */
  public List<String> problems() {
    return problems;
  }

  @Override
  public String toString() {
    return "TokenResponse[problems=" + problems + "]";
  }

  /** Collects the members of a response. Not for several threads. */
  public static final class Builder {

    private @Nullable Secret accessToken;
    private @Nullable String tokenType;
    private @Nullable Duration expiresIn;
    private @Nullable Instant expiresAt;
    private @Nullable RefreshToken refreshToken;
    private @Nullable Set<String> scope;
    private Map<TokenName, NamedToken> namedTokens = Map.of();
    private @Nullable UserProfile profile;
    private List<String> problems = List.of();

    private Builder() {}

    /** Sets the access token, unless it could not be sent in a header. */
    public Builder accessToken(@Nullable String value) {
      if (value == null || value.isEmpty()) {
        problem("access_token: missing");
      } else if (!TokenSyntax.isToken(value)) {
        problem("access_token: not a token");
      } else {
        accessToken = Secret.of(value);
      }
      return this;
    }

    private void readAccessToken(Json json) {
      if (!json.isContradicted("access_token")) {
        accessToken(json.text("access_token"));
        return;
      }
      List<String> usable = usable(json, "access_token");
      if (usable.size() > 1) {
        problem("access_token: two values");
      } else {
        accessToken(usable.isEmpty() ? json.text("access_token") : usable.get(0));
      }
    }

    private static List<String> usable(Json json, String name) {
      List<String> usable = new ArrayList<>(1);
      for (String text : json.everyText(name)) {
        if (TokenSyntax.isToken(text)) {
          usable.add(text);
        }
      }
      return usable;
    }

    private void readTokenType(Json json) {
      if (!json.has("token_type")) {
        return;
      }
      String type = json.text("token_type");
      if (type != null && type.equalsIgnoreCase("Bearer")) {
        tokenType = type;
      } else {
        // RFC 6749 section 7.1: a token of an unknown type must not be used.
        problem("token_type: not Bearer");
        accessToken = null;
      }
    }

    private void readExpiresIn(Json json) {
      Long seconds = json.integer("expires_in");
      if (seconds != null && seconds > 0) {
        expiresIn = Duration.ofSeconds(Math.min(seconds, LONGEST_LIFE_SECONDS));
      } else if (json.has("expires_in")) {
        problem("expires_in: unreadable");
        expiresIn = Duration.ofMinutes(1);
      }
    }

    /** The one that can be used counts, whatever else goes by that name. */
    private void readRefreshToken(Json json) {
      if (!json.isContradicted("refresh_token")) {
        refreshToken(json.text("refresh_token"));
        return;
      }
      List<String> usable = usable(json, "refresh_token");
      if (usable.size() > 1) {
        problem("refresh_token: two values");
      } else {
        refreshToken(usable.isEmpty() ? json.text("refresh_token") : usable.get(0));
      }
    }

    private void readScope(@Nullable String text) {
      if (text == null || text.isBlank()) {
        return;
      }
      List<String> granted = new ArrayList<>(4);
      StringTokenizer values = new StringTokenizer(text.trim(), " ");
      while (values.hasMoreTokens()) {
        String one = values.nextToken();
        // RFC 6749 section 3.3; anything else would find its way into logs.
        if (one.length() <= LONGEST_SCOPE && TokenSyntax.isToken(one)) {
          granted.add(one);
        } else {
          problem("scope: not a scope");
        }
      }
      if (!granted.isEmpty()) {
        scope = ScopeValues.of(granted);
      }
    }

    /** Sets the new refresh token; null or empty means that the old one stays. */
    public Builder refreshToken(@Nullable String value) {
      if (value != null && !value.isEmpty()) {
        if (TokenSyntax.isToken(value)) {
          refreshToken = RefreshToken.of(value);
        } else {
          problem("refresh_token: not a token");
        }
      }
      return this;
    }

    /** Sets the life that the server told. */
    public Builder expiresIn(Duration life) {
      this.expiresIn = life;
      return this;
    }

    /** Sets the end that the server told as an instant. */
    public Builder expiresAt(Instant end) {
      this.expiresAt = end;
      return this;
    }

    /** Sets the granted scope. */
    public Builder scope(Set<String> granted) {
      this.scope = Set.copyOf(granted);
      return this;
    }

    /** Drops the access token: the answer says that something is wrong. */
    void distrust(String why) {
      problem(why);
      accessToken = null;
    }

    /** Adds something that could not be used. */
    void problem(String what) {
      problems = problems.isEmpty() ? new ArrayList<>() : problems;
      problems.add(what);
    }

    /** Returns whether there is another refresh token than the one that was sent. */
    boolean bringsNewRefreshToken(@Nullable RefreshToken sent) {
      return refreshToken != null && !refreshToken.equals(sent);
    }

    /** Forgets the scope: the server's word for it can't be trusted. */
    void untoldScope() {
      this.scope = null;
    }

    /** Adds a token that came beside the access token, unless it could not be sent in a header. */
    public Builder namedToken(TokenName name, NamedToken token) {
      if (TokenSyntax.isToken(token.value().value())) {
        namedTokens = namedTokens.isEmpty() ? new HashMap<>() : namedTokens;
        namedTokens.put(name, token);
      } else {
        problem(name + ": not a token");
      }
      return this;
    }

    /** Says whose tokens these are. */
    public Builder profile(UserProfile owner) {
      this.profile = owner;
      return this;
    }

    /** Makes the response. */
    public TokenResponse build() {
      return new TokenResponse(this);
    }
  }
}
