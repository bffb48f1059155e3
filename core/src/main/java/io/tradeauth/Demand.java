package io.tradeauth;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What a caller wants of a token, and so whether the one in hand will do. Immutable. */
abstract class Demand {

  /** Any token that may be used. */
  static final Demand USABLE =
      new Demand() {
        @Override
        boolean isMetBy(Held held, TimeSource time) {
          return true;
        }
      };

  /** A token that is not due for renewal. */
  static final Demand FRESH =
      new Demand() {
        @Override
        boolean isMetBy(Held held, TimeSource time) {
          return RefreshPolicy.decide(held, time.wallMillis(), time.monotonicNanos())
              == RefreshPolicy.Decision.USE;
        }
      };

  /** A token that is exchanged from now on. */
  static final Demand NEW =
      new Demand() {
        @Override
        boolean isMetBy(Held held, TimeSource time) {
          return false;
        }
      };

  /** A token that can still be used for {@code life}, as far as that can be had. */
  static Demand lasting(Duration life) {
    return new Demand() {
      @Override
      boolean isMetBy(Held held, TimeSource time) {
        Duration half = held.lifeWhenPublished().dividedBy(2);
        Duration wanted = life.compareTo(half) < 0 ? life : half;
        return RefreshPolicy.usableFor(held, time).compareTo(wanted) >= 0;
      }

      @Override
      boolean isWish() {
        return true;
      }
    };
  }

  /**
   * A token that came no longer ago, to keep its login alive. Nobody waits for it, so it is not
   * kept in memory for its sake.
   */
  static Demand notOlderThan(Duration age) {
    return new Demand() {
      @Override
      boolean isMetBy(Held held, TimeSource time) {
        return RefreshPolicy.age(held, time).compareTo(age) < 0;
      }

      @Override
      boolean isForACaller() {
        return false;
      }
    };
  }

  /** Another token than one that was refused. */
  static Demand insteadOf(AccessToken rejected) {
    return new Demand() {
      @Override
      boolean isMetBy(Held held, TimeSource time) {
        return !held.token.equals(rejected);
      }

      @Override
      AccessToken rejected() {
        return rejected;
      }
    };
  }

  /** Returns whether a usable token meets the demand without an exchange. */
  abstract boolean isMetBy(Held held, TimeSource time);

  /** Returns whether a usable token in hand is still welcome when nothing better can be had. */
  boolean isWish() {
    return false;
  }

  /** Returns whether somebody is to have the token soon, so that it belongs into memory. */
  boolean isForACaller() {
    return true;
  }

  /** Returns the token that was refused; null if none was. */
  @Nullable AccessToken rejected() {
    return null;
  }

  /** Returns whether an exchange is needed. */
  final boolean needsExchange(@Nullable Held held, TimeSource time) {
    return held == null || !RefreshPolicy.isUsable(held, time) || !isMetBy(held, time);
  }

  /** Returns whether what a flight has brought may be returned. */
  final boolean accepts(Held held, boolean exchanged, TimeSource time) {
    return RefreshPolicy.isUsable(held, time)
        && !held.token.equals(rejected())
        && (exchanged || isMetBy(held, time));
  }
}
