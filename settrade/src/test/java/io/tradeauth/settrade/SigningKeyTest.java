package io.tradeauth.settrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The vectors of the fact sheet, section 10, made with throwaway keys. ECDSA is randomised: a
 * signature is right if it verifies, never if it is equal.
 */
class SigningKeyTest {

  private static final Vector A =
      new Vector(
          "TESTAPPID0000001",
          "ALoq9Y3/d/vxJV2FrgIbA5e8f/qNU3QtH6vsq30fz7na",
          "",
          "1735689600000",
          "TESTAPPID0000001..1735689600000",
          "718450fe5cb9fe25d58fedc0a0540790972fc717982edc27eadbde4ca38bbc39",
          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7npjtmWRWrVbYfJzs3Dh+pzZhhgwgvcKTtvxSp10nUj+XT7Jr2z4J/zQQiEgVmZs156tlnZtCpMXqu3+BFXG9w==",
          "304402200cf9fc64c893a6afe9cdf98962223017a99f659411fdccfad3fc4fc0cfe50edd"
              + "0220155766d4bdc4e6cd20dc80c611ac102a398c5e8c4571d40c8549e25d1ed66d6b");

  private static final Vector B =
      new Vector(
          "TESTAPPID0000002",
          "ajLuu5nKPnOO2lQK1fUffNku1yW6w5wDOdH6JyY6JZI=",
          "",
          "1735689600123",
          "TESTAPPID0000002..1735689600123",
          "f81f2b6e4533bb8782ba2316fc6cbe2ec426ead95f652431f24799adedeb3845",
          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEO7QR2cgssBJDJ8ZBY/Yxn3gfTZF3Z3uapQULpeI0SMrnTEbg+Ylg+xB5L9cSnMZqXYaNItHVLHFzoclGFzDn1A==",
          "30450220076fa1b8413197a8e173c63a8eb3562a4f2b2a90098f09546a4fd99177a42d25"
              + "022100f6d0d2ab204c68a6d2e1a4ed8a3846dd34e947864abbafa014b28482723fc3d9");

  private static final Vector C =
      new Vector(
          "TESTAPPID0000002",
          B.appSecret,
          "scope",
          "1735689600456",
          "TESTAPPID0000002.scope.1735689600456",
          "9fcb1835cd90de0960fce5c47df1878764c4890d372e665fb86a7b5f082a8794",
          B.publicKey,
          "3045022032b3a51c9f5290c9e8742871daeae2f8fe3c8674a906add9a8189e4357d71572"
              + "0221009ff4eb2fc84702191c9fdbbe023aa4bb83d2a9e809bc97ebb146d33c705c5ce3");

  private static final List<Vector> VECTORS = List.of(A, B, C);

  @ParameterizedTest
  @FieldSource("VECTORS")
  void vector_signed_verifiesWithItsPublicKey(Vector vector) throws Exception {
    String signature = sign(vector.appSecret, vector.canonical());

    assertTrue(vector.verifies(vector.canonical(), signature));
  }

  @ParameterizedTest
  @FieldSource("VECTORS")
  void vector_canonicalString_isTheOneThatTheSheetSigned(Vector vector) throws Exception {
    byte[] bytes = vector.canonical().getBytes(StandardCharsets.UTF_8);

    assertEquals(vector.expectedCanonical, vector.canonical());
    assertEquals(vector.sha256, hex(MessageDigest.getInstance("SHA-256").digest(bytes)));
    assertTrue(vector.verifies(vector.canonical(), vector.signature));
  }

