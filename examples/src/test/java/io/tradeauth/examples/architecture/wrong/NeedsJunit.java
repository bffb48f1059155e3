package io.tradeauth.examples.architecture.wrong;

import org.junit.jupiter.api.Test;

/** Needs a library that users don't have. */
public final class NeedsJunit {

  /** Needs it. */
  @Test
  void needsIt() {}
}
