/**
 * Keeps every user of a trading application signed in to every broker.
 *
 * <p>Start at {@link io.tradeauth.TokenManager}; what an application holds on to is a {@link
 * io.tradeauth.TokenProvider}; what a broker module implements is {@link io.tradeauth.Broker}.
 */
@NullMarked
package io.tradeauth;

import org.jspecify.annotations.NullMarked;
