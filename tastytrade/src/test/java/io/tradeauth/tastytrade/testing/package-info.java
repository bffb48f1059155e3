/** A stateful simulator of tastytrade. */
@NullMarked
package io.tradeauth.tastytrade.testing;

import org.jspecify.annotations.NullMarked;
