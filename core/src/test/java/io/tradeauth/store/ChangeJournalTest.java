package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.content;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore.Changes;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What other processes are told of sign-ins and sign-outs: all of it, or that they must look. */
class ChangeJournalTest {

  private final StoreFixture fixture = new StoreFixture();
  private Path directory;
  private FileTokenStore store;

  @BeforeEach
  void open() throws Exception {
    directory = fixture.newDirectory();
    store = reopened();
  }

  private FileTokenStore reopened() {
    return fixture.open(
        FileTokenStore.builder(directory, StoreFixture.KEYS).journalSegmentBytes(2_000));
  }

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  private static Key user(int number) {
    return new Key(Kind.LOGIN, "fake", "user " + number);
  }

  private static List<Key> keys(Changes changes) {
    return changes.changes().stream().map(change -> change.key()).toList();
  }

  @Test
  void manySegments_everyReaderIsToldAllInOrderOrThatItMustLook() {
    List<String> cursors = new ArrayList<>();
    List<Key> all = new ArrayList<>();
    int everything = 0;
    for (int i = 0; i < 100; i++) {
      cursors.add(store.changesSince(null).cursor());
      all.add(user(i));
      store.supersede(user(i), content("x"));
    }

    for (int i = 0; i < cursors.size(); i++) {
      Changes told = store.changesSince(cursors.get(i));
      if (told.everything()) {
        everything++;
      } else {
        assertEquals(all.subList(i, all.size()), keys(told));
      }
      assertEquals(List.of(), store.changesSince(told.cursor()).changes());
      assertFalse(store.changesSince(told.cursor()).everything());
    }
    assertTrue(everything > 0 && everything < 90, everything + " must look");
  }

  /** The cost does not grow with the records: old segments go. */
  @Test
  void manySegments_fewAreKept() throws Exception {
    for (int i = 0; i < 200; i++) {
      store.supersede(ALICE, content("x"));
    }

    List<Path> segments = Snapshot.files(directory.resolve("changes"));
    assertTrue(segments.size() <= 4, segments::toString);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", ":", "1", "1:", ":1", "x:y", "1:7", "1:-1", "-1:0", "99:0", "1:99999", "0:0"})
  void cursorThatIsNone_everything(String cursor) {
    store.supersede(ALICE, content("x"));

    Changes told = store.changesSince(cursor);

    assertTrue(told.everything());
    assertFalse(store.changesSince(told.cursor()).everything());
  }

  /** The record counts; nobody would write it a second time for the sake of the journal. */
  @Test
  void cannotBeWritten_recordIsThere_toldWhenItCan() throws Exception {
    FileTokenStore writer = fixture.open(FileTokenStore.builder(directory, StoreFixture.KEYS));
    FileTokenStore other = reopened();
    String before = other.changesSince(null).cursor();
    Path inTheWay = Files.createDirectory(directory.resolve("changes").resolve("1"));

    writer.supersede(ALICE, content("x"));
    writer.forget(user(1));
    assertNotNull(other.load(ALICE));
    Files.delete(inTheWay);
    writer.changesSince(null);

    assertEquals(Set.of(ALICE, user(1)), Set.copyOf(keys(other.changesSince(before))));
    String after = other.changesSince(null).cursor();
    writer.changesSince(null);
    assertEquals(List.of(), other.changesSince(after).changes(), "told once");
  }

  /** A writer died, or the power was cut, in the middle of an entry. */
  @Test
  void tornEntry_everythingForWhoWasBeforeIt_andItGoesOn() throws Exception {
    store.supersede(ALICE, content("x"));
    String before = store.changesSince(null).cursor();
    Path segment = Snapshot.files(directory.resolve("changes")).get(0);
    byte[] entry = Files.readAllBytes(segment);
    Files.write(segment, Arrays.copyOf(entry, entry.length / 2), StandardOpenOption.APPEND);
    String behind = store.changesSince(null).cursor();

    Changes told = store.changesSince(before);
    assertTrue(told.everything());
    store.supersede(user(1), content("y"));

    assertTrue(store.changesSince(before).everything());
    assertEquals(List.of(user(1)), keys(store.changesSince(told.cursor())));
    assertEquals(List.of(user(1)), keys(store.changesSince(behind)));
    assertEquals(List.of(user(1)), keys(reopened().changesSince(behind)));
  }

  @Test
  void entryChanged_everything() throws Exception {
    String before = store.changesSince(null).cursor();
    store.supersede(ALICE, content("x"));
    Path segment = Snapshot.files(directory.resolve("changes")).get(0);
    byte[] good = Files.readAllBytes(segment);
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= 1;
      Files.write(segment, bad);

      assertTrue(store.changesSince(before).everything(), "byte " + i);
    }
  }

  /** An entry that was moved to another place tells of a change that was not then. */
  @Test
  void entryRepeated_everything() throws Exception {
    String before = store.changesSince(null).cursor();
    store.supersede(ALICE, content("x"));
    Path segment = Snapshot.files(directory.resolve("changes")).get(0);
    Files.write(segment, Files.readAllBytes(segment), StandardOpenOption.APPEND);

    assertTrue(store.changesSince(before).everything());
  }
}
