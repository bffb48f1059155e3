package io.tradeauth.tastytrade.testing;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.tradeauth.tastytrade.testing.Environment.Identity;
import io.tradeauth.testing.Wire;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import org.jspecify.annotations.Nullable;

/**
 * One socket of the account streamer; section 9 and row 27 of the fact sheet. The token is looked
 * at in every message.
 */
final class AccountStream extends WebSocketListener {

  private static final JsonFactory JSON = new JsonFactory();

  private final TastytradeSimulator simulator;
  private final Environment environment;
  private final String session;
  private boolean connected;

  AccountStream(TastytradeSimulator simulator, Environment environment) {
    this.simulator = simulator;
    this.environment = environment;
    this.session = simulator.secrets.hex(8);
  }

  @Override
  public void onMessage(WebSocket socket, String text) {
    socket.send(simulator.guarded(() -> answer(text)));
  }

  @Override
  public void onClosing(WebSocket socket, int code, String reason) {
    socket.close(1000, null);
  }

  private String answer(String text) {
    Map<String, String> message = Wire.json(text);
    String action = message.getOrDefault("action", "");
    boolean connect = action.equals("connect");
    Identity identity = environment.identity(message.get("auth-token"));
    List<String> accounts = connect ? accounts(text) : List.of();
    String error = error(connect, identity, accounts);
    simulator.logged(
        environment,
        connect ? TastytradeSimulator.STREAMER_CONNECT : TastytradeSimulator.STREAMER_MESSAGE,
        identity == null ? "" : identity.user.name(),
        error.isEmpty() ? 200 : 400);
    connected = connected || connect && error.isEmpty();
    return "{\"status\":"
        + (error.isEmpty() ? "\"ok\"" : "\"error\"")
        + ",\"action\":"
        + Wire.quote(action)
        + ",\"web-socket-session-id\":"
        + Wire.quote(session)
        + (error.isEmpty() ? "" : ",\"message\":" + Wire.quote(error))
        + (connect && error.isEmpty() ? ",\"value\":" + array(accounts) : "")
        + ",\"request-id\":"
        + requestId(message)
        + "}";
  }

  private String error(boolean connect, @Nullable Identity identity, List<String> accounts) {
    if (!connect && !connected) {
      return "connect-not-completed";
    }
    if (identity == null) {
      return Answers.TOKEN_INVALID;
    }
    return identity.user.accounts().containsAll(accounts) ? "" : "not_permitted";
  }

  private static String requestId(Map<String, String> message) {
    String id = message.getOrDefault("request-id", "0");
    return id.matches("[0-9]{1,18}") ? id : Wire.quote(id);
  }

  private static String array(List<String> values) {
    return values.stream().map(Wire::quote).collect(Collectors.joining(",", "[", "]"));
  }

  /** Returns the strings of the member {@code value}. */
  private static List<String> accounts(String text) {
    List<String> accounts = new ArrayList<>();
    try (JsonParser parser = JSON.createParser(text)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        boolean wanted = parser.currentName().equals("value");
        if (parser.nextToken() != JsonToken.START_ARRAY || !wanted) {
          parser.skipChildren();
          continue;
        }
        while (parser.nextToken() == JsonToken.VALUE_STRING) {
          accounts.add(parser.getText());
        }
      }
      return accounts;
    } catch (IOException e) {
      throw new UncheckedIOException("read before", e);
    }
  }
}
