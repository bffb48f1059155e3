/**
 * Stores that outlive the process, for one machine or many, in which every record is encrypted.
 *
 * <p>A {@link io.tradeauth.store.KeyProvider} gives the keys.
 */
@NullMarked
package io.tradeauth.store;

import org.jspecify.annotations.NullMarked;
