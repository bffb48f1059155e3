package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.Fault;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What listeners and their executor can't do to the engine (C6). */
@Timeout(60)
class EventsTest {

  private volatile boolean full;

  private void execute(Runnable task) {
    if (full) {
      throw new RejectedExecutionException("full");
    }
    task.run();
  }

  private static TokenEvent event(int number) {
    return new TokenEvent.SignedOut("fake", "user-" + number, Instant.EPOCH);
  }

  /** Without {@code offline_access}, say: the operator learns at the sign-in that it will end. */
  @Test
  void signedIn_notRenewable_adviceSaysSo() {
    assertEquals("", signedIn(Set.of(), true).advice());
    assertEquals("not granted: trade", signedIn(Set.of("trade"), true).advice());
    String ends = "nothing renews this login: ask the user again when it ends";
    assertEquals(ends, signedIn(Set.of(), false).advice());
    assertEquals(
        "not granted: offline_access; " + ends, signedIn(Set.of("offline_access"), false).advice());
  }

  private static TokenEvent signedIn(Set<String> missingScope, boolean renewable) {
    return new TokenEvent.SignedIn("fake", "alice", Instant.EPOCH, missingScope, renewable);
  }

  @Test
  void executorRejects_publisherNotHurt_deliveredInOrderWithTheNext_C6() {
    Events events = new Events(this::execute);
    List<TokenEvent> heard = new ArrayList<>();
    events.on(TokenEvent.class, heard::add);
    full = true;
    events.publish(event(1));
    events.publish(event(2));
    assertEquals(List.of(), heard);

    full = false;
    events.publish(event(3));

    assertEquals(List.of(event(1), event(2), event(3)), heard);
  }

  @Test
  void listenerThrowsAnError_publisherAndOthersNotHurt_nextDelivered_C6() {
    Events events = new Events(this::execute);
    List<TokenEvent> failing = new ArrayList<>();
    List<TokenEvent> heard = new ArrayList<>();
    events.on(
        TokenEvent.class,
        event -> {
          failing.add(event);
          throw new StackOverflowError("the test says so");
        });
    events.on(TokenEvent.class, heard::add);

    events.publish(event(1));
    events.publish(event(2));

    assertEquals(List.of(event(1), event(2)), heard);
    assertEquals(heard, failing);
  }

  @Test
  void executorRejectsDuringAnExchange_callerIsServed_andTheNextOneToo_C6() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .manager(manager -> manager.callbackExecutor(this::execute))
            .start()) {
      List<TokenEvent> heard = new CopyOnWriteArrayList<>();
      engine.manager().on(TokenEvent.class, heard::add);
      engine.signIn("alice");
      engine.expire();
      full = true;
      engine.server().fail("token", Fault.html(403), 1);

      BrokerUnavailableException busy =
          assertThrows(BrokerUnavailableException.class, () -> engine.get("alice"));

      assertEquals(BrokerUnavailableException.Reason.BUSY, busy.reason());
      engine.clock().jump(Duration.ofMinutes(2));
      assertTrue(engine.server().accepts(engine.get("alice").value()));
      full = false;
      engine.signOut("alice");
      assertEquals(
          List.of(
              TokenEvent.SignedIn.class,
              TokenEvent.RenewalFailing.class,
              TokenEvent.Renewed.class,
              TokenEvent.Recovered.class,
              TokenEvent.SignedOut.class),
          heard.stream().map(Object::getClass).toList());
    }
  }
}
