/** A stateful simulator of TradeStation. */
@NullMarked
package io.tradeauth.tradestation.testing;

import org.jspecify.annotations.NullMarked;
