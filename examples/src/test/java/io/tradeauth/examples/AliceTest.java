package io.tradeauth.examples;

// block: simulator
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.tradeauth.AccessToken;
import io.tradeauth.TokenManager;
import io.tradeauth.TokenProvider;
import io.tradeauth.tastytrade.Tastytrade;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import io.tradeauth.testing.ManualClock;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class AliceTest {

  @Test
  void expiredToken_isRenewed() throws Exception {
    ManualClock clock = ManualClock.at("2026-01-05T15:00:00Z");
    try (TastytradeSimulator tastytrade = new TastytradeSimulator(clock)) {
      Environment live = tastytrade.live();
      User alice = live.addUser("alice");

      try (TokenManager manager =
          TokenManager.builder()
              .time(clock)
              .broker(
                  Tastytrade.at(Tastytrade.LIVE, live.api(), live.authorizePage(), live.streamer()))
              .build()) {
        manager.signIn(
            Tastytrade.LIVE, "alice", Tastytrade.grant(alice.clientSecret(), alice.refreshToken()));
        TokenProvider tokens = manager.provider(Tastytrade.LIVE);

        AccessToken morning = tokens.get("alice");
        clock.advance(Duration.ofMinutes(20));

        assertNotEquals(morning, tokens.get("alice"));
        assertEquals(2, tastytrade.count(TastytradeSimulator.TOKEN));
      }
    }
  }
}
// end of block: simulator
