package io.tradeauth.upstox;

import io.tradeauth.Answer;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerProfile;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Rejection;
import io.tradeauth.SignOut;
import io.tradeauth.StandardBroker;
import io.tradeauth.TokenSet;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/**
 * The live environment. The requests are those of RFC 6749; the answers are Upstox's own. For any
 * number of threads.
 */
final class UpstoxBroker implements Broker {

  private static final String LOGIN = "/v2/login/authorization";

  private final BrokerProfile profile;
  private final StandardBroker standard;

  UpstoxBroker(BrokerProfile profile) {
    this.profile = profile;
    this.standard =
        StandardBroker.builder(profile, profile.hosts().uri(LOGIN + "/token"))
            .authorizationUri(profile.hosts().uri(LOGIN + "/dialog"))
            .pkce(StandardBroker.PkcePolicy.UNSUPPORTED)
            .build();
  }

  @Override
  public BrokerProfile profile() {
    return profile;
  }

  @Override
  public @Nullable URI authorizationUri(AuthorizationRequest request, ClientCredentials client) {
    return standard.authorizationUri(request, client);
  }

  @Override
  public @Nullable Grant renewal(@Nullable TokenSet tokens) {
    return null;
  }

  @Override
  public BrokerCall<ExchangeAnswer> exchange(Grant grant) {
    if (grant instanceof Grant.AuthorizationCode) {
      return new CodeExchange(standard.exchange(grant));
    }
    if (grant instanceof Grant.Delivered) {
      return new Delivery.Proof(((Grant.Delivered) grant).tokens());
    }
    throw new IllegalArgumentException(
        "grant: "
            + profile.name()
            + " takes authorization codes, delivered and imported tokens, not "
            + grant.getClass().getSimpleName());
  }

  @Override
  public BrokerCall<ProbeAnswer> probe() {
    return new Probe(UpstoxAnswers.PROFILE_PATH);
  }

  @Override
  public SignOut signOut() {
    return new SignOut(SignOut.Reach.USER, new Logout());
  }

  @Override
  public Rejection rejection(Answer answer) {
    return UpstoxAnswers.rejection(answer);
  }

  @Override
  public String toString() {
    return "UpstoxBroker[" + profile.name() + "]";
  }
}
