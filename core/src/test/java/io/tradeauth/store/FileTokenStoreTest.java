package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.BOB;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tradeauth.TimeSource;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is peculiar to files. */
class FileTokenStoreTest {

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

  // First use -----------------------------------------------------------------------------------

  @Test
  void inHome_needsNothingElse_andKeepsWhatItHas() {
    Path home = directory;
    FileTokenStore first = fixture.opened(FileTokenStore.inHome(home, "myapp"));
    Version version = first.supersede(ALICE, content("a"));
    first.close();

    FileTokenStore again = fixture.opened(FileTokenStore.inHome(home, "myapp"));

    assertEquals(version, Objects.requireNonNull(again.load(ALICE)).version());
    assertTrue(Files.exists(home.resolve(".myapp/tokens.key")));
    assertTrue(Files.exists(home.resolve(".myapp/tokens/meta")));
  }

  /** O1, O3: a new key would not open what is there. */
  @Test
  void o3_inHome_keyFileMissing_saidAndNotMadeAnew() throws Exception {
    FileTokenStore.inHome(directory, "myapp").close();
    Path key = directory.resolve(".myapp/tokens.key");
    Files.delete(key);

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> FileTokenStore.inHome(directory, "myapp"));

    assertEquals(Reason.WRONG_KEY, refusal.reason());
    assertTrue(refusal.getMessage().contains(key.toString()), refusal::getMessage);
    assertTrue(Files.notExists(key));
  }

  /** A kill between the key file and the store must not stop the next start. */
  @Test
  void inHome_killedWhileMaking_madeByTheNext() throws Exception {
    Path tokens = directory.resolve(".myapp/tokens");
    FileTokenStore.inHome(directory, "myapp").close();
    Files.delete(tokens.resolve("meta"));
    Path unfinished = tokens.resolve("meta.tmp");
    Files.createFile(unfinished, Modes.of(unfinished).ofFile());

    FileTokenStore.inHome(directory, "myapp").close();

    assertTrue(Files.notExists(unfinished));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "..", "../x", "a/b", "a\\b", "a\u0000", " ", "\u00e5pp"})
  void inHome_badName_refused(String name) {
    assertThrows(IllegalArgumentException.class, () -> FileTokenStore.inHome(directory, name));
  }

  // Modes ---------------------------------------------------------------------------------------

  @Test
  void g35_everythingMade_isForItsOwnerOnly() throws Exception {
    FileTokenStore store = fixture.opened(FileTokenStore.inHome(directory, "myapp"));
    assumeTrue(Modes.of(directory) == Modes.POSIX, "this file system has no modes");
    Version version = store.supersede(ALICE, content("a"));
    store.begin(ALICE, version, INTENT, null);
    store.supersede(BOB, content("b"));
    Files.write(Snapshot.files(directory.resolve(".myapp/tokens/records")).get(0), new byte[1]);
    store.list(Kind.LOGIN, "fake");

    try (Stream<Path> all = Files.walk(directory.resolve(".myapp"))) {
      for (Path path : (Iterable<Path>) all::iterator) {
        assertEquals(
            Files.isDirectory(path) ? "rwx------" : "rw-------",
            PosixFilePermissions.toString(Files.getPosixFilePermissions(path)),
            path::toString);
      }
    }
  }

  /** G35, O8. */
  @Test
  void g35_o8_looserMode_refusedOrRepaired() throws Exception {
    FileTokenStore store = fixture.open(directory);
    assumeTrue(Modes.of(directory) == Modes.POSIX, "this file system has no modes");
    store.supersede(ALICE, content("a"));
    for (Path path :
        List.of(
            directory,
            directory.resolve("records"),
            directory.resolve("locks"),
            directory.resolve("meta"),
            Snapshot.theRecord(directory))) {
      String right = Files.isDirectory(path) ? "rwx------" : "rw-------";
      Files.setPosixFilePermissions(
          path, PosixFilePermissions.fromString(right.substring(0, 3) + "r-----"));

      TokenStoreException refusal =
          assertThrows(TokenStoreException.class, () -> fixture.open(directory), path::toString);
      assertEquals(Reason.UNSAFE, refusal.reason());
      assertTrue(refusal.getMessage().contains(path.toString()), refusal::getMessage);

      fixture.open(FileTokenStore.builder(directory, StoreFixture.KEYS).repairModes());
      assertEquals(right, PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
      fixture.open(directory);
    }
  }

  /** What root writes in passing, the service could not read. */
  @Test
  void o8_directoryOfAnotherUser_refused() throws Exception {
    fixture.open(directory).close();
    assumeTrue("root".equals(System.getProperty("user.name")), "only root can give files away");
    var lookup = directory.getFileSystem().getUserPrincipalLookupService();
    Files.setOwner(directory, lookup.lookupPrincipalByName("nobody"));

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> fixture.open(directory));

    assertEquals(Reason.UNSAFE, refusal.reason());
    assertTrue(refusal.getMessage().contains("nobody"), refusal::getMessage);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "fuse.sshfs",
        "9p",
        "ceph",
        "AFPFS",
        "fuse.rclone",
        "virtiofs"
      })
  void x10_networkFileSystem_known(String type) {
    assertTrue(StoreDirectory.isNetwork(type));
  }

  @ParameterizedTest
  @ValueSource(strings = {"ext4", "xfs", "btrfs", "tmpfs", "apfs", "zfs", "overlay", "NTFS"})
  void x10_localFileSystem_known(String type) {
    assertFalse(StoreDirectory.isNetwork(type));
  }

  @Test
  void x10_directoryOnTheNetwork_refusedBeforeAnythingIsWritten_openedIfAllowed() throws Exception {
    Path real = directory.getParent().toRealPath().resolve("store");
    FileTokenStore.Builder settings =
        FileTokenStore.builder(directory, StoreFixture.KEYS)
            .fileSystem(path -> path.equals(real) ? "nfs4" : "ext4");

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> fixture.open(settings));

    assertEquals(Reason.UNSAFE, refusal.reason());
    for (String word : List.of(real.toString(), "network", "nfs4", "allow")) {
      assertTrue(refusal.getMessage().contains(word), refusal::getMessage);
    }
    assertEquals(Map.of(), Snapshot.of(directory));

    FileTokenStore store = fixture.open(settings.allowNetworkFileSystem());
    store.supersede(ALICE, content("a"));
    assertEquals(content("a"), Objects.requireNonNull(store.load(ALICE)).content());
  }

  // Names ---------------------------------------------------------------------------------------

  /** What a process that died has left half-written has the user's tokens, too. */
  @Test
  void forget_halfWrittenRecordOfAKilledProcess_goesToo() throws Exception {
    FileTokenStore store = fixture.open(directory);
    store.supersede(ALICE, content("a"));
    Path record = Snapshot.files(directory.resolve("records")).get(0);
    RecordFiles.Slot slot = RecordFiles.Slot.of(Base32.decode(record.getFileName().toString()));
    Files.copy(record, record.resolveSibling(slot.stripe() + "-" + slot + ".tmp"));

    store.forget(ALICE);

    assertEquals(List.of(), Snapshot.files(directory.resolve("records")));
  }

  /** A8: no byte of an id, a realm or a secret is on the disk, in a name or in a file. */
  @Test
  void a8_nothingOfTheUserOnTheDisk() throws Exception {
    FileTokenStore store = fixture.open(directory);
    Key key = new Key(Kind.LOGIN, "canary-realm", "canary-user");
    Version version = store.supersede(key, content("canary-token"));
    store.begin(key, version, new TokenStore.Intent("canary-i", "canary-o", "canary-p"), null);
    store.forget(new Key(Kind.LOGIN, "canary-realm", "canary-forgotten"));

    Map<String, String> all = Snapshot.of(directory);

    String text = "canary";
    for (var encoding : List.of(StandardCharsets.UTF_8, StandardCharsets.UTF_16BE)) {
      String hex = HexFormat.of().formatHex(text.getBytes(encoding));
      all.forEach((name, content) -> assertFalse(content.contains(hex), name));
    }
    all.keySet().forEach(name -> assertFalse(name.contains(text), name));
    assertTrue(Snapshot.theRecord(directory).getFileName().toString().matches("[a-z2-7]{52}"));
  }

  @Test
  void base32_anyBytes_thereAndBack() {
    for (int length = 0; length <= 40; length++) {
      byte[] bytes = DataKey.random(length);
      org.junit.jupiter.api.Assertions.assertArrayEquals(
          bytes, Base32.decode(Base32.encode(bytes)));
    }
    assertEquals("mzxw6ytboi", Base32.encode("foobar".getBytes(StandardCharsets.US_ASCII)));
  }

  // Keys ----------------------------------------------------------------------------------------

  @Test
  void o1_wrongKey_doesNotOpen_nothingChanged() throws Exception {
    FileTokenStore store = fixture.open(directory);
    store.supersede(ALICE, content("a"));
    store.close();
    Map<String, String> before = Snapshot.of(directory);

    for (EncryptionKey wrong :
        List.of(Samples.key(2), EncryptionKey.of("key-1", Samples.key(2).material()))) {
      TokenStoreException refusal =
          assertThrows(
              TokenStoreException.class, () -> fixture.open(directory, KeyProvider.of(wrong)));
      assertEquals(Reason.WRONG_KEY, refusal.reason());
    }

    assertEquals(before, Snapshot.of(directory));
    assertNotNull(fixture.open(directory).load(ALICE));
  }

  // Reading only --------------------------------------------------------------------------------

  @Test
  void g38_readOnly_readsAndWritesNothing() throws Exception {
    FileTokenStore owner = fixture.open(directory);
    Version version = owner.supersede(ALICE, content("a"));
    Map<String, String> before = Snapshot.of(directory);

    FileTokenStore reader =
        fixture.open(FileTokenStore.builder(directory, StoreFixture.KEYS).readOnly());

    assertEquals(content("a"), Objects.requireNonNull(reader.load(ALICE)).content());
    assertEquals(1, reader.list(Kind.LOGIN, "fake").size());
    assertEquals(Map.of("key-1", 2), reader.countByKey());
    String cursor = reader.changesSince(null).cursor();
    for (Executable write :
        List.<Executable>of(
            () -> reader.begin(ALICE, version, INTENT, null),
            () -> reader.commit(ALICE, version, content("b")),
            () -> reader.clear(ALICE, "x"),
            () -> reader.supersede(ALICE, content("b")),
            () -> reader.forget(ALICE),
            () -> reader.purge(Instant.MAX),
            reader::reencryptAll)) {
      TokenStoreException refusal = assertThrows(TokenStoreException.class, write);
      assertEquals(Reason.READ_ONLY, refusal.reason());
    }
    assertEquals(before, Snapshot.of(directory));

    owner.supersede(BOB, content("b"));
    assertEquals(BOB, reader.changesSince(cursor).changes().get(0).key());
    assertTrue(reader.changesSince("nonsense").everything());
  }

  @Test
  void g38_readOnly_damagedRecord_saidAndLeftAlone() throws Exception {
    fixture.open(directory).supersede(ALICE, content("a"));
    Path record = Snapshot.theRecord(directory);
    Files.write(record, new byte[3]);
    FileTokenStore reader =
        fixture.open(FileTokenStore.builder(directory, StoreFixture.KEYS).readOnly());

    for (int i = 0; i < 2; i++) {
      TokenStoreException refusal =
          assertThrows(TokenStoreException.class, () -> reader.load(ALICE));
      assertEquals(Reason.TAMPERED, refusal.reason());
    }
    assertEquals(List.of(), reader.list(Kind.LOGIN, "fake"));
    assertTrue(Files.exists(record));
  }

  @Test
  void g38_readOnly_noStore_saidAndNothingMade() {
    TokenStoreException refusal =
        assertThrows(
            TokenStoreException.class,
            () -> FileTokenStore.builder(directory, StoreFixture.KEYS).readOnly().open());

    assertEquals(Reason.READ_FAILED, refusal.reason());
    assertTrue(Files.notExists(directory));
  }

  // Writers that died, wait or are interrupted --------------------------------------------------

  @Test
  void whatDeadWritersLeft_removedAtStart_nothingElse() throws Exception {
    FileTokenStore store = fixture.open(directory);
    store.supersede(ALICE, content("a"));
    store.close();
    Path records = directory.resolve("records");
    List<Path> dead = List.of(records.resolve("0-1.tmp"), records.resolve("63-99.tmp"));
    List<Path> others = List.of(records.resolve("64-1.tmp"), records.resolve("mine.txt"));
    for (List<Path> paths : List.of(dead, others)) {
      for (Path path : paths) {
        Files.createFile(path, Modes.of(path).ofFile());
      }
    }

    FileTokenStore again = fixture.open(directory);

    dead.forEach(path -> assertTrue(Files.notExists(path), path::toString));
    others.forEach(path -> assertTrue(Files.exists(path), path::toString));
    assertEquals(1, again.list(Kind.LOGIN, "fake").size());
  }

  /** Whoever writes at this moment has the lock of the record. */
  @Test
  void whatLivingWritersHave_notRemovedAtStart() throws Exception {
    fixture.open(directory);
    Path unfinished = directory.resolve("records/17-abc.tmp");
    Files.createFile(unfinished, Modes.of(unfinished).ofFile());
    Path lock = directory.resolve("locks/17");
    try (FileChannel other =
        FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      Modes.of(lock).keepToOwner(lock);
      other.lock();
      fixture.open(directory);
      assertTrue(Files.exists(unfinished));
    }
    fixture.open(directory);
    assertTrue(Files.notExists(unfinished));
  }

  /** X12: a disk that is gone is no user who is unknown. */
  @Test
  void x12_directoryGone_failsAndIsNeverNoRecord() throws Exception {
    FileTokenStore store = fixture.open(directory);
    store.supersede(ALICE, content("a"));
    Path away = directory.resolveSibling("away");
    Files.move(directory, away);

    TokenStoreException refusal = assertThrows(TokenStoreException.class, () -> store.load(ALICE));
    assertEquals(Reason.READ_FAILED, refusal.reason());
    assertThrows(TokenStoreException.class, () -> store.begin(ALICE, null, INTENT, null));
    assertThrows(TokenStoreException.class, () -> store.list(Kind.LOGIN, "fake"));

    Files.move(away, directory);
    assertNotNull(store.load(ALICE));
  }

  /** X16: whoever is stopped with a lock in hand holds up no more than the users of that lock. */
  @Test
  void lockHeldElsewhere_givenUpAfterFiveSeconds_readsGoOn() throws Exception {
    SteppingTime time = new SteppingTime();
    FileTokenStore store =
        fixture.open(FileTokenStore.builder(directory, StoreFixture.KEYS).time(time));
    Version version = store.supersede(ALICE, content("a"));
    byte[] id = Base32.decode(Snapshot.theRecord(directory).getFileName().toString());
    Path lock =
        directory.resolve("locks").resolve(Integer.toString(RecordFiles.Slot.of(id).stripe()));
    try (FileChannel other = FileChannel.open(lock, StandardOpenOption.WRITE)) {
      other.lock();
      time.step = Duration.ofSeconds(1).toNanos();

      TokenStoreException refusal =
          assertThrows(TokenStoreException.class, () -> store.begin(ALICE, version, INTENT, null));

      assertEquals(Reason.WRITE_FAILED, refusal.reason());
      assertEquals(version, Objects.requireNonNull(store.load(ALICE)).version());
    }
    store.begin(ALICE, version, INTENT, null);
    assertEquals(INTENT, Objects.requireNonNull(store.load(ALICE)).intent());
  }

  /** A clock that goes on whenever it is read. */
  private static final class SteppingTime implements TimeSource {

    private long nanos;
    private long step;

    @Override
    public long wallMillis() {
      return 0;
    }

    @Override
    public long monotonicNanos() {
      nanos += step;
      return nanos;
    }

    @Override
    public Timer after(Duration delay, Runnable task) {
      throw new UnsupportedOperationException();
    }
  }

  @Test
  void interruptedBefore_worksAndStaysInterrupted() {
    FileTokenStore store = fixture.open(directory);
    Thread.currentThread().interrupt();
    try {
      Version version = store.supersede(ALICE, content("a"));
      store.begin(ALICE, version, INTENT, null);
      assertEquals(INTENT, Objects.requireNonNull(store.load(ALICE)).intent());
    } finally {
      assertTrue(Thread.interrupted());
    }
  }

  /** C4: it fails at worst; nothing is half-written, no lock stays, and others notice nothing. */
  @Test
  void c4_interruptedWhileWriting_nothingHalfWrittenAndOthersGoOn() throws Exception {
    FileTokenStore store = fixture.open(directory);
    store.supersede(ALICE, content("0"));
    store.supersede(BOB, content("b"));
    AtomicInteger failures = new AtomicInteger();
    Thread writer =
        new Thread(
            () -> {
              for (int i = 1; i <= 300; i++) {
                try {
                  store.supersede(ALICE, content("" + i));
                } catch (TokenStoreException e) {
                  failures.incrementAndGet();
                }
              }
            });
    writer.start();
    while (writer.isAlive()) {
      writer.interrupt();
      Version bob = Objects.requireNonNull(store.load(BOB)).version();
      assertNotNull(store.commit(BOB, bob, content("b")));
    }

    assertTrue(failures.get() < 300, "it must fail only when it is interrupted inside");
    assertNotNull(store.load(ALICE));
    store.supersede(ALICE, content("at last"));
    assertEquals(content("at last"), Objects.requireNonNull(store.load(ALICE)).content());
    assertEquals(2, Snapshot.files(directory.resolve("records")).size());
    assertEquals(List.of(), Snapshot.files(directory.resolve("quarantine")));
  }

  @Test
  void closed_refusesAndOtherStoresGoOn() {
    FileTokenStore one = fixture.open(directory);
    FileTokenStore two = fixture.open(directory);
    Version version = one.supersede(ALICE, content("a"));
    one.close();
    one.close();

    assertThrows(TokenStoreException.class, () -> one.load(ALICE));
    assertThrows(TokenStoreException.class, () -> one.supersede(ALICE, content("b")));
    assertNotNull(two.commit(ALICE, version, content("b")));
  }

  /** As when memory or the stack is at its end: the lock is for the next one, whoever that is. */
  @Test
  void errorUnderTheLock_lockIsGivenBack() {
    AtomicBoolean breaks = new AtomicBoolean();
    KeyProvider keys =
        new KeyProvider() {
          @Override
          public EncryptionKey primary() {
            return StoreFixture.KEYS.primary();
          }

          @Override
          public EncryptionKey find(String id) {
            if (breaks.get()) {
              throw new StackOverflowError("the test says so");
            }
            return StoreFixture.KEYS.find(id);
          }
        };
    FileTokenStore failing = fixture.open(directory, keys);
    FileTokenStore other = fixture.open(directory);
    Version before = failing.supersede(ALICE, content("a"));
    breaks.set(true);

    assertThrows(StackOverflowError.class, () -> failing.commit(ALICE, before, content("b")));

    assertNotNull(
        assertTimeoutPreemptively(
            Duration.ofSeconds(5), () -> other.commit(ALICE, before, content("c"))));
    breaks.set(false);
    assertEquals(content("c"), Objects.requireNonNull(failing.load(ALICE)).content());
  }
}
