package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.BOB;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static io.tradeauth.store.Samples.key;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** O2: the key of a store in files changes while it is in use. */
class KeyRotationTest {

  private static final KeyProvider OLD = KeyProvider.of(key(1));
  private static final KeyProvider BOTH = KeyProvider.of(key(2), key(1));
  private static final KeyProvider NEW = KeyProvider.of(key(2));

  private final StoreFixture fixture = new StoreFixture();
  private Path directory;

  @BeforeEach
  void choose() throws Exception {
    directory = fixture.newDirectory();
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void o2_rotated_versionsAndIntentsStay() {
    FileTokenStore before = fixture.open(directory, OLD);
    Version version = before.supersede(ALICE, content("a"));
    before.begin(ALICE, version, INTENT, null);
    StoredRecord stored = before.load(ALICE);

    assertEquals(1, fixture.open(directory, BOTH).reencryptAll());

    assertEquals(stored, fixture.open(directory, NEW).load(ALICE));
  }

  /** O2: whatever is written is under the new key, without any run over all. */
  @Test
  void o2_rotated_writesAreUnderTheNewKey() {
    FileTokenStore before = fixture.open(directory, OLD);
    Version alice = before.supersede(ALICE, content("a"));
    Version bob = before.supersede(BOB, content("b"));
    FileTokenStore after = fixture.open(directory, BOTH);
    assertEquals(Map.of("key-1", 2, "key-2", 1), after.countByKey());

    after.begin(ALICE, alice, INTENT, null);
    assertEquals(Map.of("key-1", 1, "key-2", 2), after.countByKey());
    after.commit(BOB, bob, content("c"));

    assertEquals(Map.of("key-2", 3), after.countByKey());
    assertEquals(content("c"), Objects.requireNonNull(after.load(BOB)).content());
    assertEquals(INTENT, Objects.requireNonNull(after.load(ALICE)).intent());
  }

  /** A key that was taken away too early is no absent user: nobody is asked to sign in. */
  @Test
  void o2_keyTakenAwayTooEarly_saidAndNothingMovedAside() throws Exception {
    fixture.open(directory, OLD).supersede(ALICE, content("a"));
    fixture.open(directory, BOTH).supersede(BOB, content("b"));
    Map<String, String> before = Snapshot.of(directory);
    FileTokenStore tooEarly = fixture.open(directory, NEW);

    for (org.junit.jupiter.api.function.Executable use :
        List.<org.junit.jupiter.api.function.Executable>of(
            () -> tooEarly.load(ALICE),
            () -> tooEarly.begin(ALICE, null, INTENT, null),
            () -> tooEarly.list(Kind.LOGIN, "fake"),
            tooEarly::reencryptAll)) {
      TokenStoreException refusal = assertThrows(TokenStoreException.class, use);
      assertEquals(Reason.WRONG_KEY, refusal.reason());
      assertTrue(refusal.getMessage().contains("key-1"), refusal::getMessage);
    }

    assertEquals(content("b"), Objects.requireNonNull(tooEarly.load(BOB)).content());
    assertEquals(before, Snapshot.of(directory));
    assertEquals(
        content("a"), Objects.requireNonNull(fixture.open(directory, BOTH).load(ALICE)).content());
  }
}
