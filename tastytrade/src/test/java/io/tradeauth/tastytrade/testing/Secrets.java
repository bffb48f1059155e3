package io.tradeauth.tastytrade.testing;

import io.tradeauth.testing.Wire;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Random;
import java.util.UUID;

/**
 * Makes tokens and ids of tastytrade's shapes; a token carries the word {@code canary}, so that a
 * scan for leaks finds it. To be used under the simulator's lock.
 */
final class Secrets {

  private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

  private final Random random = new Random();

  /** Makes a JWT with {@code claims}, signed by nobody. */
  String jwt(String type, String claims) {
    String header =
        "{\"alg\":\"EdDSA\",\"typ\":"
            + Wire.quote(type)
            + ",\"kid\":\"simulated\",\"jku\":\"https://api.tastytrade.com/oauth/jwks\"}";
    return base64(header) + "." + base64(claims) + "." + "canary" + hex(20);
  }

  /** Makes a token without a shape. */
  String opaque(String kind) {
    return kind + "-canary-" + hex(24);
  }

  /** Makes {@code digits} hexadecimal digits; an even number. */
  String hex(int digits) {
    byte[] bytes = new byte[digits / 2];
    random.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  UUID uuid() {
    return new UUID(
        random.nextLong() & ~0xF000L | 0x4000L, random.nextLong() >>> 2 | Long.MIN_VALUE);
  }

  private static String base64(String text) {
    return BASE64.encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
