package io.tradeauth;

import java.util.List;
import java.util.Set;

/** Makes immutable sets of scope values (RFC 6749 section 3.3). */
final class ScopeValues {

  /** Of so few values each is compared with each. */
  private static final int FEW = 16;

  private ScopeValues() {}

  /**
   * Returns the different ones of {@code values}. {@link Set#copyOf} would make a hash table first,
   * in each exchange and for a handful of words.
   */
  static Set<String> of(List<String> values) {
    return values.size() <= FEW && areDifferent(values)
        ? Set.of(values.toArray(new String[0]))
        : Set.copyOf(values);
  }

  private static boolean areDifferent(List<String> values) {
    for (int i = 1; i < values.size(); i++) {
      if (values.indexOf(values.get(i)) < i) {
        return false;
      }
    }
    return true;
  }
}
