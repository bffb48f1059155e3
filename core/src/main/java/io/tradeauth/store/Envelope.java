package io.tradeauth.store;

import io.tradeauth.store.Fields.MalformedException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;

/**
 * Sealed bytes and what is needed to open them, the key apart. Immutable.
 *
 * <pre>
 * "TKM" | format, 1 byte | length of the key id, 1 byte | key id, ASCII | salt, 16 bytes
 *       | nonce, 12 bytes | AES-256-GCM of the body | tag, 16 bytes
 * key   HKDF-SHA-256(master key, salt, "tkm/1")
 * body  length of the content, 4 bytes | content | zeros up to a multiple of 256 bytes
 * associated data: fields, each with its length in 4 bytes before it:
 *       "TKM" and format | key id | what the caller binds the content to
 * </pre>
 */
final class Envelope {

  private static final byte[] MAGIC = {'T', 'K', 'M'};
  private static final byte FORMAT = 1;
  private static final int NONCE_BYTES = 12;
  private static final int TAG_BYTES = 16;
  private static final int STEP = 256;

  private final byte format;
  private final String keyId;
  private final byte[] salt;
  private final byte[] nonce;
  private final ByteBuffer sealed;

  private Envelope(byte format, String keyId, byte[] salt, byte[] nonce, ByteBuffer sealed) {
    this.format = format;
    this.keyId = keyId;
    this.salt = salt;
    this.nonce = nonce;
    this.sealed = sealed;
  }

  static byte[] seal(DataKey key, byte[] content, byte[] context) {
    byte[] keyId = key.masterId().getBytes(StandardCharsets.US_ASCII);
    byte[] nonce = DataKey.random(NONCE_BYTES);
    byte[] body = pad(content);
    int head = MAGIC.length + 2 + keyId.length + DataKey.SALT_BYTES + NONCE_BYTES;
    ByteBuffer envelope = ByteBuffer.allocate(head + body.length + TAG_BYTES);
    envelope.put(MAGIC).put(FORMAT).put((byte) keyId.length).put(keyId);
    envelope.put(key.salt()).put(nonce);
    try {
      cipher(Cipher.ENCRYPT_MODE, key, nonce, context)
          .doFinal(body, 0, body.length, envelope.array(), head);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java runtime has AES-256-GCM", e);
    }
    return envelope.array();
  }

  private static byte[] pad(byte[] content) {
    int length = Integer.BYTES + content.length;
    int padded = (length + STEP - 1) / STEP * STEP;
    return ByteBuffer.allocate(padded).putInt(content.length).put(content).array();
  }

  private static Cipher cipher(int mode, DataKey key, byte[] nonce, byte[] context)
      throws GeneralSecurityException {
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    cipher.init(mode, key.key(), new GCMParameterSpec(TAG_BYTES * Byte.SIZE, nonce));
    cipher.updateAAD(
        new Fields.Writer()
            .bytes(new byte[] {MAGIC[0], MAGIC[1], MAGIC[2], FORMAT})
            .word(key.masterId())
            .rest(context)
            .toBytes());
    return cipher;
  }

  /** Reads what stands before the sealed part. Whether it is true shows when it is opened. */
  static Envelope of(byte[] bytes) throws MalformedException {
    ByteBuffer rest = ByteBuffer.wrap(bytes);
    try {
      for (byte expected : MAGIC) {
        if (rest.get() != expected) {
          throw new MalformedException();
        }
      }
      byte format = rest.get();
      byte[] keyId = take(rest, Byte.toUnsignedInt(rest.get()));
      byte[] salt = take(rest, DataKey.SALT_BYTES);
      byte[] nonce = take(rest, NONCE_BYTES);
      String id = new String(keyId, StandardCharsets.US_ASCII);
      return new Envelope(format, id, salt, nonce, rest.slice());
    } catch (BufferUnderflowException e) {
      throw new MalformedException();
    }
  }

  private static byte[] take(ByteBuffer rest, int length) {
    byte[] bytes = new byte[length];
    rest.get(bytes);
    return bytes;
  }

  String keyId() {
    return keyId;
  }

  byte[] salt() {
    return salt;
  }

  /**
   * Returns the content.
   *
   * @throws NewerException if it does not open and says that it is of another format
   * @throws AEADBadTagException if it is not what was sealed for this context
   */
  byte[] open(DataKey key, byte[] context) throws AEADBadTagException, NewerException {
    byte[] content;
    try {
      content = unpad(decrypt(key, context));
    } catch (AEADBadTagException | MalformedException e) {
      if (format != FORMAT) {
        throw new NewerException();
      }
      throw new AEADBadTagException("the seal is broken");
    }
    if (format != FORMAT) {
      // It is of our format after all: only the byte that says so was changed.
      throw new AEADBadTagException("the format was changed");
    }
    return content;
  }

  private byte[] decrypt(DataKey key, byte[] context)
      throws AEADBadTagException, MalformedException {
    if (sealed.remaining() < TAG_BYTES) {
      throw new MalformedException();
    }
    try {
      return cipher(Cipher.DECRYPT_MODE, key, nonce, context)
          .doFinal(sealed.array(), sealed.arrayOffset(), sealed.remaining());
    } catch (AEADBadTagException e) {
      throw e;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java runtime has AES-256-GCM", e);
    }
  }

  private static byte[] unpad(byte[] body) throws MalformedException {
    return new Fields.Reader(body).bytes();
  }

  /** An envelope of a format that this version does not know. */
  static final class NewerException extends Exception {

    private static final long serialVersionUID = 1L;

    NewerException() {
      super("of a newer format");
    }
  }
}
