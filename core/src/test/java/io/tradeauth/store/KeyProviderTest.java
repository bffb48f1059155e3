package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where keys come from, and what is said if they do not (O3, O8). */
class KeyProviderTest {

  private static final byte[] MATERIAL =
      "canary-canary-canary-canary-cana".getBytes(StandardCharsets.US_ASCII);
  private static final String TEXT = Base64.getEncoder().encodeToString(MATERIAL);

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "\r\n"})
  void o3_oneLineEndAfterTheKey_trimmed(String end) throws Exception {
    Path file = Files.createFile(directory.resolve("key"), Modes.POSIX.ofFile());
    Files.writeString(file, TEXT + end);

    assertEquals(EncryptionKey.of(MATERIAL), environment(Map.of("KEY", TEXT + end)).primary());
    assertEquals(EncryptionKey.of(MATERIAL), KeyProvider.file(file).primary());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "\n",
        "KEY\n\n",
        "KEY\nKEY",
        "\nKEY",
        " KEY",
        "KEY ",
        "KEY\r",
        "\"KEY\"",
        "KEYKEY",
        "Y2FuYXJ5",
        "canary",
        "canary\u0000"
      })
  void o3_notOneKey_namesThePlaceAndNeverWhatIsThere(String pattern) throws Exception {
    String text = pattern.replace("KEY", TEXT);
    Path file = Files.createFile(directory.resolve("the-key"), Modes.POSIX.ofFile());
    Files.writeString(file, text);

    assertNames("THE_KEY", () -> environment(Map.of("THE_KEY", text), "THE_KEY"));
    assertNames(
        "THE_OLD", () -> environment(Map.of("KEY", TEXT, "THE_OLD", text), "KEY", "THE_OLD"));
    assertNames(file.toString(), () -> KeyProvider.file(file));
  }

  @Test
  void o3_missing_named() {
    assertNames("KEY", () -> environment(Map.of()));
    assertNames("no-such-key", () -> KeyProvider.file(directory.resolve("no-such-key")));
    assertNames("TRADEAUTH_NO_SUCH_KEY", () -> KeyProvider.environment("TRADEAUTH_NO_SUCH_KEY"));
  }

  @Test
  void oldKey_notSet_passedOver() {
    KeyProvider keys = environment(Map.of("KEY", TEXT), "KEY", "OLD");

    assertEquals(keys.primary(), keys.find(keys.primary().id()));
    assertNull(keys.find("other"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"rw-r-----", "rw----r--", "rw--w----", "rwxrwxrwx"})
  void o8_keyFileThatOthersMayUse_refused(String mode) throws Exception {
    Path file = directory.resolve("key");
    KeyProvider.newFile(file);
    assumeTrue(Modes.of(file) == Modes.POSIX, "this file system has no modes");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> KeyProvider.file(file));

    assertEquals(Reason.UNSAFE, refusal.reason());
    assertTrue(refusal.getMessage().contains(file.toString()), refusal::getMessage);
  }

  @Test
  void newFile_onlyForItsOwner_anotherKeyEachTime_neverOverwritten() throws Exception {
    Path one = directory.resolve("one");
    Path two = directory.resolve("two");
    KeyProvider.newFile(one);
    KeyProvider.newFile(two);
    EncryptionKey key = KeyProvider.file(one).primary();

    if (Modes.of(one) == Modes.POSIX) {
      assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(one)));
    }
    assertNotEquals(key, KeyProvider.file(two).primary());
    assertThrows(TokenStoreException.class, () -> KeyProvider.newFile(one));
    assertEquals(key, KeyProvider.file(one).primary());
    try (var files = Files.list(directory)) {
      assertEquals(2, files.count());
    }
  }

  @Test
  void key_printsNothingOfItself() {
    EncryptionKey key = EncryptionKey.of(MATERIAL);

    assertEquals("EncryptionKey[" + key.id() + "]", key.toString());
    assertFalse(KeyProvider.of(key).toString().contains(TEXT));
    assertEquals(16, key.id().length());
    assertEquals(key, EncryptionKey.of(MATERIAL));
    assertNotEquals(key, EncryptionKey.of("another", MATERIAL));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a b", "a\n", "\u00e5"})
  void key_badId_refused(String id) {
    assertThrows(IllegalArgumentException.class, () -> EncryptionKey.of(id, MATERIAL));
  }

  @Test
  void key_badLength_refused() {
    assertThrows(IllegalArgumentException.class, () -> EncryptionKey.of(new byte[16]));
    assertThrows(IllegalArgumentException.class, () -> EncryptionKey.of("a", new byte[33]));
  }

  @Test
  void keys_twoOfOneId_refused() {
    EncryptionKey other = EncryptionKey.of("key-1", new byte[32]);

    assertThrows(IllegalArgumentException.class, () -> KeyProvider.of(Samples.key(1), other));
  }

  private static KeyProvider environment(Map<String, String> variables, String... names) {
    String primary = names.length == 0 ? "KEY" : names[0];
    List<String> others = names.length < 2 ? List.of() : List.of(names).subList(1, names.length);
    return KeySource.environment(variables::get, primary, others);
  }

  private static void assertNames(
      String place, org.junit.jupiter.api.function.Executable executable) {
    TokenStoreException refusal = assertThrows(TokenStoreException.class, executable);

    assertEquals(Reason.WRONG_KEY, refusal.reason());
    assertTrue(refusal.getMessage().contains(place), refusal::getMessage);
    assertFalse(refusal.getMessage().contains("canary"), refusal::getMessage);
    assertFalse(refusal.getMessage().contains(TEXT), refusal::getMessage);
  }
}
