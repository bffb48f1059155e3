/** A stateful simulator of Upstox. */
@NullMarked
package io.tradeauth.upstox.testing;

import org.jspecify.annotations.NullMarked;
