package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.tradeauth.testing.ManualClock;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What processes tell each other of a client through the store (A10, G31). */
class ClientBudgetsTest {

  private final ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
  private final TokenStore store = TokenStore.inMemory();
  private final ClientBudgets one = process("one", store);
  private final ClientBudgets two = process("two", store);

  private ClientBudgets process(String owner, TokenStore store) {
    return new ClientBudgets(
        "fake",
        new Realm.Engine(
            store,
            clock,
            Runnable::run,
            Runnable::run,
            new Events(Runnable::run),
            new Slots(1),
            new SecureRandom(),
            owner));
  }

  private static ClientCredentials client(String secret) {
    return ClientCredentials.of("client", "canary-" + secret);
  }

  private static ClientBudgets.Turn sent(ClientBudgets process, String secret) {
    ClientBudgets.Turn turn = process.turn(client(secret));
    assertSame(ClientBudget.Admission.GO, turn.admit(() -> {}));
    return turn;
  }

  private static ClientBudget.Admission asked(ClientBudgets process, String secret) {
    return process.turn(client(secret)).admit(() -> {});
  }

  @Test
  void secretRefusedTwice_otherProcessSendsNothingWithIt() {
    sent(one, "wrong").refused();
    sent(one, "wrong").refused();

    assertSame(ClientBudget.Admission.PAUSED, asked(two, "wrong"));
    assertEquals(Duration.ofMinutes(5), two.turn(client("wrong")).pause());
    sent(two, "right");
  }

  @Test
  void fiveSecretsRefused_otherProcessSendsNothingUnproven() {
    for (int i = 0; i < 5; i++) {
      sent(one, "wrong-" + i).refused();
    }

    assertSame(ClientBudget.Admission.PAUSED, asked(two, "another"));
  }

  @Test
  void fiveUnderWay_otherProcessWaitsUntilOneIsOver() {
    List<ClientBudgets.Turn> under = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      under.add(sent(one, "secret-" + i));
    }
    assertSame(ClientBudget.Admission.WAIT, asked(two, "another"));
    under.get(0).nothingLearned();

    sent(two, "another");
  }

  @Test
  void serverAsksForPatience_otherProcessIsPatient_N10() {
    sent(one, "right").accepted();
    sent(one, "right").throttled(Duration.ofSeconds(120));

    assertSame(ClientBudget.Admission.PAUSED, asked(two, "right"));
    assertEquals(Duration.ofSeconds(120), two.turn(client("right")).pause());
  }

  @Test
  void takenByTheServer_nothingIsWrittenAnyMore() {
    sent(one, "right").accepted();
    TokenStore.Version before = version();
    sent(one, "right").accepted();

    assertEquals(before, version());
  }

  private TokenStore.Version version() {
    TokenStore.StoredRecord stored =
        store.load(new TokenStore.Key(TokenStore.Kind.BUDGET, "fake", "client"));
    return stored == null ? null : stored.version();
  }

  /** Each write of this process comes just after one of the other's. */
  @Test
  void anotherProcessIsFaster_whatBothKnowIsKept() {
    FailingStore contended = new FailingStore(store);
    ClientBudgets slow = process("slow", contended);
    contended.beforeNextBegin(() -> sent(two, "wrong-two").refused());
    ClientBudgets.Turn turn = sent(slow, "wrong-slow");
    contended.beforeNextBegin(() -> sent(two, "wrong-two").refused());
    turn.refused();

    ClientBudgets restarted = process("restarted", store);
    for (int i = 0; i < 2; i++) {
      sent(restarted, "wrong-" + i).refused();
    }
    assertSame(ClientBudget.Admission.PAUSED, asked(restarted, "another"), "3 + 2 refusals");
  }
}
