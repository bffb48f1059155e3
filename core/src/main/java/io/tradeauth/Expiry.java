package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How the end of an access token is known: a list of rules, of which the earliest wins, and what
 * applies if none tells anything. Immutable.
 */
public final class Expiry {

  private static final Duration IF_NOTHING_IS_TOLD = Duration.ofMinutes(5);

  private final List<Rule> rules;
  private final @Nullable Duration ifUntold;

  private Expiry(List<Rule> rules, @Nullable Duration ifUntold) {
    this.rules = rules;
    this.ifUntold = ifUntold;
  }

  /** One way to know an end. */
  @FunctionalInterface
  private interface Rule {

    @Nullable Instant endOf(TokenResponse response, Instant receivedAt);
  }

  /** A time of day at which tokens end, whenever they were issued. */
  private record Daily(LocalTime time, ZoneId zone) implements Rule {

    @Override
    public Instant endOf(TokenResponse response, Instant receivedAt) {
      return next(time, zone, receivedAt);
    }

    boolean isAt(Instant instant) {
      return !instant.equals(Instant.MAX)
          && next(time, zone, instant.minusMillis(1)).equals(instant);
    }
  }

  /**
   * As the server tells: {@code expires_in} seconds after receipt, or an instant, whichever is
   * earlier; five minutes if it tells neither.
   */
  public static Expiry asTold() {
    return new Expiry(List.of(Expiry::lifeTold, Expiry::instantTold), null);
  }

  /**
   * Returns the same, with a life for answers that tell neither a life nor an instant; rules that
   * cut it short still do.
   */
  public Expiry orElse(Duration life) {
    return new Expiry(rules, life);
  }

  /**
   * Returns the same, but not later than the next {@code time} in {@code zone} that is strictly
   * after the receipt. On a day when that time does not exist, it is the moment at which the clocks
   * jump past it; when it exists twice, the next of the two.
   */
  public Expiry noLaterThanDaily(LocalTime time, ZoneId zone) {
    return with(new Daily(time, zone));
  }

  /**
   * Returns the same, but not later than the {@code exp} of an access token that happens to be a
   * JWT (RFC 7519 section 4.1.4). A hint: nothing is verified, and a token that is none is taken as
   * it is.
   */
  public Expiry noLaterThanJwtHint() {
    return with((response, receivedAt) -> jwtEnd(response.accessToken()));
  }

  private Expiry with(Rule rule) {
    List<Rule> more = new ArrayList<>(rules);
    more.add(rule);
    return new Expiry(List.copyOf(more), ifUntold);
  }

  /** Returns the end of the access token that {@code response} brought. */
  public Instant endOf(TokenResponse response, Instant receivedAt) {
    Instant earliest = untold(response, receivedAt);
    for (Rule rule : rules) {
      earliest = earlier(earliest, rule.endOf(response, receivedAt));
    }
    return earliest != null ? earliest : receivedAt.plus(IF_NOTHING_IS_TOLD);
  }

  /** Returns whether no answer and no rule tells the end, so that a life is assumed. */
  boolean isAssumed(TokenResponse response, Instant receivedAt) {
    if (isTold(response)) {
      return false;
    }
    for (Rule rule : rules) {
      if (rule.endOf(response, receivedAt) != null) {
        return false;
      }
    }
    return true;
  }

  private static boolean isTold(TokenResponse response) {
    return response.expiresIn() != null || response.expiresAt() != null;
  }

  /**
   * Returns whether {@code end} is a time of day at which tokens end, so that one that is issued
   * shortly before ends there too.
   */
  boolean isDaily(Instant end) {
    for (Rule rule : rules) {
      if (rule instanceof Daily && ((Daily) rule).isAt(end)) {
        return true;
      }
    }
    return false;
  }

  private @Nullable Instant untold(TokenResponse response, Instant receivedAt) {
    return isTold(response) || ifUntold == null ? null : receivedAt.plus(ifUntold);
  }

  private static @Nullable Instant earlier(@Nullable Instant one, @Nullable Instant other) {
    if (one == null || other == null) {
      return one == null ? other : one;
    }
    return one.isBefore(other) ? one : other;
  }

  private static @Nullable Instant lifeTold(TokenResponse response, Instant receivedAt) {
    Duration life = response.expiresIn();
    return life == null ? null : receivedAt.plus(life);
  }

  private static @Nullable Instant instantTold(TokenResponse response, Instant receivedAt) {
    return response.expiresAt();
  }

  private static Instant next(LocalTime time, ZoneId zone, Instant after) {
    LocalDate day = after.atZone(zone).toLocalDate();
    while (true) {
      ZonedDateTime first = day.atTime(time).atZone(zone);
      for (ZonedDateTime occurrence : List.of(first, first.withLaterOffsetAtOverlap())) {
        Instant candidate =
            exists(occurrence, time) ? occurrence.toInstant() : jump(day, time, zone);
        if (candidate.isAfter(after)) {
          return candidate;
        }
      }
      day = day.plusDays(1);
    }
  }

  private static boolean exists(ZonedDateTime occurrence, LocalTime time) {
    return occurrence.toLocalTime().equals(time);
  }

  private static Instant jump(LocalDate day, LocalTime time, ZoneId zone) {
    return zone.getRules().getTransition(day.atTime(time)).getInstant();
  }

  private static @Nullable Instant jwtEnd(@Nullable Secret accessToken) {
    Json claims = accessToken == null ? null : Json.readJwtClaims(accessToken.value());
    Long seconds = claims == null ? null : claims.integer("exp");
    return seconds == null ? null : Instant.ofEpochSecond(clampToCalendar(seconds));
  }

  /** Beyond the year 9999 nothing ends; far below 1970 everything has. */
  private static long clampToCalendar(long seconds) {
    return Math.max(0, Math.min(seconds, 253_402_300_799L));
  }
}
