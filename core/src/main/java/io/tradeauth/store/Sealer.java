package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.Change;
import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.StoredLabel;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import io.tradeauth.store.Envelope.NewerException;
import io.tradeauth.store.Fields.MalformedException;
import java.time.Instant;
import java.util.HexFormat;
import javax.crypto.AEADBadTagException;

/**
 * Seals what a store keeps, and opens it.
 *
 * <p>A store has a random <em>index key</em>, made with it and never changed. Its <em>meta
 * record</em> is that key, sealed with the primary key; a wrong key shows when that is opened,
 * before anything else is done.
 *
 * <ul>
 *   <li>A record's id is HMAC-SHA-256(index key, kind, realm, subject): it tells nothing of the
 *       user, and no two keys share one.
 *   <li>Label and secrets of a record are sealed apart, with one derived key, and bound to the
 *       record's id, generation, version number, state and time. The label holds the key of the
 *       record, so that it can be listed alone.
 *   <li>Intents and changes hold no secrets. They are sealed with a key derived from the index key,
 *       so that they need no care when the primary key changes.
 * </ul>
 *
 * <p>For any number of threads. No message tells anything of what is sealed.
 */
final class Sealer {

  private static final String INDEX_KEY_ID = "";

  private final KeyProvider keys;
  private final byte[] indexKey;
  private final byte[] controlKey;

  private Sealer(KeyProvider keys, byte[] indexKey) {
    this.keys = keys;
    this.indexKey = indexKey;
    this.controlKey = Hkdf.mac(indexKey, new Fields.Writer().word("tkm/1 control").toBytes());
  }

  /** What a sealed part is, so that none can stand for another. */
  private enum Part {
    META,
    LABEL,
    SECRETS,
    INTENT,
    CHANGE
  }

  // The store -----------------------------------------------------------------------------------

  /** Makes the meta record of a new store. */
  static byte[] newMeta(KeyProvider keys) {
    return sealMeta(keys.primary(), DataKey.random(EncryptionKey.BYTES));
  }

  private static byte[] sealMeta(EncryptionKey primary, byte[] indexKey) {
    return Envelope.seal(
        DataKey.fresh(primary.id(), primary.material()),
        new Fields.Writer().bytes(indexKey).toBytes(),
        metaContext());
  }

  private static byte[] metaContext() {
    return part(Part.META).toBytes();
  }

  private static Fields.Writer part(Part part) {
    return new Fields.Writer().word(part.name());
  }

  /**
   * Opens a store by its meta record.
   *
   * @throws TokenStoreException with {@link Reason#WRONG_KEY} if the keys are not those that it was
   *     sealed with
   */
  static Sealer open(KeyProvider keys, byte[] meta) {
    try {
      Envelope envelope = Envelope.of(meta);
      DataKey key = DataKey.of(envelope, master(keys, "the store", envelope).material());
      Fields.Reader content = new Fields.Reader(envelope.open(key, metaContext()));
      return new Sealer(keys, content.bytes());
    } catch (AEADBadTagException e) {
      throw new TokenStoreException(
          Reason.WRONG_KEY,
          "the store does not open: the key is another than the one of that id that it was sealed"
              + " with, or its meta record is damaged",
          e);
    } catch (NewerException e) {
      throw newer("the store's meta record", e);
    } catch (MalformedException e) {
      throw new TokenStoreException(
          Reason.UNREADABLE_RECORD, "the store's meta record is damaged", e);
    }
  }

  private static EncryptionKey master(KeyProvider keys, String what, Envelope envelope) {
    EncryptionKey key = keys.find(envelope.keyId());
    if (key == null) {
      throw new TokenStoreException(
          Reason.WRONG_KEY,
          what
              + " is sealed with key "
              + printable(envelope.keyId())
              + ", which is not at hand; the primary key is "
              + keys.primary().id(),
          null);
    }
    return key;
  }

  private static String printable(String keyId) {
    return keyId.replaceAll("[^A-Za-z0-9._:/-]", "?");
  }

