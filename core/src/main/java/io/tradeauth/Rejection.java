package io.tradeauth;

/** What a 401 of a broker's API means for the token that was sent. */
public enum Rejection {
  /** The token is dead: renew it. */
  RENEW,
  /** It may be something else: ask the broker's probe, and renew only if the token is dead. */
  PROBE_FIRST,
  /** It is something else, such as a missing {@code User-Agent}: renewing would not help. */
  NOT_THE_TOKEN
}
