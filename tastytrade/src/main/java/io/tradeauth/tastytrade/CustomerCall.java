package io.tradeauth.tastytrade;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallAnswer;
import io.tradeauth.CallContext;
import io.tradeauth.Json;
import io.tradeauth.UserProfile;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** See {@link Tastytrade#CUSTOMER}. */
final class CustomerCall implements BrokerCall<CallAnswer<UserProfile>> {

  @Override
  public BrokerRequest request(CallContext context) {
    return BrokerRequest.get(context.apiUri("/customers/me"))
        .header("Accept", "application/json")
        .authorized();
  }

  @Override
  public CallAnswer<UserProfile> read(Answer answer) {
    Json json = answer.json();
    Json data = json == null ? null : json.object("data");
    return answer.isSuccess() && data != null
        ? new CallAnswer.Given<>(
            new UserProfile(
                null, name(data), data.text("email"), List.of(), Set.of(), Set.of(), Set.of()))
        : new CallAnswer.Refused<>(answer.status(), TastytradeErrors.code(answer));
  }

  private static @Nullable String name(Json data) {
    String name =
        Stream.of("first-name", "last-name")
            .map(data::text)
            .filter(Objects::nonNull)
            .collect(Collectors.joining(" "));
    return name.isBlank() ? null : name;
  }
}
