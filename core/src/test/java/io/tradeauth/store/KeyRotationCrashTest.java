package io.tradeauth.store;

import static io.tradeauth.store.Samples.content;
import static io.tradeauth.store.Samples.key;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.testing.Racers;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** G33: the process that changes the key is killed, and the store is in use all the while. */
class KeyRotationCrashTest {

  private static final int RECORDS = Integer.getInteger("tradeauth.records", 1_000);
  private static final KeyProvider OLD_FIRST = KeyProvider.of(key(1), key(2));
  private static final KeyProvider BOTH = KeyProvider.of(key(2), key(1));
  private static final KeyProvider NEW = KeyProvider.of(key(2));

  private final Random random = new Random(33);

  /** Where a store is that several processes can open. */
  private enum Place {
    FILES,
    POSTGRESQL,
    SQLITE;

    String make() throws Exception {
      return this == FILES
          ? TestDatabase.newDirectory("rotated").toString()
          : TestDatabase.valueOf(name()).newAddress();
    }
  }

  @ParameterizedTest
  @EnumSource
  void killedThreeTimes_resumedToTheEnd_noReadFails_G33(Place place) throws Exception {
    String address = place.make();
    try (RotatedStore before = RotatedStore.open(address, OLD_FIRST)) {
      for (int i = 0; i < RECORDS; i++) {
        before.store().supersede(ChildJvm.user(i), content("of " + i));
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
          killWhileItRotates(address, RECORDS / 5);
          int left = Objects.requireNonNull(before.countByKey().get().get("key-1"));
          assertTrue(left > 0 && left < RECORDS, left + " left after kill " + kill);
        }
        try (RotatedStore last = RotatedStore.open(address, BOTH)) {
          int resumed = last.reencryptAll().getAsInt();
          assertTrue(resumed > 0 && resumed < RECORDS, resumed + " in the last run");
        }
        done.set(true);
        Racers.results(readers);
      }
      assertTrue(reads.get() > 0);
    }
    try (RotatedStore after = RotatedStore.open(address, NEW)) {
      assertEquals(Map.of("key-2", RECORDS + 1), after.countByKey().get());
      for (int i = 0; i < RECORDS; i++) {
        assertRecord(after, i);
      }
      assertEquals(0, after.reencryptAll().getAsInt());
    }
  }

  private static void assertRecord(RotatedStore of, int number) {
    StoredRecord stored = Objects.requireNonNull(of.store().load(ChildJvm.user(number)));
    assertEquals(content("of " + number), stored.content());
  }

  private void killWhileItRotates(String address, int records) throws Exception {
    try (ChildJvm child = ChildJvm.start("rotate", address)) {
      for (int i = 0; i < records; i++) {
        assertEquals("opened", child.next());
      }
      ChildJvm.spin(random.nextInt(1_000_000));
      child.kill();
    }
  }
}
