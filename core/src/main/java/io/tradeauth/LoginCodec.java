package io.tradeauth;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes a login as the two parts of a record and reads it back. The label has nothing secret;
 * member names are the format, so a newer version may add some and must not change any.
 */
final class LoginCodec {

  private LoginCodec() {}

  static TokenStore.Content write(Login login) {
    return write(login, null);
  }

  /**
   * Writes a login and who wrote it.
   *
   * @param instance the id of the manager that writes it
   */
  static TokenStore.Content write(Login login, @Nullable String instance) {
    return new TokenStore.Content(
        login.state(),
        login.since(),
        Json.write(json -> writeLabel(json, login)),
        Json.write(json -> writeSecrets(json, login, instance)));
  }

  /** Reads the id of the manager that wrote a record; null if it is not there. */
  static @Nullable String instance(TokenStore.Content content) {
    Json members = Json.read(content.secrets());
    return members == null ? null : members.text("instance");
  }

  private static void writeLabel(JsonGenerator json, Login login) throws IOException {
    json.writeStringField("user", login.userId());
    put(json, "client", login.clientId());
    TokenSet tokens = login.tokens();
    if (tokens != null) {
      put(json, "expires_at", tokens.expiresAt());
      put(json, "renewed_at", tokens.refreshToken() == null ? null : tokens.receivedAt());
    }
  }

  private static void writeSecrets(JsonGenerator json, Login login, @Nullable String instance)
      throws IOException {
    json.writeStringField("user", login.userId());
    put(json, "client", login.clientId());
    put(json, "reason", login.reason() == null ? null : login.reason().name());
    if (!login.owner().equals(Owner.UNKNOWN)) {
      json.writeObjectFieldStart("owner");
      writeOwner(json, login.owner());
      json.writeEndObject();
    }
    if (login.hasRotated()) {
      json.writeBooleanField("rotates", true);
    }
    put(json, "origin", login.origin());
    if (login.tokens() != null) {
      json.writeObjectFieldStart("tokens");
      writeTokens(json, login.tokens());
      json.writeEndObject();
    }
    if (login.ownClient() != null) {
      json.writeObjectFieldStart("own_client");
      writeClient(json, login.ownClient());
      json.writeEndObject();
    }
    put(json, "instance", instance);
  }

  private static void writeTokens(JsonGenerator json, TokenSet tokens) throws IOException {
    put(json, "access_token", tokens.accessToken() == null ? null : tokens.accessToken().value());
    json.writeStringField("token_type", tokens.tokenType());
    put(json, "received_at", tokens.receivedAt());
    put(json, "held_since", tokens.heldSince());
    put(json, "expires_at", tokens.expiresAt());
    put(
        json,
        "refresh_token",
        tokens.refreshToken() == null ? null : tokens.refreshToken().value());
    put(json, "scope", tokens.scope());
    put(json, "requested_scope", tokens.requestedScope());
    if (!tokens.namedTokens().isEmpty()) {
      json.writeArrayFieldStart("named");
      writeNamed(json, tokens.namedTokens());
      json.writeEndArray();
    }
    if (tokens.profile() != null) {
      json.writeObjectFieldStart("profile");
      writeProfile(json, tokens.profile());
      json.writeEndObject();
    }
  }

  private static void writeNamed(JsonGenerator json, Map<TokenName, NamedToken> tokens)
      throws IOException {
    for (Map.Entry<TokenName, NamedToken> named : tokens.entrySet()) {
      json.writeStartObject();
      json.writeStringField("name", named.getKey().value());
      json.writeStringField("token", named.getValue().value().value());
      put(json, "expires_at", named.getValue().expiresAt());
      json.writeEndObject();
    }
  }

  private static void writeProfile(JsonGenerator json, UserProfile profile) throws IOException {
    put(json, "subject", profile.subject());
    put(json, "name", profile.name());
    put(json, "email", profile.email());
    writeAccounts(json, profile.accounts());
    put(json, "exchanges", profile.exchanges());
    put(json, "products", profile.products());
    put(json, "order_types", profile.orderTypes());
  }

