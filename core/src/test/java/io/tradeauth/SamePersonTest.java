package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Fault;
import io.tradeauth.testing.Gate;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** A user's orders never go to another person's account. */
class SamePersonTest {

  private static EngineFixture engine() {
    return engine(TokenStore.inMemory());
  }

  private static EngineFixture engine(TokenStore store) {
    return EngineFixture.of(RotationProfile.STRICT).broker(FakeBroker::probe).store(store).start();
  }

  private static Grant bobs(EngineFixture engine) {
    return FakeBroker.grant(engine.server(), "bob");
  }

  private static void assertDifferent(Executable call) {
    assertEquals(
        SignInRequiredException.Reason.DIFFERENT_ACCOUNT,
        assertThrows(SignInRequiredException.class, call).reason());
  }

  private static UserStatus status(EngineFixture engine) {
    return engine.manager().status(FakeBroker.NAME, "alice");
  }

  @Test
  void signedOut_anotherPersonSignsIn_refused_unlessAllowedOrForgotten() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.signOut("alice");
      assertDifferent(() -> engine.signIn("alice", bobs(engine)));
      assertEquals(UserStatus.State.SIGNED_OUT, status(engine).state());
      try (EngineFixture restarted = engine.another()) {
        assertDifferent(() -> restarted.signIn("alice", bobs(engine)));
      }
      engine.signIn("alice");
      engine.signOut("alice");

