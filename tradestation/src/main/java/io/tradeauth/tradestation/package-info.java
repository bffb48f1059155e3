/** Tokens for TradeStation. */
@NullMarked
package io.tradeauth.tradestation;

import org.jspecify.annotations.NullMarked;
