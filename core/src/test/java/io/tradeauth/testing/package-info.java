/**
 * What tests of an application, a broker module or a token store need: clocks, simulators,
 * contracts.
 */
@NullMarked
package io.tradeauth.testing;

import org.jspecify.annotations.NullMarked;
