package io.tradeauth.tastytrade;

import io.tradeauth.Secret;
import java.net.URI;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What opens a DXLink socket for quotes.
 *
 * @param token goes into the socket's {@code AUTH} message
 * @param dxlinkUrl where the socket is; it differs between users, so never keep it longer than the
 *     token
 * @param level {@code api}, {@code live} or {@code demo}; the last with quotes that are late
 * @param expiresAt when the token ends, a day after it was issued; null if tastytrade did not tell
 */
public record QuoteToken(Secret token, URI dxlinkUrl, String level, @Nullable Instant expiresAt) {}
