package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** X5: what a store has acknowledged is there after the power was cut. For root. */
@Tag("stress")
class PowerCutTest {

  private static final int CUTS = 50;

  /** Where records are kept, with the settings that the store insists on. */
  private enum Kept {
    FILES(48) {
      @Override
      TokenStore open(Path disk, Deque<AutoCloseable> opened) {
        FileTokenStore store = FileTokenStore.at(disk.resolve("store"), StoreFixture.KEYS);
        opened.push(store);
        return store;
      }
    },
    H2(48) {
      @Override
      TokenStore open(Path disk, Deque<AutoCloseable> opened) {
        return database("jdbc:h2:file:" + disk.resolve("store"), opened);
      }
    },
    SQLITE(48) {
      @Override
      TokenStore open(Path disk, Deque<AutoCloseable> opened) {
        return database(
            "jdbc:sqlite:" + disk.resolve("store.db") + "?journal_mode=WAL&synchronous=FULL",
            opened);
      }
    },
    POSTGRESQL(256) {
      @Override
      TokenStore open(Path disk, Deque<AutoCloseable> opened) throws Exception {
        Path data = disk.resolve("data");
        Files.deleteIfExists(data.resolve("postmaster.pid")); // no process survives a power cut
        EmbeddedPostgres server =
            TestDatabase.Server.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on")
                .setServerConfig("full_page_writes", "on")
                .start();
        opened.push(server);
        return database(server.getJdbcUrl("postgres", "postgres"), opened);
      }
    };

    final int megabytes;

    Kept(int megabytes) {
      this.megabytes = megabytes;
    }

    abstract TokenStore open(Path disk, Deque<AutoCloseable> opened) throws Exception;

    private static TokenStore database(String address, Deque<AutoCloseable> opened) {
      HikariDataSource pool = TestDatabase.pool(address, settings -> {});
      opened.push(pool);
      return JdbcTokenStore.builder(pool, TestDatabase.KEYS).createSchema().open();
    }
  }

  @ParameterizedTest
  @EnumSource
  void cutJustAfterTheAcknowledgement_fiftyTimes_itIsThere_X5(Kept kept) throws Exception {
    Deque<AutoCloseable> opened = new ArrayDeque<>();
    try (LoopDisk disk = LoopDisk.make(kept.megabytes)) {
      try {
        TokenStore store = kept.open(disk.root(), opened);
        Version version = store.supersede(ALICE, content("0"));
        for (int cut = 1; cut <= CUTS; cut++) {
          store.begin(ALICE, version, INTENT, null);
          version = Objects.requireNonNull(store.commit(ALICE, version, content("" + cut)));
          try (LoopDisk left = disk.cut()) {
            StoredRecord found = Objects.requireNonNull(readAlice(kept, left));
            assertEquals(version, found.version(), "cut " + cut);
            assertEquals(content("" + cut), found.content(), "cut " + cut);
          }
        }
      } finally {
        closeAll(opened);
      }
    }
  }

  private static StoredRecord readAlice(Kept kept, LoopDisk left) throws Exception {
    Deque<AutoCloseable> opened = new ArrayDeque<>();
    try {
      return kept.open(left.root(), opened).load(ALICE);
    } finally {
      closeAll(opened);
    }
  }

  private static void closeAll(Deque<AutoCloseable> opened) throws Exception {
    for (AutoCloseable one : opened) {
      one.close();
    }
  }

  /** Or a cut that is none would be survived by everything. */
  @Test
  void cutAfterAWriteThatNobodyForced_itIsGone() throws Exception {
    try (LoopDisk disk = LoopDisk.make(48)) {
      Path unfinished = Files.writeString(disk.root().resolve("unfinished"), "canary");
      Files.move(unfinished, disk.root().resolve("record"), StandardCopyOption.ATOMIC_MOVE);

      try (LoopDisk left = disk.cut()) {
        Path record = left.root().resolve("record");
        assertFalse(Files.exists(record) && Files.readString(record).equals("canary"));
      }
    }
  }
}
