package io.tradeauth;

import java.nio.charset.StandardCharsets;
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
    Map<String, Object> secrets = secrets(login);
    put(secrets, "instance", instance);
    return new TokenStore.Content(
        login.state(), login.since(), bytes(label(login)), bytes(secrets));
  }

  /** Reads the id of the manager that wrote a record; null if it is not there. */
  static @Nullable String instance(TokenStore.Content content) {
    Json members = Json.read(content.secrets());
    return members == null ? null : members.text("instance");
  }

  private static Map<String, Object> label(Login login) {
    Map<String, Object> label = new LinkedHashMap<>();
    label.put("user", login.userId());
    put(label, "client", login.clientId());
    TokenSet tokens = login.tokens();
    if (tokens != null) {
      label.put("expires_at", millis(tokens.expiresAt()));
      if (tokens.refreshToken() != null) {
        label.put("renewed_at", millis(tokens.receivedAt()));
      }
    }
    return label;
  }

  private static Map<String, Object> secrets(Login login) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("user", login.userId());
    put(members, "client", login.clientId());
    put(members, "reason", login.reason() == null ? null : login.reason().name());
    put(members, "owner", owner(login.owner()));
    put(members, "rotates", login.hasRotated() ? true : null);
    put(members, "tokens", login.tokens() == null ? null : tokens(login.tokens()));
    put(members, "own_client", login.ownClient() == null ? null : client(login.ownClient()));
    return members;
  }

  private static Map<String, Object> tokens(TokenSet tokens) {
    Map<String, Object> members = new LinkedHashMap<>();
    put(
        members,
        "access_token",
        tokens.accessToken() == null ? null : tokens.accessToken().value());
    members.put("token_type", tokens.tokenType());
    members.put("received_at", millis(tokens.receivedAt()));
    members.put("held_since", millis(tokens.heldSince()));
    members.put("expires_at", millis(tokens.expiresAt()));
    put(
        members,
        "refresh_token",
        tokens.refreshToken() == null ? null : tokens.refreshToken().value());
    put(members, "scope", tokens.scope() == null ? null : List.copyOf(tokens.scope()));
    members.put("requested_scope", List.copyOf(tokens.requestedScope()));
    members.put("named", named(tokens.namedTokens()));
    put(members, "profile", tokens.profile() == null ? null : profile(tokens.profile()));
    return members;
  }

  private static List<Map<String, Object>> named(Map<TokenName, NamedToken> tokens) {
    List<Map<String, Object>> list = new ArrayList<>();
    tokens.forEach(
        (name, token) ->
            list.add(
                Map.of(
                    "name", name.value(),
                    "token", token.value().value(),
                    "expires_at", millis(token.expiresAt()))));
    return list;
  }

  private static Map<String, Object> profile(UserProfile profile) {
    Map<String, Object> members = new LinkedHashMap<>();
    put(members, "subject", profile.subject());
    put(members, "name", profile.name());
    put(members, "email", profile.email());
    members.put("accounts", accounts(profile.accounts()));
    members.put("exchanges", List.copyOf(profile.exchanges()));
    members.put("products", List.copyOf(profile.products()));
    members.put("order_types", List.copyOf(profile.orderTypes()));
    return members;
  }

  private static Map<String, Object> owner(Owner owner) {
    Map<String, Object> members = new LinkedHashMap<>();
    put(members, "person", owner.person());
    put(members, "proven", owner.isProven() ? "yes" : null);
    putInstant(members, "created_at", owner.createdAt());
    putInstant(members, "updated_at", owner.updatedAt());
    putInstant(members, "validated_at", owner.validatedAt());
    List<Map<String, Object>> told = new ArrayList<>();
    owner
        .accounts()
        .forEach(
            (provider, accounts) ->
                told.add(Map.of("provider", provider, "accounts", accounts(accounts))));
    members.put("accounts", told);
    return members;
  }

  private static List<Map<String, Object>> accounts(List<UserProfile.Account> accounts) {
    List<Map<String, Object>> list = new ArrayList<>();
    for (UserProfile.Account account : accounts) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("number", account.number());
      put(one, "type", account.type());
      put(one, "nickname", account.nickname());
      list.add(one);
    }
    return list;
  }

  private static Map<String, Object> client(ClientCredentials client) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("id", client.id());
    client.secret().ifPresent(secret -> members.put("secret", secret.value()));
    List<Map<String, Object>> attributes = new ArrayList<>();
    client
        .attributes()
        .forEach((name, value) -> attributes.add(Map.of("name", name, "value", value)));
    members.put("attributes", attributes);
    return members;
  }

  /**
   * Reads a record back.
   *
   * @throws TokenStoreException if it is not what {@link #write} wrote
   */
  static Login read(TokenStore.Content content) {
    Json members = Json.read(content.secrets());
    String userId = members == null ? null : members.text("user");
    if (members == null || userId == null) {
      throw new TokenStoreException(
          TokenStoreException.Reason.UNREADABLE_RECORD, "a stored login can't be read", null);
    }
    return new Login(
        userId,
        content.state(),
        content.since(),
        reason(members.text("reason")),
        tokens(members.object("tokens")),
        client(members.object("own_client")),
        members.text("client"),
        owner(members.object("owner")),
        members.has("rotates"));
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
    byte[] link = bytes(Map.of("user", userId, "subject", subject));
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
    for (SignInRequiredException.Reason reason : SignInRequiredException.Reason.values()) {
      if (reason.name().equals(name)) {
        return reason;
      }
    }
    return null;
  }

  private static @Nullable TokenSet tokens(@Nullable Json members) {
    if (members == null) {
      return null;
    }
    String access = members.text("access_token");
    String refresh = members.text("refresh_token");
    String type = members.text("token_type");
    return new TokenSet(
        access == null ? null : Secret.of(access),
        type == null ? "Bearer" : type,
        instant(members, "received_at"),
        instant(members, "held_since"),
        instant(members, "expires_at"),
        refresh == null ? null : RefreshToken.of(refresh),
        members.has("scope") ? set(members, "scope") : null,
        set(members, "requested_scope"),
        named(members.objects("named")),
        profile(members.object("profile")));
  }

  private static Map<TokenName, NamedToken> named(List<Json> list) {
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
    return millis == null || millis == Long.MAX_VALUE ? Instant.MAX : Instant.ofEpochMilli(millis);
  }

  private static @Nullable Instant instantOrNull(Json members, String name) {
    return members.has(name) ? instant(members, name) : null;
  }

  private static void putInstant(
      Map<String, Object> members, String name, @Nullable Instant instant) {
    put(members, name, instant == null ? null : millis(instant));
  }

  private static long millis(Instant instant) {
    return instant.equals(Instant.MAX) ? Long.MAX_VALUE : instant.toEpochMilli();
  }

  private static void put(Map<String, Object> members, String name, @Nullable Object value) {
    if (value != null) {
      members.put(name, value);
    }
  }

  private static byte[] bytes(Map<String, Object> members) {
    return Json.write(members).getBytes(StandardCharsets.UTF_8);
  }
}
