package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.BOB;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore.BeginOutcome;
import io.tradeauth.TokenStore.BeginResult;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.StoredLabel;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** X8, A14, G34: what was damaged or changed is refused and kept, and nobody else is hurt. */
class FileTokenStoreDamageTest {

  private final StoreFixture fixture = new StoreFixture();
  private Path directory;
  private FileTokenStore store;
  private Path alice;
  private Version version;

  @BeforeEach
  void open() throws Exception {
    directory = fixture.newDirectory();
    store = fixture.open(directory);
    version = store.supersede(ALICE, content("a"));
    store.begin(ALICE, version, INTENT, null);
    alice = Snapshot.theRecord(directory);
    store.supersede(BOB, content("b"));
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  @Test
  void x8_anyByteChanged_refusedOnceAndMovedAside_othersServed() throws Exception {
    byte[] good = Files.readAllBytes(alice);
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= (byte) (1 << i % 8);
      assertRefused(bad, "byte " + i);
    }
  }

  @Test
  void x8_cutAnywhereOrLonger_refusedOnceAndMovedAside_othersServed() throws Exception {
    byte[] good = Files.readAllBytes(alice);
    for (int length = 0; length < good.length; length++) {
      assertRefused(Arrays.copyOf(good, length), "length " + length);
    }
    assertRefused(Arrays.copyOf(good, good.length + 1), "longer");
  }

  private void assertRefused(byte[] bad, String what) throws IOException {
    Files.write(alice, bad);

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> store.load(ALICE), what);

