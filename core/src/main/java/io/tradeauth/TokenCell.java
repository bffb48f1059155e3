package io.tradeauth;

import org.jspecify.annotations.Nullable;

/**
 * A user's place in the map of tokens: one immutable value behind one volatile field.
 *
 * <p>Droppable at any time. Written only while the map holds the entry, so that a cell that has
 * left the map is empty for good: a handle that finds it empty looks up again.
 */
final class TokenCell {

  /** Null if nothing is known that could be handed out. */
  volatile @Nullable Held held;
}
