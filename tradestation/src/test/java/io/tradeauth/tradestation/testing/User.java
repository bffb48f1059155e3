package io.tradeauth.tradestation.testing;

import java.util.Locale;

/** One customer of the broker. Guarded by the simulator's lock. */
final class User {

  final String name;
  final String subject;
  final String margin;
  final String futures;
  final String simulatedMargin;
  final String simulatedFutures;

  /** Access tokens with a number up to this one are refused, although they have not ended. */
  long rejectedUpTo;

  User(String name, int number) {
    this.name = name;
    this.subject = "auth0|" + String.format(Locale.ROOT, "%024x", 0x5f0000000000L + number);
    this.margin = String.valueOf(11_111_111 + number);
    this.futures = "210" + String.format(Locale.ROOT, "%05d", number);
    this.simulatedMargin = "SIM" + (1_234_567 + number) + "M";
    this.simulatedFutures = "SIM" + (1_234_567 + number) + "F";
  }

  boolean owns(String account, boolean simulated) {
    return simulated
        ? account.equals(simulatedMargin) || account.equals(simulatedFutures)
        : account.equals(margin) || account.equals(futures);
  }
}
