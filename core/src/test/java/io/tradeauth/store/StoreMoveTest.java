package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.AccessToken;
import io.tradeauth.RotationProfile;
import io.tradeauth.SignInRequiredException;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.TokenLedger;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Logins go from one store to another and are never in both when a token could be spent. */
class StoreMoveTest {

  private static final List<String> REALMS = List.of(FakeBroker.NAME);

  private final StoreFixture files = new StoreFixture();
  private final TokenStore memory = TokenStore.inMemory();

  @AfterEach
  void close() throws Exception {
    files.close();
  }

  private static Key login(String user) {
    return new Key(Kind.LOGIN, FakeBroker.NAME, user);
  }

  private static EngineFixture over(TokenStore store) {
    return EngineFixture.of(RotationProfile.STRICT).store(store).start();
  }

  @Test
  void memoryToFiles_usersGoOnThere_oldStoreKnowsNobody() throws Exception {
    FileTokenStore store = files.open(files.newDirectory());
    try (EngineFixture old = over(memory).signIn("alice", "bob");
        EngineFixture after = old.another(store)) {
      AccessToken alice = old.get("alice");

      assertEquals(new StoreMove.Result(2, List.of(), List.of()), move(store));

      assertEquals(alice, after.get("alice"));
      old.expire();
      assertTrue(old.server().accepts(after.get("alice").value()));
      assertTrue(old.server().accepts(after.get("bob").value()));
      assertThrows(SignInRequiredException.class, () -> old.get("alice"));
      assertEquals(0, old.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  private StoreMove.Result move(TokenStore to) {
    return StoreMove.move(memory, to, REALMS);
  }

  @Test
  void exchangeUnderWay_staysWhereItIs() throws Exception {
    FileTokenStore store = files.open(files.newDirectory());
    try (EngineFixture old = over(memory).signIn("alice")) {
      TokenStore.StoredRecord stored = Objects.requireNonNull(memory.load(login("alice")));
      memory.begin(
          login("alice"), stored.version(), new TokenStore.Intent("i", "another", "Refresh"), null);

      assertEquals(new StoreMove.Result(0, List.of(login("alice")), List.of()), move(store));

      assertNull(store.load(login("alice")));
      memory.clear(login("alice"), "i");
      assertEquals(1, move(store).moved());
      assertEquals(1, old.exchanges());
    }
  }

  @Test
  void signedInThereAlready_bothStay() throws Exception {
    FileTokenStore store = files.open(files.newDirectory());
    try (EngineFixture old = over(memory).signIn("alice");
        EngineFixture after = old.another(store)) {
      after.signIn("alice");
      AccessToken newer = after.get("alice");

      assertEquals(new StoreMove.Result(0, List.of(), List.of(login("alice"))), move(store));

      assertEquals(newer, after.get("alice"));
      assertNull(Objects.requireNonNull(memory.load(login("alice"))).intent());
    }
  }

  @Test
  void brokenOffBeforeTheRemoval_goneOnWith() throws Exception {
    FileTokenStore store = files.open(files.newDirectory());
    try (EngineFixture old = over(memory).signIn("alice")) {
      TokenStore.StoredRecord stored = Objects.requireNonNull(memory.load(login("alice")));
      memory.begin(
          login("alice"), stored.version(), new TokenStore.Intent("dead", "mover", "move"), null);
      store.supersede(login("alice"), stored.content());

      assertEquals(new StoreMove.Result(1, List.of(), List.of()), move(store));

      assertNull(memory.load(login("alice")));
      assertNotNull(store.load(login("alice")));
      assertEquals(1, old.exchanges());
    }
  }
}