    assertEquals(Reason.TAMPERED, refusal.reason(), what);
    assertNull(store.load(ALICE), what);
    assertEquals(content("b"), Objects.requireNonNull(store.load(BOB)).content());
    List<Path> quarantined = Snapshot.files(directory.resolve("quarantine"));
    assertEquals(1, quarantined.size(), what);
    assertArrayEquals(bad, Files.readAllBytes(quarantined.get(0)), what);
    Files.delete(quarantined.get(0));
  }

  @Test
  void x8_damaged_nothingBegunOrCommittedOnIt() throws Exception {
    RecordFile good = RecordFile.read(Files.readAllBytes(alice));
    good.content().label()[100]++;
    byte[] bad = good.toBytes();
    for (org.junit.jupiter.api.function.Executable write :
        List.<org.junit.jupiter.api.function.Executable>of(
            () -> store.begin(ALICE, version, INTENT, INTENT.id()),
            () -> store.commit(ALICE, version, content("late")),
            () -> store.clear(ALICE, INTENT.id()))) {
      Files.write(alice, bad);

      assertThrows(TokenStoreException.class, write);

      assertTrue(Files.notExists(alice));
    }
    assertEquals(3, Snapshot.files(directory.resolve("quarantine")).size());
  }

  @Test
  void x8_damaged_signInMends_andForgetLeavesNoTrace() throws Exception {
    Files.write(alice, new byte[10]);
    assertThrows(TokenStoreException.class, () -> store.load(ALICE));

    store.supersede(ALICE, content("signed in again"));

    assertEquals(content("signed in again"), Objects.requireNonNull(store.load(ALICE)).content());
    assertEquals(1, Snapshot.files(directory.resolve("quarantine")).size());
    store.forget(ALICE);
    assertEquals(0, Snapshot.files(directory.resolve("quarantine")).size());
  }

  @Test
  void x8_damaged_listedWithoutIt() throws Exception {
    Files.write(alice, new byte[10]);

    assertEquals(
        List.of(new StoredLabel(BOB, State.ACTIVE, content("b").label())),
        store.list(Kind.LOGIN, "fake"));
    assertEquals(1, Snapshot.files(directory.resolve("quarantine")).size());
  }

  /** Opening reads no record, so it is as quick and as safe with any number of damaged ones. */
  @Test
  void x8_damaged_openedAllTheSame_movedAsideOnlyByWhoReadsIt() throws Exception {
    Files.write(alice, new byte[10]);

    FileTokenStore opened = fixture.open(directory);

    assertArrayEquals(new byte[10], Files.readAllBytes(alice));
    assertEquals(content("b"), Objects.requireNonNull(opened.load(BOB)).content());
    assertArrayEquals(new byte[10], Files.readAllBytes(alice));
    assertThrows(TokenStoreException.class, () -> opened.load(ALICE));
    assertTrue(Files.notExists(alice));
    assertEquals(1, Snapshot.files(directory.resolve("quarantine")).size());
  }

  /** A bit that turns a record into one that may be removed must not remove it. */
  @Test
  void x8_stateOrTimeChanged_notPurged() throws Exception {
    byte[] bytes = Files.readAllBytes(alice);
    RecordFile file = RecordFile.read(bytes);
    SealedContent sealed = file.content();
    SealedContent changed =
        new SealedContent(
            sealed.version(), State.SIGNED_OUT, Instant.EPOCH, sealed.label(), sealed.secrets());
    Files.write(alice, file.with(changed).toBytes());

    assertThrows(TokenStoreException.class, () -> store.purge(Samples.SINCE));

    assertEquals(1, Snapshot.files(directory.resolve("quarantine")).size());
  }

  @Test
  void g34_recordsSwapped_bothRefused() throws Exception {
    Path bob = other(alice);
    byte[] alices = Files.readAllBytes(alice);
    Files.write(alice, Files.readAllBytes(bob));
    Files.write(bob, alices);

    for (Key key : List.of(ALICE, BOB)) {
      TokenStoreException refusal = assertThrows(TokenStoreException.class, () -> store.load(key));
      assertEquals(Reason.TAMPERED, refusal.reason());
      assertNull(store.load(key));
    }
  }

  private Path other(Path record) throws IOException {
    List<Path> others = Snapshot.files(directory.resolve("records"));
    others.remove(record);
    return others.get(0);
  }

  @Test
  void a14_intentOfAnotherRecordOrVersion_refused() throws Exception {
    byte[] intent = RecordFile.read(Files.readAllBytes(alice)).intent();
    Path bob = other(alice);
    Files.write(bob, RecordFile.read(Files.readAllBytes(bob)).with(intent).toBytes());
    assertThrows(TokenStoreException.class, () -> store.load(BOB));

    store.commit(ALICE, version, content("next"));
    Files.write(alice, RecordFile.read(Files.readAllBytes(alice)).with(intent).toBytes());
    assertThrows(TokenStoreException.class, () -> store.load(ALICE));
  }

  /**
   * A14, G34, X15: a whole older record is whole. Its version tells: whoever knows the newer one
   * begins and commits nothing on it.
   */
  @Test
  void a14_olderRecordPutBack_toldByItsVersion_nothingBegunOrCommittedByWhoKnowsBetter()
      throws Exception {
    byte[] older = Files.readAllBytes(alice);
    Version newer = Objects.requireNonNull(store.commit(ALICE, version, content("newer")));
    Files.write(alice, older);

    BeginResult begun = store.begin(ALICE, newer, new Intent("b", "p", "Refresh"), null);

    assertEquals(new BeginResult(BeginOutcome.MOVED, version, INTENT), begun);
    assertNull(store.commit(ALICE, newer, content("newest")));
    assertTrue(Objects.requireNonNull(store.load(ALICE)).version().number() < newer.number());
    assertArrayEquals(older, Files.readAllBytes(alice));
  }

  /** A14: after a sign-out or sign-in, even the lineage is another. */
  @Test
  void a14_recordOfBeforeTheSignOutPutBack_toldByItsGeneration() throws Exception {
    byte[] older = Files.readAllBytes(alice);
    Version out = store.supersede(ALICE, content(State.SIGNED_OUT, ""));
    Files.write(alice, older);

    assertEquals(
        BeginOutcome.MOVED,
        store.begin(ALICE, out, new Intent("b", "p", "Refresh"), null).outcome());
    assertNull(store.commit(ALICE, out, content("late")));
  }

  @Test
  void metaRecordDamaged_doesNotOpenAndNothingIsChanged() throws Exception {
    Path meta = directory.resolve("meta");
    byte[] good = Files.readAllBytes(meta);
    for (int i = 0; i < good.length; i += 7) {
      byte[] bad = good.clone();
      bad[i]++;
      Files.write(meta, bad);
      assertThrows(TokenStoreException.class, () -> fixture.open(directory));
    }
    Files.write(meta, good);
    assertNotNull(fixture.open(directory).load(ALICE));
  }

  /** A new index key would make all records strangers. */
  @Test
  void metaRecordMissing_notMadeAnewWhileThereAreRecords() throws Exception {
    Files.delete(directory.resolve("meta"));

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> fixture.open(directory));

    assertEquals(Reason.UNREADABLE_RECORD, refusal.reason());
    assertTrue(Files.notExists(directory.resolve("meta")));
  }
}