  private static TokenStoreException newer(String what, NewerException e) {
    return new TokenStoreException(
        Reason.UNREADABLE_RECORD, what + " was written by a newer version", e);
  }

  /** Returns the meta record sealed with what is the primary key now. */
  byte[] meta() {
    return sealMeta(keys.primary(), indexKey);
  }

  /** Returns the id of the key that new records are sealed with. */
  String primaryKeyId() {
    return keys.primary().id();
  }

  // Records -------------------------------------------------------------------------------------

  /** Returns a generation that never was. */
  static String newGeneration() {
    return HexFormat.of().formatHex(DataKey.random(16));
  }

  /** Returns the 32 bytes that a store knows a record by. */
  byte[] recordId(TokenStore.Key key) {
    return Hkdf.mac(indexKey, name(key).toBytes());
  }

  private static Fields.Writer name(TokenStore.Key key) {
    return new Fields.Writer().word(key.kind().name()).text(key.realm()).text(key.subject());
  }

  /** Seals a content with the primary key. */
  SealedContent seal(TokenStore.Key key, Version version, Content content) {
    EncryptionKey primary = keys.primary();
    DataKey dataKey = DataKey.fresh(primary.id(), primary.material());
    Binding binding =
        new Binding(recordId(key), version, content.state(), content.since().toEpochMilli());
    byte[] label = name(key).bytes(content.label()).toBytes();
    return new SealedContent(
        version,
        content.state(),
        Instant.ofEpochMilli(binding.since()),
        Envelope.seal(dataKey, label, binding.of(Part.LABEL)),
        Envelope.seal(dataKey, content.secrets(), binding.of(Part.SECRETS)));
  }

  /**
   * Opens a content.
   *
   * @throws TokenStoreException with {@link Reason#TAMPERED} if it is not what was sealed for this
   *     key; {@link Reason#WRONG_KEY} if its key is not at hand; {@link Reason#UNREADABLE_RECORD}
   *     if it is of a newer version
   */
  Content open(TokenStore.Key key, SealedContent sealed) {
    byte[] recordId = recordId(key);
    return opening("a record", () -> openAll(recordId, sealed).content());
  }

  /** Opens only the label of a content, for the record of that id; throws as {@link #open}. */
  StoredLabel openLabel(byte[] recordId, SealedContent sealed) {
    return opening(
        "a record",
        () -> {
          Envelope envelope = Envelope.of(sealed.label());
          return label(envelope, dataKey(envelope), Binding.of(recordId, sealed));
        });
  }

  /** Returns whether a content is sealed with another key than the primary one. */
  boolean isSealedWithOtherKey(SealedContent sealed) {
    return opening("a record", () -> !sealed.keyId().equals(primaryKeyId()));
  }

  /** Returns the same content sealed with the primary key; throws as {@link #open}. */
  SealedContent reseal(byte[] recordId, SealedContent sealed) {
    Opened opened = opening("a record", () -> openAll(recordId, sealed));
    return seal(opened.key(), sealed.version(), opened.content());
  }

  /** Opens something. */
  @FunctionalInterface
  private interface Opening<T> {

    T open() throws AEADBadTagException, MalformedException, NewerException;
  }

  private static <T> T opening(String what, Opening<T> opening) {
    try {
      return opening.open();
    } catch (AEADBadTagException | MalformedException e) {
      throw new TokenStoreException(
          Reason.TAMPERED, what + " is damaged, was changed, or is in another's place", e);
    } catch (NewerException e) {
      throw newer(what, e);
    }
  }

  private Opened openAll(byte[] recordId, SealedContent sealed)
      throws AEADBadTagException, MalformedException, NewerException {
    Binding binding = Binding.of(recordId, sealed);
    Envelope forLabel = Envelope.of(sealed.label());
    Envelope forSecrets = Envelope.of(sealed.secrets());
    if (!forLabel.keyId().equals(forSecrets.keyId())) {
      throw new MalformedException(); // an id that was changed is no key that is missing
    }
    DataKey key = dataKey(forLabel);
    StoredLabel label = label(forLabel, key, binding);
    byte[] secrets =
        forSecrets.open(
            key.opens(forSecrets) ? key : dataKey(forSecrets), binding.of(Part.SECRETS));
    return new Opened(
        label.key(), new Content(sealed.state(), sealed.since(), label.label(), secrets));
  }

