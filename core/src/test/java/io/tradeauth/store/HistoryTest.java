package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.TokenLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The check of what processes were given finds what it is for. */
class HistoryTest {

  private static final Instant START = Instant.parse("2026-01-05T09:00:00Z");
  private static final Duration LIFE = Duration.ofMinutes(20);
  private static final long ONE = 1;
  private static final long OTHER = 2;

  private final TokenLedger ledger = new TokenLedger();
  private final History history = new History();

  @BeforeEach
  void issue() {
    for (int number = 1; number <= 3; number++) {
      ledger.issued(TokenLedger.Kind.ACCESS_TOKEN, token(number), "alice", START.toEpochMilli());
    }
    history.began(ONE, 0);
    history.began(OTHER, 0);
  }

  private static String token(int number) {
    return "canary-access-" + number + "-0";
  }

  private void read(long pid, long invoked, long returned, int number) {
    history.add(new History.Read(pid, "alice", invoked, START, returned, token(number)));
  }

  private void check() {
    history.check(ledger, LIFE);
  }

  private void assertFound() {
    assertThrows(AssertionError.class, this::check);
  }

  @Test
  void newerAfterOlder_right() {
    read(ONE, 1, 2, 1);
    read(ONE, 3, 4, 2);
    read(ONE, 5, 6, 2);
    read(ONE, 7, 8, 3);
    check();
  }

  @Test
  void olderAfterNewer_found() {
    read(ONE, 1, 2, 2);
    read(ONE, 3, 4, 1);
    assertFound();
  }

  @Test
  void olderBesideNewer_right() {
    read(ONE, 1, 3, 2);
    read(ONE, 2, 4, 1);
    check();
  }

  /** The other may have it in hand. */
  @Test
  void olderInAnotherProcess_right() {
    read(ONE, 1, 2, 2);
    read(OTHER, 3, 4, 1);
    check();
  }

  @Test
  void olderInAProcessThatBeganAfterwards_found() {
    history.began(OTHER, 3);
    read(ONE, 1, 2, 2);
    read(OTHER, 4, 5, 1);
    assertFound();
  }

  @Test
  void pastItsEnd_found() {
    Instant end = START.plus(LIFE);
    history.add(new History.Read(ONE, "alice", 1, end.minusMillis(1), 2, token(1)));
    assertDoesNotThrow(this::check);
    history.add(new History.Read(ONE, "alice", 3, end, 4, token(1)));
    assertFound();
  }

  @Test
  void anotherUsers_found() {
    history.add(new History.Read(ONE, "bob", 1, START, 2, token(1)));
    assertFound();
  }

  @Test
  void failures_areTold() {
    read(ONE, 1, 2, 1);
    history.add(new History.Read(ONE, "bob", 3, START, 4, "SignInRequiredException.DEAD"));
    check();

    assertEquals(Set.of("bob"), history.told("SignInRequiredException.DEAD"));
    assertEquals(Set.of("SignInRequiredException.DEAD"), history.failures());
    assertTrue(history.wasServed(token(1)));
    assertFalse(history.wasServed(token(2)));
    assertEquals(2, history.size());
  }
}
