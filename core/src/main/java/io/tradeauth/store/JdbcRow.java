package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.State;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A record as its row has it; what is wrong with it shows when it is opened.
 *
 * @param kind of its key, to find it by
 * @param realm of its key as {@link #realm(String)} writes it, to find it by
 * @param content what decides about it, and what is sealed
 * @param intentId the id of the open intent in the clear, to find it by
 * @param intent the open intent, sealed
 */
record JdbcRow(
    String kind,
    String realm,
    Columns content,
    byte @Nullable [] intentId,
    byte @Nullable [] intent) {

  static final String COLUMNS =
      "kind, realm, generation, version, state, since, label, body, intent_id, intent";
  private static final int LONGEST_REALM = 64;

  static JdbcRow read(ResultSet row) throws SQLException {
    return new JdbcRow(
        row.getString("kind"),
        row.getString("realm"),
        Columns.read(row, row.getBytes("body")),
        row.getBytes("intent_id"),
        row.getBytes("intent"));
  }

  StoredRecord open(Sealer sealer, TokenStore.Key key) {
    if (!kind.equals(key.kind().name()) || !realm.equals(realm(key.realm()))) {
      // It opens, but no list would find it.
      throw changed("kind or realm");
    }
    SealedContent sealed = content.sealed();
    return new StoredRecord(
        sealed.version(), sealer.open(key, sealed), openIntent(sealer, key, sealed.version()));
  }

  private @Nullable Intent openIntent(Sealer sealer, TokenStore.Key key, Version version) {
    if (intent == null && intentId == null) {
      return null;
    }
    Intent open = intent == null ? null : sealer.openIntent(key, version, intent);
    if (open == null || !Arrays.equals(bytes(open.id()), intentId)) {
      throw changed("intent");
    }
    return open;
  }

  private static TokenStoreException changed(String what) {
    return new TokenStoreException(
        Reason.TAMPERED, "the " + what + " of a record was changed", null);
  }

  /** The id of an intent as the column has it: no collation takes one for another. */
  static byte[] bytes(String intentId) {
    return intentId.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * A realm as the column has it, to find records by. What not every database can keep is replaced;
   * whose record it is tells the label.
   */
  static String realm(String realm) {
    String printable = realm.replaceAll("[^!-~]", "?");
    return printable.substring(0, Math.min(printable.length(), LONGEST_REALM));
  }

  @Override
  public String toString() {
    return "JdbcRow[" + content.state() + "]";
  }

  /** The columns of a content. */
  record Columns(
      String generation, long version, String state, long since, byte[] label, byte[] body) {

    static Columns read(ResultSet row, byte[] body) throws SQLException {
      return new Columns(
          row.getString("generation"),
          row.getLong("version"),
          row.getString("state"),
          row.getLong("since"),
          row.getBytes("label"),
          body);
    }

    SealedContent sealed() {
      return new SealedContent(
          new Version(generation, version),
          stateNamed(state),
          Instant.ofEpochMilli(since),
          label,
          body);
    }

    private static State stateNamed(String name) {
      for (State state : State.values()) {
        if (state.name().equals(name)) {
          return state;
        }
      }
      throw changed("state");
    }
  }

  /**
   * The content of a row, and which one it is.
   *
   * @param columns without the secrets if only the label was asked for
   */
  record Entry(byte[] id, Columns columns) {

    static final String LABEL_COLUMNS = "record_id, generation, version, state, since, label";
    static final String COLUMNS = LABEL_COLUMNS + ", body";

    static Entry readLabel(ResultSet row) throws SQLException {
      return new Entry(row.getBytes("record_id"), Columns.read(row, new byte[0]));
    }

    static Entry read(ResultSet row) throws SQLException {
      return new Entry(row.getBytes("record_id"), Columns.read(row, row.getBytes("body")));
    }

    SealedContent content() {
      return columns.sealed();
    }
  }
}
