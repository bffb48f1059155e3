package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStore.Change;
import io.tradeauth.TokenStore.Changes;
import io.tradeauth.TokenStoreException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which records were superseded or forgotten, in what order.
 *
 * <p>A counter numbers the changes. A superseded record carries the number of its last change, so
 * there is nothing to tidy up; of a forgotten one a sealed notice stays, until {@value #MOST} more
 * changes or twice as many have been made.
 *
 * <p>The counter is the first row that a transaction changes, and it stays locked until the
 * transaction has ended. So the numbers are in the order in which transactions become visible:
 * whoever sees number 7 sees all up to 7, and a reader that remembers the last number it saw misses
 * none. For the same reason a transaction whose connection broke while it was committed has come to
 * its end, one way or the other, before the next one gets the counter.
 *
 * <p>For any number of threads and processes.
 */
final class JdbcChanges {

  /** The most that are told; whoever is further behind is told that everything has changed. */
  static final int MOST = 4096;

  /** More than {@link #MOST}, so that a notice is there for whoever may still read it. */
  private static final long KEPT_NOTICES = 2L * MOST;

  /** The number that the transaction has got, as a value in its statements. */
  static final String NUMBER = "(SELECT change_seq FROM tradeauth_meta WHERE id = 1)";

  private static final String COUNT =
      "UPDATE tradeauth_meta SET change_seq = change_seq + 1 WHERE id = 1";
  private static final String NOTE =
      "INSERT INTO tradeauth_forgotten (change_seq, notice) VALUES (" + NUMBER + ", ?)";
  private static final String DROP_OLD_NOTICES =
      "DELETE FROM tradeauth_forgotten WHERE change_seq < " + NUMBER + " - ?";
  private static final String LAST = "SELECT change_seq FROM tradeauth_meta WHERE id = 1";
  private static final String SUPERSEDED =
      "SELECT change_seq, "
          + JdbcRow.Entry.LABEL_COLUMNS
          + " FROM tradeauth_record WHERE change_seq > ? AND change_seq <= ?";
  private static final String FORGOTTEN =
      "SELECT change_seq, notice FROM tradeauth_forgotten WHERE change_seq > ? AND change_seq <= ?";

  private static final Logger LOG = LoggerFactory.getLogger(JdbcChanges.class);
  private static final byte[] NO_PLACE = {};

  private final JdbcDatabase database;
  private final Sealer sealer;

  JdbcChanges(JdbcDatabase database, Sealer sealer) {
    this.database = database;
    this.sealer = sealer;
  }

  // Writing -------------------------------------------------------------------------------------

  /** Gets the next number, and with it the right to change a record; first in its transaction. */
  static void count(JdbcSession session) throws SQLException {
    session.update(COUNT);
  }

  byte[] notice(TokenStore.Key key) {
    return sealer.sealChange(NO_PLACE, new Change(key, null));
  }

  /** Notes under the number of this transaction that a record was forgotten. */
  static void note(JdbcSession session, byte[] notice) throws SQLException {
    session.update(NOTE, notice);
    session.update(DROP_OLD_NOTICES, KEPT_NOTICES);
  }

  // Reading -------------------------------------------------------------------------------------

  Changes since(@Nullable String cursor) {
    if (cursor == null) {
      return new Changes(Long.toString(database.read(JdbcChanges::last)), List.of(), false);
    }
    News news = database.read(session -> since(session, number(cursor)));
    return told(news);
  }

  private static long number(String cursor) {
    try {
      return Long.parseLong(cursor);
    } catch (NumberFormatException e) {
      // Of another store: nothing is known of what it has seen.
      return Long.MIN_VALUE;
    }
  }

  private static long last(JdbcSession session) throws SQLException {
    Long last = session.first(row -> row.getLong("change_seq"), LAST);
    if (last == null) {
      throw new SQLException("the row with the counter is gone");
    }
    return last;
  }

  private static News since(JdbcSession session, long seen) throws SQLException {
    long last = last(session);
    if (seen == last) {
      return new News(last, List.of());
    }
    if (isTooFar(seen, last)) {
      return new News(last, null);
    }
    List<Numbered> changes = new ArrayList<>();
    changes.addAll(session.all(Numbered::superseded, SUPERSEDED, seen, last));
    changes.addAll(session.all(Numbered::forgotten, FORGOTTEN, seen, last));
    // Asked again: no notice that was to be read has been dropped in between.
    return new News(last, isTooFar(seen, last(session)) ? null : changes);
  }

  /** Whether not all of the changes can be told; also if a backup was put back. */
  private static boolean isTooFar(long seen, long last) {
    return seen > last || seen < last - MOST;
  }

  private Changes told(News news) {
    String cursor = Long.toString(news.last());
    if (news.changes() == null) {
      return new Changes(cursor, List.of(), true);
    }
    try {
      List<Change> changes = new ArrayList<>();
      news.changes().stream()
          .sorted(Comparator.comparingLong(Numbered::number))
          .forEach(change -> changes.add(change.open(sealer)));
      return new Changes(cursor, changes, false);
    } catch (TokenStoreException e) {
      LOG.warn("what has changed can't be told one by one: {}", e.getMessage());
      return new Changes(cursor, List.of(), true);
    }
  }

  /** What was read: all changes up to a number, or null if they can't be told. */
  private record News(long last, @Nullable List<Numbered> changes) {}

  /** A change, sealed, and its number. */
  private record Numbered(long number, Opener change) {

    static Numbered superseded(ResultSet row) throws SQLException {
      JdbcRow.Entry label = JdbcRow.Entry.readLabel(row);
      return new Numbered(row.getLong("change_seq"), sealer -> superseded(sealer, label));
    }

    private static Change superseded(Sealer sealer, JdbcRow.Entry label) {
      TokenStore.Key key = sealer.openLabel(label.id(), label.content()).key();
      return new Change(key, label.content().version().generation());
    }

    static Numbered forgotten(ResultSet row) throws SQLException {
      byte[] notice = row.getBytes("notice");
      return new Numbered(row.getLong("change_seq"), sealer -> sealer.openChange(NO_PLACE, notice));
    }

    Change open(Sealer sealer) {
      return change.open(sealer);
    }
  }

  /** Opens what was read. */
  @FunctionalInterface
  private interface Opener {

    Change open(Sealer sealer);
  }
}
