package io.tradeauth.store;

import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import io.tradeauth.store.Fields.MalformedException;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Seals all rows anew after the key was changed, page by page, while others read and write. For any
 * number of threads and processes; each row is written by who comes first.
 */
final class JdbcKeyChange {

  private static final int PAGE = 200;

  private static final String NEXT =
      " FROM tradeauth_record WHERE record_id > ? ORDER BY record_id LIMIT " + PAGE;
  private static final String LABELS = "SELECT " + JdbcRow.Entry.LABEL_COLUMNS + NEXT;
  private static final String RECORDS = "SELECT " + JdbcRow.Entry.COLUMNS + NEXT;

  /** Leaves a record alone that somebody has written since it was read. */
  private static final String RESEAL =
      "UPDATE tradeauth_record SET label = ?, body = ?"
          + " WHERE record_id = ? AND generation = ? AND version = ?";

  private static final String SEALED_KEY = "SELECT sealed_key FROM tradeauth_meta WHERE id = 1";
  private static final String RESEAL_META =
      "UPDATE tradeauth_meta SET sealed_key = ? WHERE id = 1 AND sealed_key = ?";

  private final JdbcDatabase database;
  private final Sealer sealer;

  JdbcKeyChange(JdbcDatabase database, Sealer sealer) {
    this.database = database;
    this.sealer = sealer;
  }

  /** Returns how many records were sealed anew; throws after all others if one could not be. */
  int resealAll() {
    resealMeta();
    Progress progress = new Progress();
    database.eachPage(
        (session, id) -> session.all(JdbcRow.Entry::read, RECORDS, id),
        JdbcRow.Entry::id,
        page -> page.forEach(row -> reseal(row, progress)));
    return progress.result();
  }

  private void reseal(JdbcRow.Entry row, Progress progress) {
    SealedContent resealed;
    try {
      SealedContent sealed = row.content();
      if (!sealer.isSealedWithOtherKey(sealed)) {
        return;
      }
      resealed = sealer.reseal(row.id(), sealed);
    } catch (TokenStoreException e) {
      progress.failure = e;
      return;
    }
    progress.done += write(row, resealed);
  }

  private int write(JdbcRow.Entry row, SealedContent resealed) {
    return database.write(
        session ->
            session.update(
                RESEAL,
                resealed.label(),
                resealed.secrets(),
                row.id(),
                resealed.version().generation(),
                resealed.version().number()));
  }

  /** How far it has come. */
  private static final class Progress {

    int done;
    @Nullable TokenStoreException failure;

    int result() {
      if (failure != null) {
        throw failure;
      }
      return done;
    }
  }

  private void resealMeta() {
    byte[] sealed = sealedKey();
    if (!keyId(sealed).equals(sealer.primaryKeyId())) {
      database.write(session -> session.update(RESEAL_META, sealer.meta(), sealed));
    }
  }

  private byte[] sealedKey() {
    byte[] sealed = database.read(session -> session.first(row -> row.getBytes(1), SEALED_KEY));
    if (sealed == null) {
      throw database.failure(Reason.READ_FAILED, "its sealed key is gone", null);
    }
    return sealed;
  }

  private String keyId(byte[] envelope) {
    try {
      return Envelope.of(envelope).keyId();
    } catch (MalformedException e) {
      throw database.failure(Reason.TAMPERED, "the id of a key was changed", e);
    }
  }

  /** Counts the rows that need each key, the sealed key of the store among them. */
  Map<String, Integer> countByKey() {
    Map<String, Integer> counts = new TreeMap<>();
    counts.put(keyId(sealedKey()), 1);
    database.eachPage(
        (session, id) -> session.all(JdbcRow.Entry::readLabel, LABELS, id),
        JdbcRow.Entry::id,
        page -> page.forEach(row -> counts.merge(keyId(row.columns().label()), 1, Integer::sum)));
    return counts;
  }
}
