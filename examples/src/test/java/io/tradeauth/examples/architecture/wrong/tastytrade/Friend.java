package io.tradeauth.examples.architecture.wrong.tastytrade;

import io.tradeauth.examples.architecture.wrong.upstox.Stranger;

/** A broker that knows another. */
public final class Friend {

  /** Knows it. */
  public Stranger other() {
    return new Stranger();
  }
}
