package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.FakeBrokerContract;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.TokenProviderContract;
import io.tradeauth.testing.TokenStoreContract;
import java.net.URI;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Events;

/**
 * G41: whoever gets it wrong is told so by the contract's test of that name, and by no other.
 *
 * <p>The wrong ones are static classes in here, which no build runs by itself.
 */
class ContractsFindFaultsTest {

  // Stores --------------------------------------------------------------------------------------

  @Test
  void g41_storeThatIgnoresTheVersion_found() {
    assertEquals(
        Set.of(
            "commit_ofAnOlderVersion_refusedAndNothingWritten",
            "commit_ofAnotherGeneration_refusedAndNothingWritten",
            "race_commitAndSignIn_theSignInStays",
            "race_commitOfOneVersion_exactlyOneWritten",
            "rowForgottenAndCreatedAnew_otherGeneration_lateCommitRefused"),
        failuresOf(StoreIgnoringTheVersion.class));
  }

  @Test
  void g41_storeThatIgnoresTheIntent_found() {
    assertEquals(
        Set.of(
            "begin_anotherIntentIsOpen_busy",
            "race_beginOnAnAbsentRow_exactlyOneBegun",
            "race_begin_exactlyOneBegun",
            "race_takeover_exactlyOneBegun",
            "takeover_ofAnIntentThatIsNotTheOpenOne_busy"),
        withoutChance(
            failuresOf(StoreIgnoringTheIntent.class), "race_beginOnAnAbsentRow_exactlyOneBegun"));
  }

  @Test
  void g41_storeThatIsNotThreadSafe_foundByTheRacesAlone() {
    Set<String> failures = failuresOf(StoreForOneThread.class);

    assertFalse(failures.isEmpty());
    assertTrue(failures.contains("race_begin_exactlyOneBegun"), failures::toString);
    assertTrue(failures.contains("race_commitOfOneVersion_exactlyOneWritten"), failures::toString);
    assertTrue(failures.stream().allMatch(name -> name.startsWith("race_")), failures::toString);
  }

  /** On an absent row nobody is let in who saw none, once there is one: it depends on the race. */
  private static Set<String> withoutChance(Set<String> failures, String chance) {
    Set<String> all = new TreeSet<>(failures);
    all.add(chance);
    return all;
  }

  /** In memory, as no other process sees it. */
  abstract static class StoreInMemory extends TokenStoreContract {

    @Override
    protected TokenStore asAnotherProcessSeesIt(TokenStore store) {
      return store;
    }
  }

  static class StoreIgnoringTheVersion extends StoreInMemory {

    @Override
    protected TokenStore newStore() {
      return new WrongStores.IgnoringTheVersion();
    }
  }

  static class StoreIgnoringTheIntent extends StoreInMemory {

    @Override
    protected TokenStore newStore() {
      return new WrongStores.IgnoringTheIntent();
    }
  }

  static class StoreForOneThread extends StoreInMemory {

    @Override
    protected TokenStore newStore() {
      return new WrongStores.ForOneThread();
    }
  }

  // Providers -----------------------------------------------------------------------------------

  @Test
  void g41_handmadeProvider_noFault() {
    assertEquals(Set.of(), failuresOf(ProviderThatLooksAgain.class));
  }

  @Test
  void g41_providerThatLocksWithoutLookingAgain_found() {
    assertEquals(
        Set.of("expiredToken_manyCallers_oneExchangeAlsoForWhoeverWaitedForTheLock"),
        failuresOf(ProviderThatLocksWithoutLookingAgain.class));
  }

  abstract static class Handmade extends TokenProviderContract {

    private final boolean looksAgain;
    private @Nullable HandmadeTokenProvider provider;

    Handmade(boolean looksAgain) {
      this.looksAgain = looksAgain;
    }

    @Override
    protected TokenProvider provider(
        FakeAuthorizationServer server, ManualClock clock, Map<String, String> refreshTokens) {
      provider = new HandmadeTokenProvider(server, clock, refreshTokens, looksAgain);
      return provider;
    }

    @Override
    protected void release() {
      if (provider != null) {
        provider.close();
      }
    }
  }

  static class ProviderThatLooksAgain extends Handmade {

    ProviderThatLooksAgain() {
      super(true);
    }
  }

  static class ProviderThatLocksWithoutLookingAgain extends Handmade {

    ProviderThatLocksWithoutLookingAgain() {
      super(false);
    }
  }

  // Brokers -------------------------------------------------------------------------------------

