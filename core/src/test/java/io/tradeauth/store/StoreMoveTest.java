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
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Logins go from one store to another and are never in both when a token could be spent. */
class StoreMoveTest {

  private static final List<String> REALMS = List.of(FakeBroker.NAME);

  private final List<StorePlace> places = new ArrayList<>();

  /** The new store. */
  private TokenStore store = TokenStore.inMemory();

  /** The store that is left. */
  private TokenStore left = TokenStore.inMemory();

  /** From where to where. */
  private enum Way {
    MEMORY_TO_FILES(null, StorePlace.Kind.FILES),
    FILES_TO_DATABASE(StorePlace.Kind.FILES, StorePlace.Kind.H2),
    DATABASE_TO_FILES(StorePlace.Kind.H2, StorePlace.Kind.FILES);

    private final StorePlace.@Nullable Kind from;
    private final StorePlace.Kind to;

    Way(StorePlace.@Nullable Kind from, StorePlace.Kind to) {
      this.from = from;
      this.to = to;
    }
  }

  private void open(Way way) throws Exception {
    left = way.from == null ? TokenStore.inMemory() : open(way.from);
    store = open(way.to);
  }

  private TokenStore open(StorePlace.Kind kind) throws Exception {
    StorePlace place = kind.make();
    places.add(place);
    return place.open();
  }

  @AfterEach
  void close() throws Exception {
    for (StorePlace place : places) {
      place.close();
    }
  }

  private static Key login(String user) {
    return new Key(Kind.LOGIN, FakeBroker.NAME, user);
  }

  private static EngineFixture over(TokenStore store) {
    return EngineFixture.of(RotationProfile.STRICT).store(store).start();
  }

  @ParameterizedTest
  @EnumSource
  void moved_usersGoOnThere_oldStoreKnowsNobody(Way way) throws Exception {
    open(way);
    try (EngineFixture old = over(left).signIn("alice", "bob");
        EngineFixture after = old.another(store)) {
      AccessToken alice = old.get("alice");

      assertEquals(new StoreMove.Result(2, List.of(), List.of()), move());

      assertEquals(alice, after.get("alice"));
      old.expire();
      // It may just be told of what was moved, and then looks again after a moment.
      assertTrue(old.server().accepts(after.getAsTimePasses("alice").value()));
      assertTrue(old.server().accepts(after.getAsTimePasses("bob").value()));
      assertThrows(SignInRequiredException.class, () -> old.get("alice"));
      assertEquals(0, old.server().ledger().spentTwice(TokenLedger.Kind.REFRESH_TOKEN));
    }
  }

  private StoreMove.Result move() {
    return StoreMove.move(left, store, REALMS);
  }

  @ParameterizedTest
  @EnumSource
  void exchangeUnderWay_staysWhereItIs(Way way) throws Exception {
    open(way);
    try (EngineFixture old = over(left).signIn("alice")) {
      TokenStore.StoredRecord stored = Objects.requireNonNull(left.load(login("alice")));
      left.begin(
          login("alice"), stored.version(), new TokenStore.Intent("i", "another", "Refresh"), null);

      assertEquals(new StoreMove.Result(0, List.of(login("alice")), List.of()), move());

      assertNull(store.load(login("alice")));
      left.clear(login("alice"), "i");
      assertEquals(1, move().moved());
      assertEquals(1, old.exchanges());
    }
  }

  @ParameterizedTest
  @EnumSource
  void signedInThereAlready_bothStay(Way way) throws Exception {
    open(way);
    try (EngineFixture old = over(left).signIn("alice");
        EngineFixture after = old.another(store)) {
      after.signIn("alice");
      AccessToken newer = after.get("alice");

      assertEquals(new StoreMove.Result(0, List.of(), List.of(login("alice"))), move());

      assertEquals(newer, after.get("alice"));
      assertNull(Objects.requireNonNull(left.load(login("alice"))).intent());
    }
  }

  @ParameterizedTest
  @EnumSource
  void brokenOffBeforeTheRemoval_goneOnWith(Way way) throws Exception {
    open(way);
    try (EngineFixture old = over(left).signIn("alice")) {
      TokenStore.StoredRecord stored = Objects.requireNonNull(left.load(login("alice")));
      left.begin(
          login("alice"), stored.version(), new TokenStore.Intent("dead", "mover", "move"), null);
      store.supersede(login("alice"), stored.content());

      assertEquals(new StoreMove.Result(1, List.of(), List.of()), move());

      assertNull(left.load(login("alice")));
      assertNotNull(store.load(login("alice")));
      assertEquals(1, old.exchanges());
    }
  }
}
