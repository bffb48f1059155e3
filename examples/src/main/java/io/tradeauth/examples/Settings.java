package io.tradeauth.examples;

import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;

/** What an example needs from the environment, and what each of it is for. */
final class Settings {

  private final Map<String, String> environment;
  private final Map<String, String> purposes = new LinkedHashMap<>();

  Settings(Map<String, String> environment) {
    this.environment = environment;
  }

  /** Asks for a variable. */
  Settings need(String variable, String purpose) {
    purposes.put(variable, purpose);
    return this;
  }

  boolean has(String variable) {
    return !environment.getOrDefault(variable, "").isBlank();
  }

  String get(String variable) {
    return environment.getOrDefault(variable, "").strip();
  }

  /** Returns whether all is there; says what is not. */
  boolean areComplete(PrintStream out) {
    boolean complete = true;
    for (Map.Entry<String, String> needed : purposes.entrySet()) {
      if (!has(needed.getKey())) {
        out.println(needed.getKey() + " is missing: " + needed.getValue());
        complete = false;
      }
    }
    if (!complete) {
      out.println("Nothing was sent.");
    }
    return complete;
  }
}
