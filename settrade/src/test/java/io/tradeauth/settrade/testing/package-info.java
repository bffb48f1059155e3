/** A stateful simulator of Settrade. */
@NullMarked
package io.tradeauth.settrade.testing;

import org.jspecify.annotations.NullMarked;
