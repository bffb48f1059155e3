/** Main classes a newcomer runs. */
@NullMarked
package io.tradeauth.examples;

import org.jspecify.annotations.NullMarked;
