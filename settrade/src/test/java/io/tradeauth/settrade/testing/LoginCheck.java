package io.tradeauth.settrade.testing;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.Signature;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Tells whether a signed login is genuine, fresh and new. For one thread at a time. */
final class LoginCheck {

  /** DER of two numbers, in lower-case hex; what else there is does not get as far as the key. */
  private static final Pattern DER_HEX = Pattern.compile("30(?:[0-9a-f]{2}){7,71}");

  private static final Pattern MILLIS = Pattern.compile("[0-9]{1,15}");

  private final Set<String> seen = new HashSet<>();
  private final Deque<Seen> oldestSeen = new ArrayDeque<>();
  private long skewMillis = Duration.ofMinutes(5).toMillis();
  private boolean refusesReplays = true;

  private record Seen(String proof, long at) {}

  void skew(Duration skew) {
    skewMillis = skew.toMillis();
  }

  void refusesReplays(boolean refuses) {
    refusesReplays = refuses;
  }

  boolean accepts(Map<String, String> fields, PublicKey key, long now) {
    String apiKey = fields.getOrDefault("apiKey", "");
    String params = fields.getOrDefault("params", "");
    String timestamp = fields.getOrDefault("timestamp", "");
    String signature = fields.getOrDefault("signature", "");
    return fresh(timestamp, now)
        && verifies(apiKey + '.' + params + '.' + timestamp, signature, key)
        && isNew(timestamp + ' ' + signature, now);
  }

  private boolean fresh(String timestamp, long now) {
    return MILLIS.matcher(timestamp).matches()
        && Math.abs(now - Long.parseLong(timestamp)) <= skewMillis;
  }

  private static boolean verifies(String canonical, String signature, PublicKey key) {
    if (!DER_HEX.matcher(signature).matches()) {
      return false;
    }
    try {
      Signature verifier = Signature.getInstance("SHA256withECDSA");
      verifier.initVerify(key);
      verifier.update(canonical.getBytes(StandardCharsets.UTF_8));
      return verifier.verify(HexFormat.of().parseHex(signature));
    } catch (GeneralSecurityException e) {
      return false; // hex, but not the DER of two numbers
    }
  }

  private boolean isNew(String proof, long now) {
    // Older than twice the skew it would be refused as stale anyway.
    while (!oldestSeen.isEmpty() && oldestSeen.getFirst().at < now - 2 * skewMillis) {
      seen.remove(oldestSeen.removeFirst().proof);
    }
    if (!seen.add(proof)) {
      return !refusesReplays;
    }
    oldestSeen.add(new Seen(proof, now));
    return true;
  }
}
