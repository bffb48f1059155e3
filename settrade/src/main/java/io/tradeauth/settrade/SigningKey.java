package io.tradeauth.settrade;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPrivateKeySpec;
import java.util.Base64;
import java.util.HexFormat;

/**
 * The key that proves an app to Settrade: the "app secret" of its portal, a private scalar of the
 * curve P-256 in base64. Fact sheet, section 2. Immutable.
 */
final class SigningKey {

  private static final ECParameterSpec P256 = p256();

  private final PrivateKey key;

  private SigningKey(PrivateKey key) {
    this.key = key;
  }

  /**
   * Reads an app secret as the portal shows it, also without padding or with blanks around it.
   *
   * @throws IllegalArgumentException if it is no such key; the message tells nothing of it
   */
  static SigningKey of(String appSecret) {
    // A signed number has a zero in front when its top bit is set: 33 bytes for half of all keys.
    BigInteger scalar = new BigInteger(1, decoded(appSecret));
    if (scalar.signum() == 0 || scalar.compareTo(P256.getOrder()) >= 0) {
      throw new IllegalArgumentException(
          "appSecret is not a private scalar of P-256; a key in DER or PEM is not what Settrade gives");
    }
    try {
      return new SigningKey(
          KeyFactory.getInstance("EC").generatePrivate(new ECPrivateKeySpec(scalar, P256)));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java has no elliptic curves", e);
    }
  }

  private static byte[] decoded(String appSecret) {
    try {
      return Base64.getDecoder().decode(appSecret.strip());
    } catch (IllegalArgumentException e) {
      // Its message quotes a character of the secret, so it is not kept as the cause.
      throw new IllegalArgumentException("appSecret is not base64");
    }
  }

  /** Returns what is signed; {@code params} is normally empty, hence the two dots in a row. */
  static String canonical(String apiKey, String params, String timestamp) {
    return apiKey + '.' + params + '.' + timestamp;
  }

  /** Returns the signature of {@code canonical}: ECDSA over SHA-256, as DER, in lower-case hex. */
  String sign(String canonical) {
    try {
      Signature signature = Signature.getInstance("SHA256withECDSA");
      signature.initSign(key);
      signature.update(canonical.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(signature.sign());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java cannot sign with ECDSA", e);
    }
  }

  private static ECParameterSpec p256() {
    try {
      AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
      parameters.init(new ECGenParameterSpec("secp256r1"));
      return parameters.getParameterSpec(ECParameterSpec.class);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java has no P-256; add the module jdk.crypto.ec", e);
    }
  }

  @Override
  public String toString() {
    return "SigningKey[P-256]";
  }
}
