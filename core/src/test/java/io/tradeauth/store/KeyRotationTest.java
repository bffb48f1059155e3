package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.BOB;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static io.tradeauth.store.Samples.key;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import io.tradeauth.testing.Racers;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** O2, G33: the key changes while the store is in use. */
class KeyRotationTest {

  private static final int RECORDS = Integer.getInteger("tradeauth.records", 1_000);
  private static final KeyProvider OLD = KeyProvider.of(key(1));
  private static final KeyProvider BOTH_OLD_FIRST = KeyProvider.of(key(1), key(2));
  private static final KeyProvider BOTH = KeyProvider.of(key(2), key(1));
  private static final KeyProvider NEW = KeyProvider.of(key(2));

  private final StoreFixture fixture = new StoreFixture();
  private final Random random = new Random(33);
  private Path directory;

  @BeforeEach
  void choose() throws Exception {
    directory = fixture.newDirectory();
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  /** G33: killed three times, with readers all the while. */
  @Test
  void g33_rotatedAndKilledThreeTimes_resumedToTheEnd_noReadFails() throws Exception {
    FileTokenStore before = fixture.open(directory, BOTH_OLD_FIRST);
    for (int i = 0; i < RECORDS; i++) {
      before.supersede(user(i), content("of " + i));
    }
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger reads = new AtomicInteger();
    try (Racers racers = new Racers(1)) {
      List<Future<Integer>> readers =
          racers.start(
              racer -> {
                for (int i = 0; !done.get(); i = (i + 1) % RECORDS) {
                  assertRecord(before, i);
                  reads.incrementAndGet();
                }
                return racer;
              });
      for (int kill = 1; kill <= 3; kill++) {
        killWhileItRotates(RECORDS / 5);
        int left = Objects.requireNonNull(before.countByKey().get("key-1"));
        assertTrue(left > 0 && left < RECORDS, left + " left after kill " + kill);
      }
      int resumed = fixture.open(directory, BOTH).reencryptAll();

      assertTrue(resumed > 0 && resumed < RECORDS, resumed + " in the last run");
      done.set(true);
      Racers.results(readers);
    }
    assertTrue(reads.get() > 0);
    FileTokenStore after = fixture.open(directory, NEW);
    assertEquals(Map.of("key-2", RECORDS + 1), after.countByKey());
    for (int i = 0; i < RECORDS; i++) {
      assertRecord(after, i);
    }
    assertEquals(0, after.reencryptAll());
  }

  private static Key user(int number) {
    return new Key(Kind.LOGIN, "fake", "user " + number);
  }

  private static void assertRecord(FileTokenStore store, int number) {
    StoredRecord stored = Objects.requireNonNull(store.load(user(number)));
    assertEquals(content("of " + number), stored.content());
  }

  private void killWhileItRotates(int records) throws Exception {
    try (ChildJvm child = ChildJvm.start("rotate", directory, "0")) {
      for (int i = 0; i < records; i++) {
        assertEquals("opened", child.next());
      }
      ChildJvm.spin(random.nextInt(1_000_000));
      child.kill();
    }
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
