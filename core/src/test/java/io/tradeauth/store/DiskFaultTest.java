package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.BOB;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tradeauth.TokenStore.BeginOutcome;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** X6, X7: a small file system of its own, which gets full and read-only. For root. */
class DiskFaultTest {

  @TempDir Path mountPoint;

  private final StoreFixture fixture = new StoreFixture();
  private Path directory;
  private FileTokenStore store;
  private Version version;

  @BeforeEach
  void mount() throws Exception {
    assumeTrue(
        "root".equals(System.getProperty("user.name"))
            && command("mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs"),
        "only root may mount a small file system, and not everywhere");
    directory = mountPoint.resolve("store");
    store = fixture.open(directory);
    version = store.supersede(ALICE, content("a"));
  }

  @AfterEach
  void unmount() throws Exception {
    fixture.close();
    if (directory != null) {
      command("umount", "-l");
    }
  }

  private boolean command(String... words) throws Exception {
    List<String> command = new java.util.ArrayList<>(List.of(words));
    command.add(mountPoint.toString());
    try {
      return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** X6: the intent is the probe; nothing is half-written, and it goes on when there is room. */
  @Test
  void x6_diskFull_nothingBegunNorHalfWritten_goesOnWhenThereIsRoom() throws Exception {
    StoredRecord before = store.load(ALICE);
    Path filler = fill();
    Map<String, String> full = Snapshot.of(directory.resolve("records"));

    assertNothingCanBeWritten();
    assertEquals(full, Snapshot.of(directory.resolve("records")));
    assertEquals(before, store.load(ALICE));
    assertFailsToOpen();

    Files.delete(filler);
    assertEquals(BeginOutcome.BEGUN, store.begin(ALICE, version, INTENT, null).outcome());
    fixture.open(directory);
  }

  private void assertNothingCanBeWritten() {
    for (Executable write :
        List.<Executable>of(
            () -> store.begin(ALICE, version, INTENT, null),
            () -> store.commit(ALICE, version, content("b")),
            () -> store.supersede(ALICE, content("b")),
            () -> store.supersede(BOB, content("b")),
            () -> store.begin(BOB, null, INTENT, null))) {
      TokenStoreException refusal = assertThrows(TokenStoreException.class, write);
      assertEquals(Reason.WRITE_FAILED, refusal.reason());
    }
  }

  private Path fill() throws IOException {
    Path filler = mountPoint.resolve("filler");
    for (int size = 4096; size > 0; size /= 16) {
      try {
        while (true) {
          Files.write(filler, new byte[size], StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        }
      } catch (IOException e) {
        // Full, but for less than this.
      }
    }
    return filler;
  }

  private void assertFailsToOpen() {
    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> fixture.open(directory));
    assertEquals(Reason.WRITE_FAILED, refusal.reason());
  }

  /** X7: it does not open, unless it is only to be read. */
  @Test
  void x7_diskReadOnlyAtStart_opensForReadingOnly() throws Exception {
    StoredRecord before = store.load(ALICE);
    store.close();
    assumeTrue(command("mount", "-o", "remount,ro"), "could not be made read-only");

    assertFailsToOpen();
    FileTokenStore reader =
        fixture.open(FileTokenStore.builder(directory, StoreFixture.KEYS).readOnly());

    assertEquals(before, reader.load(ALICE));
    assertEquals(List.of(), reader.changesSince(null).changes());
    assertThrows(TokenStoreException.class, () -> reader.forget(ALICE));
  }

  /** X7: as when it is full. A second mount on top has no files open, so it can be read-only. */
  @Test
  void x7_diskReadOnlyWhileItRuns_livingServed_nothingWritten_goesOnWhenItIsMended()
      throws Exception {
    StoredRecord before = store.load(ALICE);
    Map<String, String> files = Snapshot.of(directory);
    assumeTrue(command("mount", "--bind", mountPoint.toString()), "could not be mounted twice");
    try {
      assumeTrue(command("mount", "-o", "remount,bind,ro"), "could not be made read-only");

      assertNothingCanBeWritten();
      assertEquals(before, store.load(ALICE));
      assertEquals(files, Snapshot.of(directory));
    } finally {
      command("umount", "-l");
    }

    assertEquals(BeginOutcome.BEGUN, store.begin(ALICE, version, INTENT, null).outcome());
    assertEquals(version.next(), store.commit(ALICE, version, content("b")));
  }
}