  private static void writeOwner(JsonGenerator json, Owner owner) throws IOException {
    put(json, "person", owner.person());
    put(json, "proven", owner.isProven() ? "yes" : null);
    put(json, "created_at", owner.createdAt());
    put(json, "updated_at", owner.updatedAt());
    put(json, "validated_at", owner.validatedAt());
    json.writeArrayFieldStart("accounts");
    for (Map.Entry<String, List<UserProfile.Account>> told : owner.accounts().entrySet()) {
      json.writeStartObject();
      json.writeStringField("provider", told.getKey());
      writeAccounts(json, told.getValue());
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void writeAccounts(JsonGenerator json, List<UserProfile.Account> accounts)
      throws IOException {
    json.writeArrayFieldStart("accounts");
    for (UserProfile.Account account : accounts) {
      json.writeStartObject();
      json.writeStringField("number", account.number());
      put(json, "type", account.type());
      put(json, "nickname", account.nickname());
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void writeClient(JsonGenerator json, ClientCredentials client) throws IOException {
    json.writeStringField("id", client.id());
    put(json, "secret", client.secret().map(Secret::value).orElse(null));
    json.writeArrayFieldStart("attributes");
    for (Map.Entry<String, String> attribute : client.attributes().entrySet()) {
      json.writeStartObject();
      json.writeStringField("name", attribute.getKey());
      json.writeStringField("value", attribute.getValue());
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void put(JsonGenerator json, String name, @Nullable String value)
      throws IOException {
    if (value != null) {
      json.writeStringField(name, value);
    }
  }

  private static void put(JsonGenerator json, String name, @Nullable Instant value)
      throws IOException {
    if (value != null) {
      json.writeNumberField(name, millis(value));
    }
  }

  private static void put(JsonGenerator json, String name, @Nullable Set<String> values)
      throws IOException {
    if (values != null) {
      json.writeArrayFieldStart(name);
      for (String value : values) {
        json.writeString(value);
      }
      json.writeEndArray();
    }
  }

  /** Reads what is stored; null if nothing is, or an empty record. */
  static @Nullable Login stored(TokenStore.@Nullable StoredRecord stored) {
    return stored == null || stored.content().state() == TokenStore.State.EMPTY
        ? null
        : read(stored.content());
  }

  /**
   * Reads a record back.
   *
   * @throws TokenStoreException if it is not what {@link #write} wrote
   */
  static Login read(TokenStore.Content content) {
    try (JsonParser json = Json.parser(content.secrets())) {
      Login login = json.nextToken() == JsonToken.START_OBJECT ? readLogin(json, content) : null;
      if (login != null && json.nextToken() == null) {
        return login;
      }
    } catch (IOException e) {
      // Its message may hold what it has stumbled over.
    }
    throw new TokenStoreException(
        TokenStoreException.Reason.UNREADABLE_RECORD, "a stored login can't be read", null);
  }

  /** Reads member by member, and not into a map first: a record is read in each exchange. */
  private static @Nullable Login readLogin(JsonParser json, TokenStore.Content content)
      throws IOException {
    String userId = null;
    String clientId = null;
    String reason = null;
    Owner owner = Owner.UNKNOWN;
    boolean rotates = false;
    String origin = null;
    TokenSet tokens = null;
    ClientCredentials ownClient = null;
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      json.nextToken();
      switch (name) {
        case "user":
          userId = text(json);
          break;
        case "client":
          clientId = text(json);
          break;
        case "reason":
          reason = text(json);
          break;
        case "owner":
          owner = owner(Json.read(json));
          break;
        case "rotates":
          rotates = json.currentToken() == JsonToken.VALUE_TRUE;
          json.skipChildren();
          break;
        case "origin":
          origin = text(json);
          break;
        case "tokens":
          tokens = json.currentToken() == JsonToken.START_OBJECT ? readTokens(json) : null;
          break;
        case "own_client":
          ownClient = client(Json.read(json));
          break;
        default:
          json.skipChildren(); // from a newer version
      }
    }
    return userId == null
        ? null
        : new Login(
            userId,
            content.state(),
            content.since(),
            reason(reason),
            tokens,
            ownClient,
            clientId,
            owner,
            rotates,
            origin);
  }

  private static TokenSet readTokens(JsonParser json) throws IOException {
    String access = null;
    String type = null;
    Instant receivedAt = Instant.MAX;
    Instant heldSince = Instant.MAX;
    Instant expiresAt = Instant.MAX;
    String refresh = null;
    Set<String> scope = null;
    Set<String> requestedScope = Set.of();
    Map<TokenName, NamedToken> named = Map.of();
    UserProfile profile = null;
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      json.nextToken();
      switch (name) {
        case "access_token":
          access = text(json);
          break;
        case "token_type":
          type = text(json);
          break;
        case "received_at":
          receivedAt = instant(json);
          break;
        case "held_since":
          heldSince = instant(json);
          break;
        case "expires_at":
          expiresAt = instant(json);
          break;
        case "refresh_token":
          refresh = text(json);
          break;
        case "scope":
          scope = scope(json);
          break;
        case "requested_scope":
          requestedScope = scope(json);
          break;
        case "named":
          named = named(Json.readObjects(json));
          break;
        case "profile":
          profile = profile(Json.read(json));
          break;
        default:
          json.skipChildren(); // from a newer version
      }
    }
    return new TokenSet(
        access == null ? null : Secret.of(access),
        type == null ? "Bearer" : type,
        receivedAt,
        heldSince,
        expiresAt,
        refresh == null ? null : RefreshToken.of(refresh),
        scope,
        requestedScope,
        named,
        profile);
  }

  private static Set<String> scope(JsonParser json) throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      json.skipChildren();
      return Set.of();
    }
    List<String> values = new ArrayList<>(4);
    while (json.nextToken() != JsonToken.END_ARRAY) {
      String value = text(json);
      if (value != null) {
        values.add(value);
      }
    }
    return ScopeValues.of(values);
  }

  private static Map<TokenName, NamedToken> named(List<Json> list) {
    if (list.isEmpty()) {
      return Map.of();
    }
    Map<TokenName, NamedToken> tokens = new LinkedHashMap<>();
    for (Json one : list) {
      String name = one.text("name");
      String token = one.text("token");
      if (name != null && token != null) {
        tokens.put(
            new TokenName(name), new NamedToken(Secret.of(token), instant(one, "expires_at")));
      }
    }
    return tokens;
  }

  private static @Nullable String text(JsonParser json) throws IOException {
    if (json.currentToken() == JsonToken.VALUE_STRING) {
      return json.getText();
    }
    json.skipChildren();
    return null;
  }

  private static Instant instant(JsonParser json) throws IOException {
    if (json.currentToken() == JsonToken.VALUE_NUMBER_INT) {
      return instant(json.getLongValue());
    }
    json.skipChildren();
    return Instant.MAX;
  }

  private static Owner owner(@Nullable Json members) {
    if (members == null) {
      return Owner.UNKNOWN;
    }
    Map<String, List<UserProfile.Account>> accounts = new LinkedHashMap<>();
    for (Json told : members.objects("accounts")) {
      String provider = told.text("provider");
      if (provider != null) {
        accounts.put(provider, accounts(told));
      }
    }
    return new Owner(
        members.text("person"),
        members.has("proven"),
        accounts,
        instantOrNull(members, "created_at"),
        instantOrNull(members, "updated_at"),
        instantOrNull(members, "validated_at"));
  }

  private static List<UserProfile.Account> accounts(Json members) {
    List<UserProfile.Account> accounts = new ArrayList<>();
    for (Json account : members.objects("accounts")) {
      String number = account.text("number");
      if (number != null) {
        accounts.add(
            new UserProfile.Account(number, account.text("type"), account.text("nickname")));
      }
    }
    return accounts;
  }

  /** Reads the user id of a label. */
  static @Nullable String user(byte[] label) {
    Json members = Json.read(label);
    return members == null ? null : members.text("user");
  }

  /** Reads from a label when the refresh token came, by the server's clock; null without one. */
  static @Nullable Instant renewedAt(byte[] label) {
    Json members = Json.read(label);
    return members == null ? null : instantOrNull(members, "renewed_at");
  }

  /** Writes which login a user id belongs to. */
  static TokenStore.Content writeLink(String userId, String subject, Instant since) {
    byte[] link =
        Json.write(
            json -> {
              json.writeStringField("user", userId);
              json.writeStringField("subject", subject);
            });
    return new TokenStore.Content(TokenStore.State.ACTIVE, since, link, link);
  }

  /** Reads from the label of a link which login the user id belongs to. */
  static @Nullable String linkedSubject(byte[] label) {
    Json members = Json.read(label);
    return members == null ? null : members.text("subject");
  }

  /** Reads which login a user id belongs to. */
  static @Nullable String readLink(TokenStore.Content content) {
    Json members = Json.read(content.secrets());
    return members == null ? null : members.text("subject");
  }

  private static SignInRequiredException.@Nullable Reason reason(@Nullable String name) {
    if (name == null) {
      return null;
    }
    for (SignInRequiredException.Reason reason : SignInRequiredException.Reason.values()) {
      if (reason.name().equals(name)) {
        return reason;
      }
    }
    return null;
  }

  private static @Nullable UserProfile profile(@Nullable Json members) {
    if (members == null) {
      return null;
    }
    return new UserProfile(
        members.text("subject"),
        members.text("name"),
        members.text("email"),
        accounts(members),
        set(members, "exchanges"),
        set(members, "products"),
        set(members, "order_types"));
  }

  private static @Nullable ClientCredentials client(@Nullable Json members) {
    String id = members == null ? null : members.text("id");
    if (members == null || id == null) {
      return null;
    }
    String secret = members.text("secret");
    ClientCredentials client =
        secret == null ? ClientCredentials.publicClient(id) : ClientCredentials.of(id, secret);
    for (Json attribute : members.objects("attributes")) {
      String name = attribute.text("name");
      String value = attribute.text("value");
      if (name != null && value != null) {
        client = client.with(name, value);
      }
    }
    return client;
  }

  private static Set<String> set(Json members, String name) {
    return new LinkedHashSet<>(members.texts(name));
  }

  private static Instant instant(Json members, String name) {
    Long millis = members.integer(name);
    return millis == null ? Instant.MAX : instant(millis);
  }

  private static Instant instant(long millis) {
    return millis == Long.MAX_VALUE ? Instant.MAX : Instant.ofEpochMilli(millis);
  }

  private static @Nullable Instant instantOrNull(Json members, String name) {
    return members.has(name) ? instant(members, name) : null;
  }

  private static long millis(Instant instant) {
    return instant.equals(Instant.MAX) ? Long.MAX_VALUE : instant.toEpochMilli();
  }
}
