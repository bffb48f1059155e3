package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.tradeauth.testing.EngineFixture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RenewAheadTest {

  /**
   * A look at the store that finds the token in hand must neither draw its jitter anew nor forget
   * that somebody has asked for it: the renewal in the background would be missed.
   */
  @Test
  void tokensThatWereAskedFor_areAllRenewedAheadOfTheirEnd_inTheBackground() {
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.NONE)
            .manager(settings -> settings.executor(Runnable::run))
            .start()) {
      String[] users = IntStream.range(0, 20).mapToObj(i -> "user" + i).toArray(String[]::new);
      engine.signIn(users);
      for (String user : users) {
        engine.get(user);
      }
      engine.advance(engine.server().life().multipliedBy(4).dividedBy(5).plusSeconds(5));
      assertEquals(2 * users.length, engine.exchanges());
    }
  }
}
