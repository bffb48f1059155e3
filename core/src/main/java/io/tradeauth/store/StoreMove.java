package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStoreException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;

/**
 * Moves logins from one store to another, such as from files to a database.
 *
 * <p>Each login is in one of the stores alone whenever a token could be exchanged: it is locked in
 * the old one by an intent, written to the new one, read back, and only then removed. A move that
 * breaks off is gone on with by another; until then whoever asks the old store for a login that was
 * caught in the middle waits, as for any exchange of another process. Programs that still use the
 * old store find those users signed out. Nobody may sign a user in or out in either store while
 * that user is moved: what is done in that moment can be lost. For one thread.
 */
public final class StoreMove {

  private static final String PURPOSE = "move";

  private final TokenStore from;
  private final TokenStore to;
  private final List<TokenStore.Key> busy = new ArrayList<>();
  private final List<TokenStore.Key> taken = new ArrayList<>();
  private int moved;

  private StoreMove(TokenStore from, TokenStore to) {
    this.from = from;
    this.to = to;
  }

  /**
   * What came of a move.
   *
   * @param moved how many records were moved
   * @param busy what has an exchange under way or in doubt, and stays where it is: move again later
   * @param taken what the new store has already with other tokens, and so stays in the old one
   */
  public record Result(int moved, List<TokenStore.Key> busy, List<TokenStore.Key> taken) {

    /** Copies the lists. */
    public Result {
      busy = List.copyOf(busy);
      taken = List.copyOf(taken);
    }

    /** Counts; keys name users. */
    @Override
    public String toString() {
      return "Result[moved=" + moved + ", busy=" + busy.size() + ", taken=" + taken.size() + "]";
    }
  }

  /**
   * Moves all logins of some realms; see {@code BrokerProfile.realm()}.
   *
   * @throws TokenStoreException if a store fails; what was moved is moved, and another call goes on
   */
  public static Result move(TokenStore from, TokenStore to, Collection<String> realms) {
    StoreMove move = new StoreMove(from, to);
    for (String realm : realms) {
      for (TokenStore.Kind kind : List.of(TokenStore.Kind.LINK, TokenStore.Kind.LOGIN)) {
        from.list(kind, realm).forEach(label -> move.move(label.key()));
      }
    }
    return new Result(move.moved, move.busy, move.taken);
  }

  private void move(TokenStore.Key key) {
    TokenStore.StoredRecord stored = from.load(key);
    if (stored == null || (isEmpty(stored) && stored.intent() == null)) {
      return;
    }
    TokenStore.Intent open = stored.intent();
    String displaced = open != null && open.purpose().equals(PURPOSE) ? open.id() : null;
    TokenStore.Intent mine = new TokenStore.Intent(UUID.randomUUID().toString(), "mover", PURPOSE);
    if (from.begin(key, stored.version(), mine, displaced).outcome()
        != TokenStore.BeginOutcome.BEGUN) {
      busy.add(key);
    } else if (isTaken(key, stored.content())) {
      from.clear(key, mine.id());
      taken.add(key);
    } else {
      write(key, stored.content());
      from.forget(key);
      moved++;
    }
  }

  private boolean isTaken(TokenStore.Key key, TokenStore.Content content) {
    TokenStore.StoredRecord there = to.load(key);
    return there != null
        && (there.intent() != null || (!isEmpty(there) && !there.content().equals(content)));
  }

  private void write(TokenStore.Key key, TokenStore.Content content) {
    to.supersede(key, content);
    TokenStore.StoredRecord back = to.load(key);
    if (back == null || !back.content().equals(content)) {
      throw new TokenStoreException(
          TokenStoreException.Reason.WRITE_FAILED,
          "the new store does not give back what was written to it; nothing was removed",
          null);
    }
  }

  private static boolean isEmpty(TokenStore.StoredRecord stored) {
    return stored.content().state() == TokenStore.State.EMPTY;
  }
}
