package io.tradeauth.store;

import static io.tradeauth.store.ChildJvm.USERS;
import static io.tradeauth.store.ChildJvm.user;
import static io.tradeauth.store.Samples.content;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import java.io.File;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** One directory, many processes, some of which are killed. */
class ManyProcessesTest {

  /** More in the long run: {@code -Plong}. */
  private static final int KILLS = 5 * Integer.getInteger("tradeauth.kills", 4);

  private static final int COMMITS = 500;

  private final StoreFixture fixture = new StoreFixture();

  @AfterEach
  void close() throws Exception {
    fixture.close();
  }

  /**
   * G35, X1, X2, X4: killed at any point, every record is whole, and what was acknowledged is
   * there. A killed writer keeps no lock.
   */
  @Test
  void g35_killedWhileWriting_everyRecordIsWholeAndNothingAcknowledgedIsLost() throws Exception {
    Path directory = fixture.newDirectory();
    Map<Integer, Version> acknowledged = new TreeMap<>();
    FileTokenStore first = fixture.open(directory);
    for (int i = 0; i < USERS; i++) {
      acknowledged.put(i, first.supersede(user(i), content("signed in " + i)));
    }
    first.close();
    Random random = new Random(7);
    for (int kill = 0; kill < KILLS; kill++) {
      try (ChildJvm child = ChildJvm.start("write", directory.toString(), Integer.toString(kill))) {
        int heard = 1 + random.nextInt(100);
        for (int i = 0; i < heard; i++) {
          note(acknowledged, Objects.requireNonNull(child.next(), "it has died by itself"));
        }
        ChildJvm.spin(random.nextInt(2_000_000));
        child.kill();
        for (String line = child.next(); line != null; line = child.next()) {
          note(acknowledged, line);
        }
      }
      try (FileTokenStore store = FileTokenStore.at(directory, StoreFixture.KEYS)) {
        assertWhole(store, acknowledged);
      }
      assertEquals(USERS, Snapshot.files(directory.resolve("records")).size());
      assertEquals(List.of(), Snapshot.files(directory.resolve("quarantine")));
    }
  }

  private static void note(Map<Integer, Version> acknowledged, String line) {
    String[] words = line.split(" ");
    if (words.length == 3) {
      acknowledged.put(Integer.parseInt(words[0]), new Version(words[1], Long.parseLong(words[2])));
    }
  }

  private static void assertWhole(FileTokenStore store, Map<Integer, Version> acknowledged) {
    int ahead = 0;
    for (int i = 0; i < USERS; i++) {
      StoredRecord stored = Objects.requireNonNull(store.load(user(i)));
      Version known = acknowledged.get(i);
      String text = stored.version().number() == 0 ? "signed in " + i : "renewed " + i;
      assertEquals(content(text), stored.content());
      if (!stored.version().equals(known)) {
        ahead++;
        boolean next = stored.version().number() == 0 || stored.version().equals(known.next());
        assertTrue(next, "user " + i + " has " + stored.version() + " after " + known);
        acknowledged.put(i, stored.version());
      }
    }
    assertTrue(ahead <= 1, "only what was under way may be ahead of what was acknowledged");
  }

  /** X9: exactly one of two processes is let in for each version. */
  @Test
  void x9_twoProcessesRace_exactlyOneBegunForEachVersion() throws Exception {
    Path directory = fixture.newDirectory();
    FileTokenStore store = fixture.open(directory);
    store.supersede(user(0), content("start"));
    List<Integer> begun = new ArrayList<>();
    try (ChildJvm one = ChildJvm.start("race", directory.toString(), "" + COMMITS);
        ChildJvm two = ChildJvm.start("race", directory.toString(), "" + COMMITS)) {
      List<ChildJvm> both = List.of(one, two);
      for (ChildJvm child : both) {
        assertEquals("ready", child.next());
      }
      both.forEach(child -> child.tell("go"));
      List<Integer> shares = new ArrayList<>();
      for (ChildJvm child : both) {
        int before = begun.size();
        String line = child.next();
        while (line != null && line.startsWith("begun ")) {
          begun.add(Integer.parseInt(line.substring(6)));
          line = child.next();
        }
        assertEquals("done", line);
        assertEquals(0, child.exitCode());
        shares.add(begun.size() - before);
      }
      assertTrue(shares.stream().allMatch(share -> share > 0), shares::toString);
    }
    begun.sort(null);
    assertEquals(IntStream.range(0, COMMITS).boxed().toList(), begun);
    StoredRecord last = Objects.requireNonNull(store.load(user(0)));
    assertEquals(COMMITS, last.version().number());
  }

  /** C15: the same classes, loaded a second time in this JVM, are as another process. */
  @Test
  void c15_twoClassLoadersRace_exactlyOneBegunForEachVersion() throws Exception {
    Path directory = fixture.newDirectory();
    FileTokenStore store = fixture.open(directory);
    store.supersede(user(0), content("start"));
    try (io.tradeauth.testing.Racers racers = new io.tradeauth.testing.Racers(2);
        Strangers strangers = new Strangers()) {
      List<List<Integer>> shares =
          racers.race(
              racer -> {
                List<Integer> begun = new ArrayList<>();
                if (racer == 0) {
                  Contender.race(directory, COMMITS, begun::add);
                } else {
                  strangers.race(directory, COMMITS, begun::add);
                }
                return begun;
              });

      assertEquals(
          IntStream.range(0, COMMITS).boxed().toList(),
          shares.stream().flatMap(List::stream).sorted().toList());
    }
    assertEquals(COMMITS, Objects.requireNonNull(store.load(user(0))).version().number());
    store.supersede(user(0), content("still works after the others have closed"));
  }

  /** Loads everything anew. */
  private static final class Strangers extends URLClassLoader {

    Strangers() throws Exception {
      super(classPath(), ClassLoader.getPlatformClassLoader());
    }

    private static URL[] classPath() throws Exception {
      String path =
          System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
      List<URL> urls = new ArrayList<>();
      for (String entry : path.split(File.pathSeparator)) {
        urls.add(new File(entry).toURI().toURL());
      }
      return urls.toArray(URL[]::new);
    }

    void race(Path directory, int commits, IntConsumer begun) throws Exception {
      Class<?> contender = loadClass(Contender.class.getName());
      assertTrue(contender != Contender.class);
      Method race = contender.getDeclaredMethod("race", Path.class, int.class, IntConsumer.class);
      race.setAccessible(true);
      race.invoke(null, directory, commits, begun);
    }
  }
}
