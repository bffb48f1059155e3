package io.tradeauth.tradestation;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.Json;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.UserProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Asks for the accounts: there is no cheaper call that takes a token. It needs the scope {@code
 * ReadAccount}; a 403 says that this is missing, and nothing of the token.
 */
final class AccountsCall implements BrokerCall<ProbeAnswer> {

  @Override
  public BrokerRequest request(CallContext context) {
    return BrokerRequest.get(context.apiUri("/brokerage/accounts")).authorized();
  }

  @Override
  public ProbeAnswer read(Answer answer) {
    Json json = answer.json();
    if (answer.status() == 401) {
      return new ProbeAnswer.Dead(code(answer, json));
    }
    return answer.isSuccess() && json != null && json.has("Accounts")
        ? new ProbeAnswer.Alive(profile(json))
        : new ProbeAnswer.Unknown(code(answer, json));
  }

  private static String code(Answer answer, @Nullable Json json) {
    String error = json == null ? null : json.text("Error");
    return error == null ? "http " + answer.status() : error;
  }

  /** The accounts do not tell whose they are. */
  private static UserProfile profile(Json json) {
    List<UserProfile.Account> accounts = new ArrayList<>();
    for (Json account : json.objects("Accounts")) {
      String number = account.text("AccountID");
      if (number != null) {
        accounts.add(
            new UserProfile.Account(number, account.text("AccountType"), account.text("Alias")));
      }
    }
    return new UserProfile(null, null, null, accounts, Set.of(), Set.of(), Set.of());
  }
}