  @Test
  void paddingMissing_sameKey() throws Exception {
    assertTrue(B.verifies(B.canonical(), sign(B.appSecret.replace("=", ""), B.canonical())));
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", "\r\n", " ", "\t"})
  void blanksAround_sameKey(String blank) throws Exception {
    String shown = blank + B.appSecret + blank;

    assertTrue(B.verifies(B.canonical(), sign(shown, B.canonical())));
  }

  @Test
  void zeroInFront_sameKeyAsWithout() throws Exception {
    byte[] with = Base64.getDecoder().decode(A.appSecret);
    byte[] without = scalarBytes(new BigInteger(1, with), 32);

    assertEquals(33, with.length);
    assertTrue(A.verifies(A.canonical(), sign(base64(without), A.canonical())));
  }

  @Test
  void fewerThan32Bytes_isAKey() {
    assertEquals("SigningKey[P-256]", SigningKey.of(base64(new byte[] {1, 2, 3})).toString());
  }

  @Test
  void signature_isLowerCaseHexOfDer() {
    for (int i = 0; i < 100; i++) {
      String signature = sign(A.appSecret, A.canonical());

      assertTrue(signature.matches("30[0-9a-f]{134,142}"), signature);
    }
  }

  @Test
  void signedTwice_differs() {
    assertNotEquals(sign(A.appSecret, A.canonical()), sign(A.appSecret, A.canonical()));
  }

  /** What a server must refuse, fact sheet, section 10; our signature is none of it. */
  @Test
  void otherForms_doNotVerify() throws Exception {
    byte[] der = HexFormat.of().parseHex(A.signature);

    assertFalse(A.verifies("TESTAPPID0000001.1735689600000", A.signature), "one dot");
    assertFalse(A.verifies("TESTAPPID0000001..1735689600001", A.signature), "another timestamp");
    assertFalse(A.verifies(A.canonical(), rawOf(der)), "r and s, raw");
    assertFalse(A.verifies(A.canonical(), B.signature), "another key");
    assertFalse(
        A.verifies("TESTAPPID0000001.1735689600000", sign(A.appSecret, A.canonical())), "one dot");
  }

  @Test
  void zero_refused() {
    assertRefused(base64(new byte[32]));
    assertRefused("");
  }

  @Test
  void orderOfTheCurveOrMore_refused() {
    BigInteger order =
        new BigInteger("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16);

    assertRefused(base64(order.toByteArray()));
    assertRefused(base64(order.add(BigInteger.ONE).toByteArray()));
    assertEquals(
        "SigningKey[P-256]",
        SigningKey.of(base64(order.subtract(BigInteger.ONE).toByteArray())).toString());
  }

  @Test
  void derInsteadOfAScalar_refused() throws Exception {
    assertRefused(A.publicKey);
  }

  @Test
  void notBase64_refusedWithoutTellingACharacter() {
    assertRefused("~~~canary~~~");
    assertRefused("-----BEGIN EC PRIVATE KEY-----canary");
    assertRefused(A.appSecret.replace('/', '_'));
  }

  private static void assertRefused(String appSecret) {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> SigningKey.of(appSecret));

    assertTrue(String.valueOf(refusal.getMessage()).startsWith("appSecret is not "));
    assertNull(refusal.getCause());
  }

  private String sign(String appSecret, String canonical) {
    return SigningKey.of(appSecret).sign(canonical);
  }

  private static String rawOf(byte[] der) {
    int lengthOfR = der[3];
    byte[] r = Arrays.copyOfRange(der, 4, 4 + lengthOfR);
    byte[] s = Arrays.copyOfRange(der, 6 + lengthOfR, der.length);
    return hex(scalarBytes(new BigInteger(1, r), 32)) + hex(scalarBytes(new BigInteger(1, s), 32));
  }

  private static byte[] scalarBytes(BigInteger scalar, int length) {
    return HexFormat.of().parseHex(String.format(Locale.ROOT, "%0" + 2 * length + "x", scalar));
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** One vector. */
  private static final class Vector {

    final String apiKey;
    final String appSecret;
    final String params;
    final String timestamp;
    final String expectedCanonical;
    final String sha256;
    final String publicKey;
    final String signature;

    Vector(
        String apiKey,
        String appSecret,
        String params,
        String timestamp,
        String expectedCanonical,
        String sha256,
        String publicKey,
        String signature) {
      this.apiKey = apiKey;
      this.appSecret = appSecret;
      this.params = params;
      this.timestamp = timestamp;
      this.expectedCanonical = expectedCanonical;
      this.sha256 = sha256;
      this.publicKey = publicKey;
      this.signature = signature;
    }

    String canonical() {
      return SigningKey.canonical(apiKey, params, timestamp);
    }

    boolean verifies(String canonical, String hexSignature) throws GeneralSecurityException {
      Signature verifier = Signature.getInstance("SHA256withECDSA");
      verifier.initVerify(
          KeyFactory.getInstance("EC")
              .generatePublic(new X509EncodedKeySpec(Base64.getDecoder().decode(publicKey))));
      verifier.update(canonical.getBytes(StandardCharsets.UTF_8));
      try {
        return verifier.verify(HexFormat.of().parseHex(hexSignature));
      } catch (SignatureException e) {
        return false; // not DER
      }
    }

    @Override
    public String toString() {
      return expectedCanonical;
    }
  }
}
