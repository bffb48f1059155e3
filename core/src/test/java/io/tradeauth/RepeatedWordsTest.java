package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.TokenLedger;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A server that repeats in its words what it was sent tells nobody else. */
class RepeatedWordsTest {

  private static final String SENT = "no signed canary-signature of Basic canary-credentials";

  private volatile @Nullable String words;

  private EngineFixture engine() {
    return EngineFixture.of(RotationProfile.STRICT)
        .inItsPlace((server, usual) -> new Repeating(usual))
        .start()
        .signIn("alice");
  }

  /** Sends more than a grant, such as a signature, and credentials in a form of its own. */
  private final class Repeating extends OtherBroker {

    Repeating(Broker usual) {
      super(usual);
    }

    @Override
    BrokerRequest request(BrokerRequest request) {
      return words != null
          ? BrokerRequest.post(request.uri())
              .header("Authorization", "Basic canary-credentials")
              .json(Map.of("grant_type", "signed", "signature", "canary-signature"))
          : request;
    }

    @Override
    ExchangeAnswer read(Grant grant, Answer answer, ExchangeAnswer meaning) {
      String description = words;
      return description != null
          ? new ExchangeAnswer.Refused(ExchangeAnswer.Party.CLIENT, "no", description)
          : meaning;
    }
  }

  /** Returns what is told of a renewal that the server has refused with these words. */
  private String refusedWith(EngineFixture engine, String description) {
    words = description;
    engine.expire();
    engine.server().fail("token", Fault.status(400), 1);
    return assertThrows(BrokerConfigurationException.class, () -> engine.get("alice")).getMessage();
  }

  @Test
  void exchange_whateverWasSent_takenOut() {
    try (EngineFixture engine = engine()) {
      assertEquals(
          "fake: the client fake-client was refused: no no signed [secret] of Basic [secret]",
          refusedWith(engine, SENT));
    }
  }

  /** The server knows them from before, whatever was sent this time. */
  @Test
  void exchange_whatTheServerKnowsAnyway_takenOut() {
    try (EngineFixture engine = engine()) {
      String known =
          String.join(
              " ",
              SENT,
              engine.get("alice").value(),
              engine.server().ledger().newest(TokenLedger.Kind.REFRESH_TOKEN, "alice"),
              FakeAuthorizationServer.CLIENT_SECRET);

      assertEquals(
          "fake: the client fake-client was refused: no no signed [secret] of Basic [secret]"
              + " [secret] [secret] [secret]",
          refusedWith(engine, known));
    }
  }

  /** Answers with what it was sent, whatever it was asked. */
  private static <T> BrokerCall<T> repeating(BrokerRequest request, T told) {
    return new BrokerCall<>() {
      @Override
      public BrokerRequest request(CallContext context) {
        return request.authorized();
      }

      @Override
      public T read(Answer answer) {
        return told;
      }
    };
  }

  @Test
  void call_tokenInTheCode_takenOut() {
    try (EngineFixture engine = engine()) {
      UserTokens alice = engine.tokens().forUser("alice");
      BrokerRequest request = BrokerRequest.get(engine.tokens().apiUri("/api"));

      CallAnswer<String> told =
          alice.call(
              repeating(request, new CallAnswer.Refused<>(400, "not " + alice.get().value())));

      assertEquals("not [secret]", assertInstanceOf(CallAnswer.Refused.class, told).code());
    }
  }

  @Test
  void probe_tokenInTheCode_takenOut() {
    EngineFixture[] started = new EngineFixture[1];
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .inItsPlace(
                (server, usual) ->
                    new OtherBroker(usual) {
                      @Override
                      public BrokerCall<ProbeAnswer> probe() {
                        return repeating(
                            BrokerRequest.get(usual.profile().hosts().uri("/whoami")),
                            new ProbeAnswer.Dead("not " + started[0].get("alice").value()));
                      }
                    })
            .start()
            .signIn("alice")) {
      started[0] = engine;

      ProbeAnswer told = engine.manager().validate("fake", "alice");

      assertEquals(new ProbeAnswer.Dead("not [secret]"), told);
    }
  }
}
