package io.tradeauth.store;

import static io.tradeauth.store.Samples.ALICE;
import static io.tradeauth.store.Samples.BOB;
import static io.tradeauth.store.Samples.INTENT;
import static io.tradeauth.store.Samples.content;
import static io.tradeauth.store.Samples.key;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.crypto.tink.subtle.AesGcmJce;
import com.google.crypto.tink.subtle.Hkdf;
import io.tradeauth.TokenStore.Change;
import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.StoredLabel;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import io.tradeauth.testing.TokenStoreContract;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is sealed opens for whom it was sealed, and for nobody and nothing else (G34, A14). */
class SealerTest {

  private static final Version VERSION = new Version("0123456789abcdef", 7);

  private final KeyProvider keys = KeyProvider.of(key(1));
  private final byte[] meta = Sealer.newMeta(keys);
  private final Sealer sealer = Sealer.open(keys, meta);

  @Test
  void sealed_opened_asItWas() {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));

    assertEquals(content("a"), sealer.open(ALICE, sealed));
    assertEquals(VERSION, sealed.version());
    assertEquals(State.ACTIVE, sealed.state());
  }

  @Test
  void label_openedWithoutTheSecrets_tellsTheKey() {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
    SealedContent alone =
        new SealedContent(VERSION, sealed.state(), sealed.since(), sealed.label(), new byte[0]);

    assertEquals(
        new StoredLabel(ALICE, State.ACTIVE, content("a").label()),
        sealer.openLabel(sealer.recordId(ALICE), alone));
  }

  @Test
  void sealedTwice_nothingIsTheSameButTheId() {
    SealedContent one = sealer.seal(ALICE, VERSION, content("a"));
    SealedContent two = sealer.seal(ALICE, VERSION, content("a"));

    assertFalse(Arrays.equals(one.label(), two.label()));
    assertFalse(Arrays.equals(one.secrets(), two.secrets()));
    assertArrayEquals(sealer.recordId(ALICE), sealer.recordId(ALICE));
  }

  /** NIST SP 800-38D: no nonce is used twice with one key; each write has a key of its own. */
  @Test
  void nist80038d_manyWrites_everyNonceAndEverySaltNew() throws Exception {
    Set<String> salts = new HashSet<>();
    Set<String> nonces = new HashSet<>();
    for (int i = 0; i < 1_000; i++) {
      SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
      for (byte[] part : new byte[][] {sealed.label(), sealed.secrets()}) {
        int salt = 5 + part[4];
        salts.add(HexFormat.of().formatHex(part, salt, salt + 16));
        nonces.add(HexFormat.of().formatHex(part, salt + 16, salt + 28));
      }
    }
    assertEquals(1_000, salts.size());
    assertEquals(2_000, nonces.size());
  }

  @Test
  void sizes_tellOnlySteps() {
    Set<Integer> sizes = new HashSet<>();
    for (int length = 0; length <= 252; length++) {
      Content content = new Content(State.ACTIVE, Instant.EPOCH, new byte[0], new byte[length]);
      sizes.add(sealer.seal(ALICE, VERSION, content).secrets().length);
    }
    assertEquals(1, sizes.size());
  }

  /** A8, X20: every user id has a record of its own, whose id tells nothing. */
  @Test
  void a8_userIds_neverTheSameRecord() {
    Set<String> ids = new HashSet<>();
    for (Kind kind : Kind.values()) {
      for (String user : TokenStoreContract.userIds()) {
        Key key = new Key(kind, "fake", user);
        ids.add(HexFormat.of().formatHex(sealer.recordId(key)));
        SealedContent sealed = sealer.seal(key, VERSION, content("a"));
        assertEquals(key, sealer.openLabel(sealer.recordId(key), sealed).key());
      }
    }
    assertEquals(Kind.values().length * TokenStoreContract.userIds().size(), ids.size());
  }

  @Test
  void a8_partsPutTogether_neverTheSameRecord() {
    assertFalse(
        Arrays.equals(
            sealer.recordId(new Key(Kind.LOGIN, "ab", "c")),
            sealer.recordId(new Key(Kind.LOGIN, "a", "bc"))));
  }

  // What does not open --------------------------------------------------------------------------

  /** X8: one changed byte anywhere. */
  @Test
  void x8_anyByteOfAnyPartChanged_refused() {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
    for (int bit = 0; bit < 8; bit += 7) {
      for (int i = 0; i < sealed.label().length; i++) {
        assertRefused(withLabel(sealed, flipped(sealed.label(), i, bit)));
      }
      for (int i = 0; i < sealed.secrets().length; i++) {
        assertRefused(withSecrets(sealed, flipped(sealed.secrets(), i, bit)));
      }
    }
  }

  /** X8: cut anywhere. */
  @Test
  void x8_anyTruncation_refused() {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
    for (int i = 0; i < sealed.label().length; i++) {
      assertRefused(withLabel(sealed, Arrays.copyOf(sealed.label(), i)));
    }
    for (int i = 0; i < sealed.secrets().length; i++) {
      assertRefused(withSecrets(sealed, Arrays.copyOf(sealed.secrets(), i)));
    }
  }

  /** G34: of another user, broker, environment or kind. */
  @Test
  void g34_anotherRecordsContent_refused() {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
    for (Key other :
        new Key[] {
          BOB,
          new Key(Kind.LOGIN, "fake-sandbox", "alice"),
          new Key(Kind.LINK, "fake", "alice"),
          new Key(Kind.LOGIN, "fake", "Alice")
        }) {
      assertTampered(() -> sealer.open(other, sealed));
      assertTampered(() -> sealer.openLabel(sealer.recordId(other), sealed));
    }
  }

  /** G34, A14: what decides about a content can't be changed, nor parts be mixed. */
  @Test
  void a14_clearFieldsChangedOrPartsMixed_refused() {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
    SealedContent later = sealer.seal(ALICE, VERSION.next(), content("b"));
    State active = State.ACTIVE;
    for (SealedContent wrong :
        new SealedContent[] {
          with(sealed, VERSION.next(), active, sealed.since()),
          with(sealed, new Version("other", 7), active, sealed.since()),
          with(sealed, VERSION, State.SIGNED_OUT, sealed.since()),
          with(sealed, VERSION, active, sealed.since().plusMillis(1)),
        }) {
      assertRefused(wrong);
      assertTampered(() -> sealer.openLabel(sealer.recordId(ALICE), wrong));
    }
    assertRefused(withSecrets(sealed, later.secrets()));
    assertRefused(withLabel(sealed, later.label()));
    assertRefused(withSecrets(sealed, sealed.label()));
    assertRefused(withLabel(sealed, sealed.secrets()));
  }

  /** A14: a record of another store under the same key. */
  @Test
  void a14_recordOfAnotherStore_refused() {
    Sealer other = Sealer.open(keys, Sealer.newMeta(keys));

    assertRefused(other.seal(ALICE, VERSION, content("a")));
  }

  /** O1: a record under a key that is not at hand is no absent record, and no damaged one. */
  @Test
  void o1_keyNotAtHand_saysSoAndNamesBoth() {
    Sealer rotated = Sealer.open(KeyProvider.of(key(2), key(1)), meta);
    SealedContent sealed = rotated.seal(ALICE, VERSION, content("a"));

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> sealer.open(ALICE, sealed));

    assertEquals(Reason.WRONG_KEY, refusal.reason());
    assertTrue(refusal.getMessage().contains("key-2"), refusal::getMessage);
    assertTrue(refusal.getMessage().contains("key-1"), refusal::getMessage);
  }

  /** Only a changed byte is damage; what does not open as ours is left for who can read it. */
  @Test
  void newerFormat_saysSo() {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
    byte[] newer = with(sealed.label(), 3, 2);
    newer[newer.length - 1]++;

    TokenStoreException refusal =
        assertThrows(TokenStoreException.class, () -> sealer.open(ALICE, withLabel(sealed, newer)));

    assertEquals(Reason.UNREADABLE_RECORD, refusal.reason());
  }

  // Keys ----------------------------------------------------------------------------------------

  /** O1: before anything else is done. */
  @Test
  void o1_wrongKey_storeDoesNotOpen() {
    EncryptionKey sameName = EncryptionKey.of("key-1", key(9).material());
    for (KeyProvider wrong : new KeyProvider[] {KeyProvider.of(key(2)), KeyProvider.of(sameName)}) {
      TokenStoreException refusal =
          assertThrows(TokenStoreException.class, () -> Sealer.open(wrong, meta));

      assertEquals(Reason.WRONG_KEY, refusal.reason());
    }
  }

  @Test
  void o1_metaRecordDamaged_storeDoesNotOpen() {
    for (int i = 0; i < meta.length; i++) {
      byte[] damaged = flipped(meta, i, 0);
      assertThrows(TokenStoreException.class, () -> Sealer.open(keys, damaged));
      byte[] cut = Arrays.copyOf(meta, i);
      assertThrows(TokenStoreException.class, () -> Sealer.open(keys, cut));
    }
  }

  /** O2, G33: old keys read, the new key writes, and ids stay as they are. */
  @Test
  void g33_keyRotated_oldIsReadNewIsWrittenIdsStay() {
    SealedContent old = sealer.seal(ALICE, VERSION, content("a"));
    Sealer rotated = Sealer.open(KeyProvider.of(key(2), key(1)), meta);

    assertEquals(content("a"), rotated.open(ALICE, old));
    assertTrue(rotated.isSealedWithOtherKey(old));
    SealedContent resealed = rotated.reseal(rotated.recordId(ALICE), old);
    assertFalse(rotated.isSealedWithOtherKey(resealed));
    assertEquals(VERSION, resealed.version());

    Sealer withoutOld = Sealer.open(KeyProvider.of(key(2)), rotated.meta());
    assertArrayEquals(sealer.recordId(ALICE), withoutOld.recordId(ALICE));
    assertEquals(content("a"), withoutOld.open(ALICE, resealed));
  }

  /** O2: nothing but contents and the meta record needs the primary key. */
  @Test
  void g33_keyRotated_intentsAndChangesNeedNoCare() {
    byte[] intent = sealer.sealIntent(ALICE, VERSION, INTENT);
    byte[] change = sealer.sealChange(new byte[0], new Change(ALICE, "g"));
    Sealer rotated = Sealer.open(KeyProvider.of(key(2), key(1)), meta);
    Sealer withoutOld = Sealer.open(KeyProvider.of(key(2)), rotated.meta());

    assertEquals(INTENT, withoutOld.openIntent(ALICE, VERSION, intent));
    assertEquals(new Change(ALICE, "g"), withoutOld.openChange(new byte[0], change));
  }

  // Intents and changes -------------------------------------------------------------------------

  @Test
  void intent_boundToRecordAndVersion() {
    byte[] sealed = sealer.sealIntent(ALICE, VERSION, INTENT);

    assertEquals(INTENT, sealer.openIntent(ALICE, VERSION, sealed));
    assertTampered(() -> sealer.openIntent(BOB, VERSION, sealed));
    assertTampered(() -> sealer.openIntent(ALICE, VERSION.next(), sealed));
    for (int i = 0; i < sealed.length; i++) {
      byte[] damaged = flipped(sealed, i, 0);
      assertThrows(
          TokenStoreException.class, () -> sealer.openIntent(ALICE, VERSION, damaged), "byte " + i);
    }
  }

  @Test
  void intent_anyText_asItWas() {
    Intent odd = new Intent("\ud83d", "", "\u0000\u202e");

    assertEquals(odd, sealer.openIntent(ALICE, VERSION, sealer.sealIntent(ALICE, VERSION, odd)));
  }

  @Test
  void change_boundToItsPlace() {
    byte[] here = {1};
    byte[] there = {2};
    Change forgotten = new Change(ALICE, null);

    assertEquals(forgotten, sealer.openChange(here, sealer.sealChange(here, forgotten)));
    assertTampered(() -> sealer.openChange(there, sealer.sealChange(here, forgotten)));
  }

  // Another implementation ----------------------------------------------------------------------

  /** Tink opens what we sealed, with what the format says and nothing of our code. */
  @Test
  void secrets_openedByTinkByTheDescriptionOfTheFormat() throws Exception {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
    byte[] context =
        fields(
            ascii("SECRETS"),
            sealer.recordId(ALICE),
            utf16(VERSION.generation()),
            number(VERSION.number()),
            ascii("ACTIVE"),
            number(sealed.since().toEpochMilli()));

    assertArrayEquals(content("a").secrets(), openedByTink(sealed.secrets(), 1, context));
  }

  @Test
  void label_openedByTinkByTheDescriptionOfTheFormat() throws Exception {
    SealedContent sealed = sealer.seal(ALICE, VERSION, content("a"));
    byte[] context =
        fields(
            ascii("LABEL"),
            sealer.recordId(ALICE),
            utf16(VERSION.generation()),
            number(VERSION.number()),
            ascii("ACTIVE"),
            number(sealed.since().toEpochMilli()));

    assertArrayEquals(
        fields(ascii("LOGIN"), utf16("fake"), utf16("alice"), content("a").label()),
        openedByTink(sealed.label(), 1, context));
    context[context.length - 1]++;
    assertThrows(GeneralSecurityException.class, () -> openedByTink(sealed.label(), 1, context));
  }

  /** The index key is in the meta record; a record's id is an HMAC under it. */
  @Test
  void recordId_madeByTinkByTheDescriptionOfTheFormat() throws Exception {
    byte[] indexKey = Arrays.copyOfRange(openedByTink(meta, 1, fields(ascii("META"))), 4, 36);

    assertArrayEquals(
        new com.google.crypto.tink.subtle.PrfHmacJce(
                "HMACSHA256", new javax.crypto.spec.SecretKeySpec(indexKey, "HMAC"))
            .compute(fields(ascii("LOGIN"), utf16("fake"), utf16("alice")), 32),
        sealer.recordId(ALICE));
  }

  private static byte[] openedByTink(byte[] envelope, int master, byte[] context)
      throws GeneralSecurityException, IOException {
    ByteBuffer rest = ByteBuffer.wrap(envelope);
    byte[] head = take(rest, 4);
    assertArrayEquals(new byte[] {'T', 'K', 'M', 1}, head);
    byte[] keyId = take(rest, rest.get());
    byte[] salt = take(rest, 16);
    byte[] nonceAndSealed = take(rest, rest.remaining());
    byte[] derived =
        Hkdf.computeHkdf("HMACSHA256", key(master).material(), salt, ascii("tkm/1"), 32);
    byte[] data = concat(fields(head, keyId), context);
    ByteBuffer body = ByteBuffer.wrap(new AesGcmJce(derived).decrypt(nonceAndSealed, data));
    assertEquals(0, body.remaining() % 256);
    return take(body, body.getInt());
  }

  private static byte[] take(ByteBuffer rest, int length) {
    byte[] bytes = new byte[length];
    rest.get(bytes);
    return bytes;
  }

  private static byte[] fields(byte[]... fields) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    for (byte[] field : fields) {
      out.writeInt(field.length);
      out.write(field);
    }
    return bytes.toByteArray();
  }

  private static byte[] concat(byte[] one, byte[] two) {
    return ByteBuffer.allocate(one.length + two.length).put(one).put(two).array();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] utf16(String text) {
    return text.getBytes(StandardCharsets.UTF_16BE);
  }

  private static byte[] number(long number) {
    return ByteBuffer.allocate(8).putLong(number).array();
  }

  // Helpers -------------------------------------------------------------------------------------

  private void assertRefused(SealedContent wrong) {
    assertTampered(() -> sealer.open(ALICE, wrong));
  }

  private static void assertTampered(org.junit.jupiter.api.function.Executable open) {
    TokenStoreException refusal = assertThrows(TokenStoreException.class, open);
    assertEquals(Reason.TAMPERED, refusal.reason(), refusal::getMessage);
  }

  private static byte[] flipped(byte[] bytes, int index, int bit) {
    return with(bytes, index, bytes[index] ^ 1 << bit);
  }

  private static byte[] with(byte[] bytes, int index, int value) {
    byte[] copy = bytes.clone();
    copy[index] = (byte) value;
    return copy;
  }

  private static SealedContent withLabel(SealedContent sealed, byte[] label) {
    return new SealedContent(
        sealed.version(), sealed.state(), sealed.since(), label, sealed.secrets());
  }

  private static SealedContent withSecrets(SealedContent sealed, byte[] secrets) {
    return new SealedContent(
        sealed.version(), sealed.state(), sealed.since(), sealed.label(), secrets);
  }

  private static SealedContent with(
      SealedContent sealed, Version version, State state, Instant since) {
    return new SealedContent(version, state, since, sealed.label(), sealed.secrets());
  }
}
