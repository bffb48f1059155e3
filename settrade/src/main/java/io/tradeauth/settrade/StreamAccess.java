package io.tradeauth.settrade;

import io.tradeauth.Secret;
import java.net.URI;

/**
 * What opens the MQTT socket: connect a WebSocket to {@code uri} with the sub-protocol {@code mqtt}
 * and the {@code Authorization} header of {@link #authorization}, then speak MQTT 3.1.1 with a
 * clean session, without user name and password. Fact sheet, section 8.
 *
 * @param uri where the socket is
 * @param token the dispatcher's token, which is not the access token; it ends with the session, and
 *     the answer does not tell when
 */
public record StreamAccess(URI uri, Secret token) {

  /** Returns the value of the {@code Authorization} header: a secret. */
  public String authorization() {
    return "Bearer " + token.value();
  }
}
