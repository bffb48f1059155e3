/** Tokens for Settrade. */
@NullMarked
package io.tradeauth.settrade;

import org.jspecify.annotations.NullMarked;
