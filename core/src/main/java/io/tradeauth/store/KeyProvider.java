package io.tradeauth.store;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gives a store its keys: one that it seals with, and older ones that it can still open with.
 *
 * <p>An application implements it to take keys from a key management service or a keychain. It is
 * asked for the primary key at each write and for a key at each read of a record, by any number of
 * threads: it must answer from memory. What it answers may change while the store is open.
 *
 * <p>To change the key of a store that several processes share, give the new one to all of them as
 * an additional key first, then make it the primary one, then have everything sealed anew, and take
 * the old one away when no record needs it any more.
 */
public interface KeyProvider {

  /** Returns the key that new records are sealed with. */
  EncryptionKey primary();

  /**
   * Returns the key of that name, the primary one or another.
   *
   * @return null if it is not at hand
   */
  @Nullable EncryptionKey find(String id);

  /** Returns these keys. */
  static KeyProvider of(EncryptionKey primary, EncryptionKey... others) {
    return new FixedKeys(primary, List.of(others));
  }

  /**
   * Reads keys from environment variables, once. Each has 32 bytes in Base64, as {@code openssl
   * rand -base64 32} makes them; one line end after it does no harm.
   *
   * @param variable has the primary key
   * @param others may have other keys, older or newer; one that is not set is passed over
   * @throws io.tradeauth.TokenStoreException if {@code variable} is not set or one has no key; it
   *     names the variable and tells nothing of its value
   */
  static KeyProvider environment(String variable, String... others) {
    return KeySource.environment(System::getenv, variable, List.of(others));
  }

  /**
   * Reads keys from files, once. Each has 32 bytes in Base64, as {@code openssl rand -base64 32}
   * makes them, with or without a line end.
   *
   * @param file has the primary key
   * @param others have other keys, older or newer
   * @throws io.tradeauth.TokenStoreException if a file is missing, has no key, or may be read by
   *     others than its owner; it names the file and tells nothing of what is in it
   */
  static KeyProvider file(Path file, Path... others) {
    return KeySource.files(file, List.of(others));
  }

  /**
   * Writes a new random key to a file that only its owner may read. What {@link #file} then reads
   * is durable.
   *
   * @throws io.tradeauth.TokenStoreException if the file exists or can't be written
   */
  static void newFile(Path file) {
    KeySource.newFile(file);
  }
}
