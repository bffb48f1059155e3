package io.tradeauth.tradestation;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Revokes the refresh tokens of <em>all</em> users of the API key; access tokens live on to their
 * end. The documentation's table calls the member {@code refresh_token}, its example {@code token},
 * as Auth0 does.
 */
final class RevokeCall implements BrokerCall<Boolean> {

  private final URI uri;

  RevokeCall(URI uri) {
    this.uri = uri;
  }

  @Override
  public BrokerRequest request(CallContext context) {
    ClientCredentials client = context.client();
    Map<String, String> members = new LinkedHashMap<>();
    members.put("client_id", client.id());
    client.secret().ifPresent(secret -> members.put("client_secret", secret.value()));
    members.put("token", context.requireRefreshToken().value());
    return BrokerRequest.post(uri).json(members);
  }

  @Override
  public Boolean read(Answer answer) {
    return answer.isSuccess();
  }
}
