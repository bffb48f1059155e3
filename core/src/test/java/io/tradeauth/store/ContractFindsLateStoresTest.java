package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import io.tradeauth.TokenStore;
import io.tradeauth.testing.TokenStoreContract;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.platform.testkit.engine.EngineTestKit;

/** G41: a store that says "written" before it is fails the contract in the test of that name. */
class ContractFindsLateStoresTest {

  private static final String TEST = "acknowledgedWrites_eachIsThereForAnotherProcess";

  @Test
  void g41_storeThatAcknowledgesBeforeItIsDurable_found() {
    assertEquals(1, failures(LateStore.class));
    assertEquals(0, failures(FileTokenStoreContractTest.class));
  }

  private static long failures(Class<? extends TokenStoreContract> contract) {
    var tests =
        EngineTestKit.engine("junit-jupiter")
            .selectors(selectMethod(contract, TEST))
            .execute()
            .testEvents();
    assertTrue(tests.finished().count() == 1, "it was run");
    return tests.failed().count();
  }

  static class LateStore extends TokenStoreContract {

    private final StoreFixture fixture = new StoreFixture();
    private Path directory;

    @Override
    protected TokenStore newStore() throws Exception {
      directory = fixture.newDirectory();
      return new WriteBehind(fixture.open(directory));
    }

    @Override
    protected TokenStore asAnotherProcessSeesIt(TokenStore store) {
      return fixture.open(directory);
    }

    @AfterEach
    void close() throws Exception {
      fixture.close();
    }
  }

  /** Answers from memory and writes when it is next asked for something. */
  private static final class WriteBehind implements TokenStore {

    private final TokenStore disk;
    private final Queue<Runnable> later = new ArrayDeque<>();

    WriteBehind(TokenStore disk) {
      this.disk = disk;
    }

    private TokenStore disk() {
      while (!later.isEmpty()) {
        later.remove().run();
      }
      return disk;
    }

    @Override
    public @Nullable StoredRecord load(Key key) {
      return disk().load(key);
    }

    @Override
    public BeginResult begin(
        Key key, @Nullable Version seen, Intent intent, @Nullable String displaced) {
      return disk().begin(key, seen, intent, displaced);
    }

    @Override
    public @Nullable Version commit(Key key, Version parent, Content next) {
      StoredRecord stored = disk().load(key);
      if (stored == null || !stored.version().equals(parent)) {
        return null;
      }
      later.add(() -> Objects.requireNonNull(disk.commit(key, parent, next)));
      return parent.next();
    }

    @Override
    public void clear(Key key, String intentId) {
      disk().clear(key, intentId);
    }

    @Override
    public Version supersede(Key key, Content next) {
      return disk().supersede(key, next);
    }

    @Override
    public List<StoredLabel> list(Kind kind, String realm) {
      return disk().list(kind, realm);
    }

    @Override
    public int purge(Instant signedOutBefore) {
      return disk().purge(signedOutBefore);
    }

    @Override
    public void forget(Key key) {
      disk().forget(key);
    }

    @Override
    public Changes changesSince(@Nullable String cursor) {
      return disk().changesSince(cursor);
    }
  }
}
