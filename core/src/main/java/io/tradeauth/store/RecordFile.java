package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.StoredLabel;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import io.tradeauth.store.Fields.MalformedException;
import java.time.DateTimeException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What is in the file of a record: fields, each with its length in four bytes before it.
 *
 * <pre>
 * generation, UTF-16 | version number, 8 bytes | state, ASCII | since, 8 bytes, milliseconds
 *   | envelope of the label | envelope of the secrets | envelope of the open intent, or empty
 * </pre>
 *
 * @param content the sealed content
 * @param intent the sealed intent; null if none is open
 */
record RecordFile(SealedContent content, byte @Nullable [] intent) {

  static RecordFile read(byte[] file) {
    try {
      Fields.Reader fields = new Fields.Reader(file);
      Version version = new Version(fields.text(), fields.number());
      State state = fields.constant(State.class);
      Instant since = Instant.ofEpochMilli(fields.number());
      SealedContent content =
          new SealedContent(version, state, since, fields.bytes(), fields.bytes());
      byte[] intent = fields.bytes();
      fields.expectEnd();
      return new RecordFile(content, intent.length == 0 ? null : intent);
    } catch (MalformedException | DateTimeException e) {
      throw damaged(e);
    }
  }

  private static TokenStoreException damaged(Exception e) {
    return new TokenStoreException(Reason.TAMPERED, "a record is damaged", e);
  }

  byte[] toBytes() {
    return new Fields.Writer()
        .text(content.version().generation())
        .number(content.version().number())
        .word(content.state().name())
        .number(content.since().toEpochMilli())
        .bytes(content.label())
        .bytes(content.secrets())
        .bytes(intent == null ? new byte[0] : intent)
        .toBytes();
  }

  StoredRecord open(Sealer sealer, TokenStore.Key key) {
    return new StoredRecord(content.version(), sealer.open(key, content), openIntent(sealer, key));
  }

  @Nullable Intent openIntent(Sealer sealer, TokenStore.Key key) {
    return intent == null ? null : sealer.openIntent(key, content.version(), intent);
  }

  StoredLabel openLabel(Sealer sealer, byte[] recordId) {
    return sealer.openLabel(recordId, content);
  }

  String keyId() {
    try {
      return content.keyId();
    } catch (MalformedException e) {
      throw damaged(e);
    }
  }

  Version version() {
    return content.version();
  }

  RecordFile with(byte @Nullable [] nextIntent) {
    return new RecordFile(content, nextIntent);
  }

  RecordFile with(SealedContent resealed) {
    return new RecordFile(resealed, intent);
  }

  @Override
  public String toString() {
    return "RecordFile[" + content.state() + "]";
  }
}
