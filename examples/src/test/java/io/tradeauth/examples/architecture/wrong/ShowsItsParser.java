package io.tradeauth.examples.architecture.wrong;

import com.fasterxml.jackson.core.JsonFactory;

/** Binds its users to a parser. */
public final class ShowsItsParser {

  /** Shows it. */
  public JsonFactory parser() {
    return new JsonFactory();
  }
}
