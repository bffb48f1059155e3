/** Tokens for Upstox. */
@NullMarked
package io.tradeauth.upstox;

import org.jspecify.annotations.NullMarked;
