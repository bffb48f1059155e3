/** Tokens for tastytrade. */
@NullMarked
package io.tradeauth.tastytrade;

import org.jspecify.annotations.NullMarked;