      engine.manager().signInAsAnyone(FakeBroker.NAME, "alice", bobs(engine));
      assertEquals("id-of-bob", profile(engine).subject());
      engine.manager().forget("alice");
      engine.signIn("alice");
    }
  }

  private static UserProfile profile(EngineFixture engine) {
    UserProfile profile = status(engine).profile();
    assertNotNull(profile);
    return profile;
  }

  @Test
  void signedOut_tombstoneHasNothingThatTellsThePerson() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.signOut("alice");
      Login login = LoginCodec.read(engine.stored("alice").content());
      assertNull(login.tokens());
      assertNull(login.profile());
      assertTrue(!String.valueOf(login.owner().person()).contains("alice"));
    }
  }

  @Test
  void profileCallFails_anotherPersonsTokens_foundOutAtTheNextRenewal() {
    try (EngineFixture engine = engine().signIn("alice")) {
      signInUnasked(engine);
      assertEquals("id-of-alice", profile(engine).subject(), "remembered until somebody tells");
      engine.expire();

      assertDifferent(() -> engine.get("alice"));
      assertDifferent(() -> engine.get("alice"));
      assertEquals(
          SignInRequiredException.Reason.DIFFERENT_ACCOUNT,
          engine.events(TokenEvent.SignInRequired.class).get(0).reason());
    }
  }

  /** The token answer itself tells it, and who asked is told at once. */
  @Test
  void renewalBringsAnotherPersonsTokens_toldAtOnce_notServed() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .broker(FakeBroker::tellsProfile)
            .start()
            .signIn("alice")) {
      engine.server().fail("token", Fault.after(ExchangeEdgesTest::bobs), 1);
      engine.expire();

      assertDifferent(() -> engine.get("alice"));
      assertEquals(0, engine.events(TokenEvent.RenewalFailing.class).size());
    }
  }

  @Test
  void profileCallFails_anotherPersonsTokens_foundOutByValidate() {
    try (EngineFixture engine = engine().signIn("alice")) {
      signInUnasked(engine);

      assertDifferent(() -> engine.manager().validate(FakeBroker.NAME, "alice"));
      assertDifferent(() -> engine.get("alice"));
      assertTrue(engine.tokens().peek("alice").isEmpty());
    }
  }

  /** The broker has said it, and the store need not know for it to be so. */
  @Test
  void anotherPersonsTokens_foundOutAtARenewal_storeCannotBeWritten_notServed() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine = engine(store).signIn("alice")) {
      signInUnasked(engine);
      engine.expire();
      CompletableFuture<AccessToken> got;
      try (Gate gate = engine.server().holdAnswers("whoami")) {
        got = engine.tokens().getAsync("alice");
        gate.awaitArrivals(1);
        store.failWrites(true);
      }
      assertDifferent(() -> joined(got));
      assertDifferent(() -> engine.get("alice"));

      store.failWrites(false);
      engine.live(Duration.ofSeconds(6));
      try (EngineFixture restarted = engine.another()) {
        assertDifferent(() -> restarted.get("alice"));
      }
    }
  }

  @Test
  void anotherPersonsTokens_foundOutByValidate_storeFailsWithAnError_notServed() {
    FailingStore store = new FailingStore();
    try (EngineFixture engine = engine(store).signIn("alice")) {
      signInUnasked(engine);
      store.failNextCommit(new StackOverflowError());

      assertThrows(TokenException.class, () -> engine.manager().validate(FakeBroker.NAME, "alice"));
      assertDifferent(() -> engine.get("alice"));
    }
  }

  /** It serves them no more, and forgets that once who may write has signed her in herself. */
  @Test
  void anotherPersonsTokens_foundOutByWhoMayOnlyRead_untilSheSignsInHerself() {
    TokenStore store = TokenStore.inMemory();
    FailingStore readOnly = new FailingStore(store);
    try (EngineFixture writer = engine(store).signIn("alice");
        EngineFixture reader = writer.another(readOnly)) {
      signInUnasked(writer);
      reader.get("alice");
      readOnly.beforeNextBegin(
          () -> {
            throw readOnly();
          });
      readOnly.failNextCommit(readOnly());
      assertDifferent(() -> reader.manager().validate(FakeBroker.NAME, "alice"));
      assertDifferent(() -> reader.get("alice"));

      writer.signIn("alice");
      readOnly.failNextCommit(readOnly());

      assertEquals(writer.get("alice"), reader.get("alice"));
    }
  }

  private static TokenStoreException readOnly() {
    return new TokenStoreException(TokenStoreException.Reason.READ_ONLY, "the test says so", null);
  }

  /** Signs bob in as alice while nobody tells whose the tokens are. */
  private static void signInUnasked(EngineFixture engine) {
    engine.server().fail("whoami", Fault.status(503), 1);
    engine.signIn("alice", bobs(engine));
  }

  private static AccessToken joined(CompletableFuture<AccessToken> got) throws Throwable {
    try {
      return got.join();
    } catch (CompletionException e) {
      throw e.getCause();
    }
  }

  @Test
  void profileCallFails_afterASignOutToo_foundOut() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.signOut("alice");
      signInUnasked(engine);

      assertDifferent(() -> engine.manager().validate(FakeBroker.NAME, "alice"));
    }
  }

  @Test
  void profileCallFails_samePerson_askedOnceMore_thenNotAgain() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.server().fail("whoami", Fault.status(503), 1);
      engine.signIn("alice");
      int asked = engine.server().count("whoami");
      for (int i = 0; i < 3; i++) {
        engine.expire();
        assertTrue(engine.server().accepts(engine.get("alice").value()));
      }
      assertEquals(1, engine.server().count("whoami") - asked);
    }
  }

  @Test
  void profileCallFailsAtRenewal_tokenServed_askedAgainAtTheNext() {
    try (EngineFixture engine = engine().signIn("alice")) {
      engine.server().fail("whoami", Fault.status(503), 2);
      engine.signIn("alice");
      engine.expire();
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      int asked = engine.server().count("whoami");
      engine.expire();
      engine.get("alice");
      assertEquals(1, engine.server().count("whoami") - asked);
    }
  }

  @Test
  void profile_createdUpdatedValidated_areKept() {
    try (EngineFixture engine = engine()) {
      Instant signedIn = engine.clock().now();
      engine.signIn("alice");
      assertEquals(signedIn, status(engine).profileCreatedAt());
      assertNull(status(engine).validatedAt());

      engine.expire();
      engine.manager().validate(FakeBroker.NAME, "alice");

      UserStatus status = status(engine);
      assertEquals(signedIn, status.profileCreatedAt());
      assertEquals(engine.clock().now(), status.profileUpdatedAt());
      assertEquals(engine.clock().now(), status.validatedAt());
    }
  }
}
