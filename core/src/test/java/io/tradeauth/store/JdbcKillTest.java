package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.content;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariDataSource;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a store has acknowledged is there after its process was killed (G1, X4). */
class JdbcKillTest {

  private static final int KILLS = Integer.getInteger("tradeauth.kills", 2);

  /** H2's own settings lose it each time, whether it is killed or cut off. */
  @ParameterizedTest
  @EnumSource
  void x4_killed_whatWasAcknowledgedIsThere(TestDatabase database) throws Exception {
    String address =
        database == TestDatabase.H2
            ? "jdbc:h2:file:" + TestDatabase.newDirectory("h2").resolve("store")
            : database.newAddress();
    try (HikariDataSource pool = TestDatabase.pool(address, settings -> {})) {
      openDurable(pool).supersede(ALICE, content("0"));
    }
    for (int kill = 0; kill < KILLS; kill++) {
      long acknowledged = renewUntilKilled(address);
      try (HikariDataSource pool = TestDatabase.pool(address, settings -> {})) {
        StoredRecord stored = Objects.requireNonNull(openDurable(pool).load(ALICE));

        long number = stored.version().number();
        assertTrue(number == acknowledged || number == acknowledged + 1, number + " is stored");
        assertEquals(content("" + number), stored.content());
      }
    }
  }

  private static JdbcTokenStore openDurable(HikariDataSource pool) {
    return JdbcTokenStore.builder(pool, TestDatabase.KEYS).createSchema().open();
  }

  /** Returns the number of the last version that the killed process has told of. */
  private static long renewUntilKilled(String address) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                JdbcKillTest.class.getName(),
                address)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    long last = -1;
    try (BufferedReader said =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII))) {
      for (int i = 0; i < 20; i++) {
        last = Long.parseLong(Objects.requireNonNull(said.readLine(), "it has ended"));
      }
      // Unlike the process itself, its handle leaves what was said to be read.
      process.toHandle().destroyForcibly();
      for (String line = said.readLine(); line != null; line = said.readLine()) {
        last = Long.parseLong(line);
      }
    } finally {
      process.destroyForcibly().waitFor();
    }
    return last;
  }

  /** The process: renews and tells, until it is killed. */
  public static void main(String[] arguments) {
    HikariDataSource pool = TestDatabase.pool(arguments[0], settings -> {});
    JdbcTokenStore store = openDurable(pool);
    Version version = Objects.requireNonNull(store.load(ALICE)).version();
    while (true) {
      long next = version.number() + 1;
      store.begin(ALICE, version, new Intent("i" + next, "child", "Refresh"), "i" + next);
      version = Objects.requireNonNull(store.commit(ALICE, version, content("" + next)));
      System.out.println(next);
    }
  }
}
