package io.tradeauth.upstox.testing;

import io.tradeauth.testing.Wire;
import java.net.URI;
import java.time.Instant;

/**
 * What Upstox posts to an app's notifier when the account holder has approved (fact sheet, section
 * 6), and the forgeries that a test makes of it.
 *
 * <p>Immutable; holds a token and does not print it.
 */
public final class UpstoxWebhook {

  private final URI notifier;
  private final String clientId;
  private final String userId;
  private final String accessToken;
  private final String tokenType;
  private final Instant issuedAt;
  private final Instant expiresAt;
  private final String messageType;

  UpstoxWebhook(
      URI notifier,
      String clientId,
      String userId,
      String accessToken,
      String tokenType,
      Instant issuedAt,
      Instant expiresAt,
      String messageType) {
    this.notifier = notifier;
    this.clientId = clientId;
    this.userId = userId;
    this.accessToken = accessToken;
    this.tokenType = tokenType;
    this.issuedAt = issuedAt;
    this.expiresAt = expiresAt;
    this.messageType = messageType;
  }

  /** Returns the same for another app. */
  public UpstoxWebhook withClientId(String other) {
    return new UpstoxWebhook(
        notifier, other, userId, accessToken, tokenType, issuedAt, expiresAt, messageType);
  }

  /** Returns the same in the name of another customer. */
  public UpstoxWebhook withUserId(String other) {
    return new UpstoxWebhook(
        notifier, clientId, other, accessToken, tokenType, issuedAt, expiresAt, messageType);
  }

  /** Returns the same with another token. */
  public UpstoxWebhook withAccessToken(String other) {
    return new UpstoxWebhook(
        notifier, clientId, userId, other, tokenType, issuedAt, expiresAt, messageType);
  }

  /** Returns the same with another token type. */
  public UpstoxWebhook withTokenType(String other) {
    return new UpstoxWebhook(
        notifier, clientId, userId, accessToken, other, issuedAt, expiresAt, messageType);
  }

  /** Returns the same with other times. */
  public UpstoxWebhook withTimes(Instant issued, Instant expires) {
    return new UpstoxWebhook(
        notifier, clientId, userId, accessToken, tokenType, issued, expires, messageType);
  }

  /** Returns the same as another kind of message. */
  public UpstoxWebhook withMessageType(String other) {
    return new UpstoxWebhook(
        notifier, clientId, userId, accessToken, tokenType, issuedAt, expiresAt, other);
  }

  /** Returns where it is posted to. */
  public URI notifier() {
    return notifier;
  }

  /** Returns the app that it names. */
  public String clientId() {
    return clientId;
  }

  /** Returns the JSON text that is posted. Holds the token. */
  public String body() {
    return """
        {"client_id":%s,"user_id":%s,"access_token":%s,"token_type":%s,\
        "expires_at":"%d","issued_at":"%d","message_type":%s}"""
        .formatted(
            Wire.quote(clientId),
            Wire.quote(userId),
            Wire.quote(accessToken),
            Wire.quote(tokenType),
            expiresAt.toEpochMilli(),
            issuedAt.toEpochMilli(),
            Wire.quote(messageType));
  }

  @Override
  public String toString() {
    return "UpstoxWebhook[clientId=" + clientId + ", userId=" + userId + "]";
  }
}