  private DataKey dataKey(Envelope envelope) {
    return DataKey.of(envelope, master(keys, "a record", envelope).material());
  }

  private static StoredLabel label(Envelope envelope, DataKey key, Binding binding)
      throws AEADBadTagException, MalformedException, NewerException {
    Fields.Reader fields = new Fields.Reader(envelope.open(key, binding.of(Part.LABEL)));
    return new StoredLabel(key(fields), binding.state(), fields.bytes());
  }

  private static TokenStore.Key key(Fields.Reader fields) throws MalformedException {
    return new TokenStore.Key(fields.constant(Kind.class), fields.text(), fields.text());
  }

  /** What was in a record. */
  private record Opened(TokenStore.Key key, Content content) {}

  /** What the parts of a content are bound to. */
  private record Binding(byte[] recordId, Version version, State state, long since) {

    static Binding of(byte[] recordId, SealedContent sealed) {
      return new Binding(recordId, sealed.version(), sealed.state(), sealed.since().toEpochMilli());
    }

    byte[] of(Part part) {
      return bound(part, recordId, version).word(state.name()).number(since).toBytes();
    }
  }

  private static Fields.Writer bound(Part part, byte[] recordId, Version version) {
    return part(part).bytes(recordId).text(version.generation()).number(version.number());
  }

  // Intents and changes -------------------------------------------------------------------------

  /** Seals an intent, bound to the record and to the version that it starts from. */
  byte[] sealIntent(TokenStore.Key key, Version version, Intent intent) {
    return Envelope.seal(
        DataKey.fresh(INDEX_KEY_ID, controlKey),
        new Fields.Writer().text(intent.id()).text(intent.owner()).text(intent.purpose()).toBytes(),
        intentContext(key, version));
  }

  private byte[] intentContext(TokenStore.Key key, Version version) {
    return bound(Part.INTENT, recordId(key), version).toBytes();
  }

  /**
   * Opens an intent.
   *
   * @throws TokenStoreException as {@link #open}
   */
  Intent openIntent(TokenStore.Key key, Version version, byte[] sealed) {
    byte[] context = intentContext(key, version);
    return opening(
        "the intent of a record",
        () -> {
          Fields.Reader fields = new Fields.Reader(openControl(sealed, context));
          return new Intent(fields.text(), fields.text(), fields.text());
        });
  }

  private byte[] openControl(byte[] sealed, byte[] context)
      throws AEADBadTagException, MalformedException, NewerException {
    Envelope envelope = Envelope.of(sealed);
    if (!envelope.keyId().equals(INDEX_KEY_ID)) {
      throw new MalformedException();
    }
    return envelope.open(DataKey.of(envelope, controlKey), context);
  }

  /**
   * Seals the notice of a change.
   *
   * @param place where it will stand, so that it can't be moved; empty if that is not known yet
   */
  byte[] sealChange(byte[] place, Change change) {
    String generation = change.generation();
    Fields.Writer fields = name(change.key());
    if (generation != null) {
      fields.text(generation);
    }
    return Envelope.seal(
        DataKey.fresh(INDEX_KEY_ID, controlKey), fields.toBytes(), changeContext(place));
  }

  private static byte[] changeContext(byte[] place) {
    return part(Part.CHANGE).bytes(place).toBytes();
  }

  /**
   * Opens the notice of a change.
   *
   * @throws TokenStoreException as {@link #open}
   */
  Change openChange(byte[] place, byte[] sealed) {
    return opening(
        "the notice of a change",
        () -> {
          Fields.Reader fields = new Fields.Reader(openControl(sealed, changeContext(place)));
          return new Change(key(fields), fields.isAtEnd() ? null : fields.text());
        });
  }
}
