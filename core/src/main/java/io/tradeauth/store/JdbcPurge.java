package io.tradeauth.store;

import io.tradeauth.TokenStoreException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Deletes what was signed out long ago, page by page, while others read and write.
 *
 * <p>The columns that such rows are found by prove nothing: whoever changes one would have a living
 * record destroyed. So a row is deleted only if its label, to which they are bound, opens; and only
 * if it is still the version that was opened. Each runs once, for one thread; any number at once.
 */
final class JdbcPurge {

  private static final int PAGE = 500;

  private static final String SIGNED_OUT =
      "SELECT "
          + JdbcRow.Entry.LABEL_COLUMNS
          + " FROM tradeauth_record WHERE state = 'SIGNED_OUT' AND since < ? AND record_id > ?"
          + " ORDER BY record_id LIMIT "
          + PAGE;
  private static final String DELETE =
      "DELETE FROM tradeauth_record WHERE record_id = ? AND generation = ? AND version = ?";

  private final JdbcDatabase database;
  private final Sealer sealer;
  private final long before;
  private int deleted;
  private @Nullable TokenStoreException failure;

  JdbcPurge(JdbcDatabase database, Sealer sealer, Instant signedOutBefore) {
    this.database = database;
    this.sealer = sealer;
    this.before = signedOutBefore.toEpochMilli();
  }

  /** Returns how many records were deleted; throws after all others if one does not open. */
  int run() {
    database.eachPage(
        (session, id) -> session.all(JdbcRow.Entry::readLabel, SIGNED_OUT, before, id),
        JdbcRow.Entry::id,
        page -> delete(proven(page)));
    if (failure != null) {
      throw failure;
    }
    return deleted;
  }

  private List<JdbcRow.Entry> proven(List<JdbcRow.Entry> page) {
    List<JdbcRow.Entry> proven = new ArrayList<>();
    for (JdbcRow.Entry row : page) {
      try {
        sealer.openLabel(row.id(), row.content());
        proven.add(row);
      } catch (TokenStoreException e) {
        failure = e;
      }
    }
    return proven;
  }

  /** Each page is one transaction: a commit for each row would force the disk for each. */
  private void delete(List<JdbcRow.Entry> rows) {
    deleted +=
        database.writeTogether(
            session -> {
              int count = 0;
              for (JdbcRow.Entry row : rows) {
                JdbcRow.Columns read = row.columns();
                count += session.update(DELETE, row.id(), read.generation(), read.version());
              }
              return count;
            });
  }
}
