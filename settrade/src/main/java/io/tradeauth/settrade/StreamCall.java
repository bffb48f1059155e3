package io.tradeauth.settrade;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallAnswer;
import io.tradeauth.CallContext;
import io.tradeauth.Json;
import io.tradeauth.Secret;
import java.net.URI;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** See {@link Settrade#STREAM}. */
final class StreamCall implements BrokerCall<CallAnswer<StreamAccess>> {

  @Override
  public BrokerRequest request(CallContext context) {
    String brokerId = context.client().attribute(Settrade.BROKER_ID);
    return BrokerRequest.get(context.apiUri("/api/dispatcher/v3/" + brokerId + "/token"))
        .header("Accept", "application/json")
        .authorized();
  }

  @Override
  public CallAnswer<StreamAccess> read(Answer answer) {
    Json json = answer.isSuccess() ? answer.json() : null;
    StreamAccess access = json == null ? null : access(json, answer.uri());
    if (access != null) {
      return new CallAnswer.Given<>(access);
    }
    return new CallAnswer.Refused<>(
        answer.status(), json == null ? SettradeErrors.code(answer) : "no host or token");
  }

  private static @Nullable StreamAccess access(Json json, @Nullable URI asked) {
    List<String> hosts = json.texts("hosts");
    String token = json.text("token");
    // What is not plainly a host could make another address of it.
    boolean usable =
        token != null
            && !token.isBlank()
            && !hosts.isEmpty()
            && hosts.get(0).matches("[A-Za-z0-9]([A-Za-z0-9.-]{0,252})");
    return usable && token != null && asked != null
        ? new StreamAccess(socket(hosts.get(0), asked), Secret.of(token))
        : null;
  }

  /** The socket lies beside the address that was asked, on the named host, port 443. */
  private static URI socket(String host, URI asked) {
    String path = asked.resolve("mqtt").getRawPath();
    // Plain HTTP is a simulator on loopback: its socket is on the port that was asked.
    return "http".equals(asked.getScheme())
        ? URI.create("ws://" + host + ":" + asked.getPort() + path)
        : URI.create("wss://" + host + ":443" + path);
  }
}
