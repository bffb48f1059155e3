package io.tradeauth;

import java.time.Instant;

/**
 * A token that a broker issues beside the access token.
 *
 * @param value the token
 * @param expiresAt when it ends, by the server's clock
 */
public record NamedToken(Secret value, Instant expiresAt) {}