  @Test
  void g41_brokerThatDropsTheNewRefreshToken_found() {
    assertEquals(
        Set.of("manyLives_theRefreshTokenIsKeptOrReplacedRightly_noUserNeeded"),
        failuresOf(BrokerThatDropsTheNewRefreshToken.class));
  }

  @Test
  void g41_brokerThatSendsTheTokenToAForeignHost_found() {
    assertEquals(
        Set.of("callsWithTheToken_goOnlyToTheBrokersOwnHosts"),
        failuresOf(BrokerThatSendsTheTokenToAForeignHost.class));
  }

  @Test
  void g41_brokerThatTakesAnOutageForARefusal_found() {
    assertEquals(
        Set.of("outage_tokenInHandIsServed_andNobodyMustSignIn"),
        failuresOf(BrokerThatTakesAnOutageForARefusal.class));
  }

  @Test
  void g41_brokerThatTakesEveryGrant_found() {
    assertEquals(
        Set.of("grantOfAKindItDoesNotTake_refusedClearlyAndNothingSent"),
        failuresOf(BrokerThatTakesEveryGrant.class));
  }

  static class BrokerThatDropsTheNewRefreshToken extends FakeBrokerContract {

    BrokerThatDropsTheNewRefreshToken() {
      super(RotationProfile.STRICT);
    }

    @Override
    protected Broker broker() {
      return new OtherBroker(super.broker()) {
        @Override
        ExchangeAnswer read(Grant grant, Answer answer, ExchangeAnswer right) {
          if (!(grant instanceof Grant.Refresh) || !(right instanceof ExchangeAnswer.Granted)) {
            return right;
          }
          TokenResponse response = ((ExchangeAnswer.Granted) right).response();
          return new ExchangeAnswer.Granted(
              TokenResponse.builder()
                  .accessToken(response.accessToken().value())
                  .expiresIn(response.expiresIn())
                  .build());
        }
      };
    }
  }

  static class BrokerThatSendsTheTokenToAForeignHost extends FakeBrokerContract {

    BrokerThatSendsTheTokenToAForeignHost() {
      super(RotationProfile.NONE);
    }

    @Override
    protected Broker broker() {
      return FakeBroker.at(server())
          .tellsProfile()
          .profile(values -> values.header("X-Application", "canary-app/1"))
          .broker(
              values ->
                  values.probe(
                      new BrokerCall<>() {
                        @Override
                        public BrokerRequest request(CallContext context) {
                          return BrokerRequest.get(URI.create("https://stats.example.com/me"))
                              .authorized();
                        }

                        @Override
                        public ProbeAnswer read(Answer answer) {
                          return new ProbeAnswer.Unknown("http " + answer.status());
                        }
                      }))
          .build();
    }
  }

  static class BrokerThatTakesAnOutageForARefusal extends FakeBrokerContract {

    BrokerThatTakesAnOutageForARefusal() {
      super(RotationProfile.NONE);
    }

    @Override
    protected Broker broker() {
      return new OtherBroker(super.broker()) {
        @Override
        ExchangeAnswer read(Grant grant, Answer answer, ExchangeAnswer right) {
          return answer.status() == 503
              ? new ExchangeAnswer.Refused(ExchangeAnswer.Party.USER, "invalid_grant", "")
              : right;
        }
      };
    }
  }

  static class BrokerThatTakesEveryGrant extends FakeBrokerContract {

    BrokerThatTakesEveryGrant() {
      super(RotationProfile.NONE);
    }

    @Override
    protected Broker broker() {
      return new OtherBroker(super.broker()) {
        @Override
        public BrokerCall<ExchangeAnswer> exchange(Grant grant) {
          boolean taken =
              grant instanceof Grant.AuthorizationCode || grant instanceof Grant.Refresh;
          return super.exchange(
              taken
                  ? grant
                  : new Grant.AuthorizationCode("canary-guess", URI.create("https://a.example/")));
        }
      };
    }
  }

  private static Set<String> failuresOf(Class<?> contract) {
    Events tests =
        EngineTestKit.engine("junit-jupiter")
            .selectors(selectClass(contract))
            .execute()
            .testEvents();
    assertTrue(tests.succeeded().count() > 5, "the contract was not run");
    Set<String> failures = new TreeSet<>();
    tests.failed().stream()
        .forEach(
            event ->
                failures.add(
                    ((MethodSource) event.getTestDescriptor().getSource().orElseThrow())
                        .getMethodName()));
    return failures;
  }
}
