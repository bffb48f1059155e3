package io.tradeauth.settrade;

import io.tradeauth.Answer;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerConfigurationException.Reason;
import io.tradeauth.BrokerProfile;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.Json;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.RefreshToken;
import io.tradeauth.TokenResponse;
import io.tradeauth.TokenSet;
import io.tradeauth.UserProfile;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Settrade's protocol: signed login, rotating refresh, and a login again whenever that fails. */
final class SettradeBroker implements Broker {

  private final BrokerProfile profile;
  private final boolean sandbox;

  SettradeBroker(BrokerProfile profile) {
    this.profile = profile;
    this.sandbox = profile.name().equals(Settrade.SANDBOX);
  }

  @Override
  public BrokerProfile profile() {
    return profile;
  }

  @Override
  public boolean sharesLogins() {
    return true;
  }

  /** A second login with the same credential ends the first, whoever it is for. */
  @Override
  public String subject(String userId, @Nullable ClientCredentials client) {
    return client == null
        ? userId
        : client.attribute(Settrade.BROKER_ID)
            + '/'
            + Paths.segment(client.attribute(Settrade.APP_CODE))
            + '/'
            + client.id();
  }

  @Override
  public Grant renewal(@Nullable TokenSet tokens) {
    RefreshToken refreshToken = tokens == null ? null : tokens.refreshToken();
    return refreshToken == null
        ? new Grant.SignedLogin(null)
        : new Grant.Refresh(refreshToken, null);
  }

  @Override
  public @Nullable Grant renewalAfterRefusal(Grant renewal) {
    return renewal instanceof Grant.Refresh ? new Grant.SignedLogin(renewal.client()) : null;
  }

  @Override
  public BrokerCall<ExchangeAnswer> exchange(Grant grant) {
    if (grant instanceof Grant.SignedLogin) {
      return new LoginCall();
    }
    if (grant instanceof Grant.Refresh) {
      return new RefreshCall(((Grant.Refresh) grant).refreshToken());
    }
    throw new IllegalArgumentException(
        "grant: "
            + profile.name()
            + " takes signed logins, refresh tokens and imported tokens, not "
            + grant.getClass().getSimpleName());
  }

  /** Needs no account number, unlike what the SDK's users ask. */
  @Override
  public BrokerCall<ProbeAnswer> probe() {
    return new ProbeCall("/api/dispatcher/v3/", "/token");
  }

  /** Returns the credential, if it is one of this environment: a wrong one must not be sent. */
  private ClientCredentials client(CallContext context) {
    ClientCredentials client = context.client();
    boolean ofSandbox = client.attribute(Settrade.BROKER_ID).equals(Settrade.SANDBOX_BROKER_ID);
    if (ofSandbox != sandbox) {
      throw BrokerConfigurationException.of(
          Reason.UNSUPPORTED,
          profile.name()
              + " does not take the credential "
              + client.id()
              + ", which is for "
              + (ofSandbox ? "the sandbox" : "production"));
    }
    return client;
  }

  /** The signed login. Fact sheet, section 2. */
  private final class LoginCall implements BrokerCall<ExchangeAnswer> {

    @Override
    public BrokerRequest request(CallContext context) {
      ClientCredentials client = client(context);
      String timestamp = Long.toString(context.now().toEpochMilli());
      String params = "";
      Map<String, String> body = new LinkedHashMap<>();
      body.put("apiKey", client.id());
      body.put("params", params);
      body.put("signature", key(client).sign(SigningKey.canonical(client.id(), params, timestamp)));
      body.put("timestamp", timestamp);
      return BrokerRequest.post(context.apiUri(Paths.login(client, "login")))
          .header("Accept", "application/json")
          .json(body);
    }

    private SigningKey key(ClientCredentials client) {
      try {
        return SigningKey.of(client.requireSecret().value());
      } catch (IllegalArgumentException e) {
        // It came from the application's vault, so nobody has looked at it before.
        throw BrokerConfigurationException.of(
            Reason.CLIENT_MISSING, "the credential " + client.id() + ": " + e.getMessage());
      }
    }

    @Override
    public ExchangeAnswer read(Answer answer) {
      ExchangeAnswer granted = granted(answer);
      return granted != null ? granted : SettradeErrors.ofLogin(answer);
    }
  }

  /** The refresh, which needs no signature. Fact sheet, section 3. */
  private final class RefreshCall implements BrokerCall<ExchangeAnswer> {

    private final RefreshToken refreshToken;

    RefreshCall(RefreshToken refreshToken) {
      this.refreshToken = refreshToken;
    }

    @Override
    public BrokerRequest request(CallContext context) {
      ClientCredentials client = client(context);
      Map<String, String> body = new LinkedHashMap<>();
      body.put("apiKey", client.id());
      body.put("refreshToken", refreshToken.value());
      return BrokerRequest.post(context.apiUri(Paths.login(client, "refresh-token")))
          .header("Accept", "application/json")
          .json(body);
    }

    @Override
    public ExchangeAnswer read(Answer answer) {
      ExchangeAnswer granted = granted(answer);
      return granted != null ? granted : SettradeErrors.ofRefresh(answer);
    }
  }

  private static @Nullable ExchangeAnswer granted(Answer answer) {
    Json json = answer.isSuccess() ? answer.json() : null;
    if (json == null || !(json.has("access_token") || json.has("refresh_token"))) {
      return null;
    }
    TokenResponse.Builder response = TokenResponse.read(json);
    String userId = json.text("authenticated_userid");
    if (userId != null && !userId.isBlank()) {
      response.profile(UserProfile.of(userId));
    }
    return new ExchangeAnswer.Granted(response.build());
  }

  @Override
  public String toString() {
    return "Settrade[" + profile.name() + "]";
  }
}
