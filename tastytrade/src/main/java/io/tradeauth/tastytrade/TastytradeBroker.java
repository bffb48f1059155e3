package io.tradeauth.tastytrade;

import io.tradeauth.Answer;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerProfile;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Rejection;
import io.tradeauth.StandardBroker;
import io.tradeauth.TokenSet;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * RFC 6749 with tastytrade's two differences: a refresh names no client, because personal
 * applications may not know their id, and the proxy's 401 means the {@code User-Agent}. Immutable.
 */
final class TastytradeBroker implements Broker {

  private final URI tokenUri;
  private final StandardBroker standard;

  TastytradeBroker(URI tokenUri, StandardBroker standard) {
    this.tokenUri = tokenUri;
    this.standard = standard;
  }

  @Override
  public BrokerProfile profile() {
    return standard.profile();
  }

  @Override
  public @Nullable URI authorizationUri(AuthorizationRequest request, ClientCredentials client) {
    client.requireSecret();
    return standard.authorizationUri(request, client);
  }

  @Override
  public @Nullable Grant renewal(@Nullable TokenSet tokens) {
    return standard.renewal(tokens);
  }

  @Override
  public BrokerCall<ExchangeAnswer> exchange(Grant grant) {
    if (grant instanceof Grant.PasswordSession) {
      throw new IllegalArgumentException(
          "grant: tastytrade switched user names and passwords off in February 2026; make a grant"
              + " in its web pages and sign in with Tastytrade.grant(...)");
    }
    BrokerCall<ExchangeAnswer> call = standard.exchange(grant);
    return grant instanceof Grant.Refresh
        ? new RefreshCall((Grant.Refresh) grant, call)
        : new CodeCall(call);
  }

  @Override
  public @Nullable BrokerCall<ProbeAnswer> probe() {
    return standard.probe();
  }

  @Override
  public Rejection rejection(Answer answer) {
    return standard.rejection(answer);
  }

  @Override
  public String toString() {
    return "Tastytrade[" + profile().name() + "]";
  }

  /** A refresh without {@code client_id}: optional, and a wrong one is refused. */
  private final class RefreshCall implements BrokerCall<ExchangeAnswer> {

    private final Grant.Refresh grant;
    private final BrokerCall<ExchangeAnswer> call;

    RefreshCall(Grant.Refresh grant, BrokerCall<ExchangeAnswer> call) {
      this.grant = grant;
      this.call = call;
    }

    @Override
    public BrokerRequest request(CallContext context) {
      Map<String, String> fields = new LinkedHashMap<>();
      fields.put("grant_type", "refresh_token");
      fields.put("refresh_token", grant.refreshToken().value());
      fields.put("client_secret", context.client().requireSecret().value());
      return BrokerRequest.post(tokenUri).header("Accept", "application/json").form(fields);
    }

    @Override
    public ExchangeAnswer read(Answer answer) {
      return TastytradeErrors.read(answer, call);
    }
  }

  /** The exchange of a code, as the standard has it. */
  private static final class CodeCall implements BrokerCall<ExchangeAnswer> {

    private final BrokerCall<ExchangeAnswer> call;

    CodeCall(BrokerCall<ExchangeAnswer> call) {
      this.call = call;
    }

    @Override
    public BrokerRequest request(CallContext context) {
      context.client().requireSecret();
      return call.request(context);
    }

    @Override
    public ExchangeAnswer read(Answer answer) {
      return TastytradeErrors.read(answer, call);
    }
  }
}
