package io.tradeauth.tastytrade;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallContext;
import io.tradeauth.Json;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Rejection;
import io.tradeauth.UserProfile;
import io.tradeauth.UserProfile.Account;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The list of the user's accounts: the cheapest call that needs a token. */
final class AccountsCall implements BrokerCall<ProbeAnswer> {

  @Override
  public BrokerRequest request(CallContext context) {
    return BrokerRequest.get(context.apiUri("/customers/me/accounts"))
        .header("Accept", "application/json")
        .authorized();
  }

  @Override
  public ProbeAnswer read(Answer answer) {
    Json json = answer.json();
    Json data = json == null ? null : json.object("data");
    if (answer.isSuccess() && data != null) {
      return new ProbeAnswer.Alive(profile(data));
    }
    boolean dead = answer.status() == 401 && TastytradeErrors.rejection(answer) == Rejection.RENEW;
    String code = TastytradeErrors.code(answer);
    return dead ? new ProbeAnswer.Dead(code) : new ProbeAnswer.Unknown(code);
  }

  private static UserProfile profile(Json data) {
    List<Account> accounts = new ArrayList<>();
    for (Json item : data.objects("items")) {
      Json account = item.object("account");
      String number = account == null ? null : account.text("account-number");
      if (account != null && number != null) {
        accounts.add(
            new Account(number, account.text("account-type-name"), account.text("nickname")));
      }
    }
    return new UserProfile(null, null, null, accounts, Set.of(), Set.of(), Set.of());
  }
}
