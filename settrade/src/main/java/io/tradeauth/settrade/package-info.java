/**
 * Tokens for Settrade; start at {@link io.tradeauth.settrade.Settrade}.
 *
 * <p>An image made by jlink from a Java before 22 needs the module {@code jdk.crypto.ec} besides:
 * nothing names it, but the curve of the signature is there.
 */
@NullMarked
package io.tradeauth.settrade;

import org.jspecify.annotations.NullMarked;
