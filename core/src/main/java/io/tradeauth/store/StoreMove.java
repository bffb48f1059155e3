package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStoreException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Moves logins from one store to another, such as from files to a database.
 *
 * <p>Each login is in one of the stores alone whenever a token could be exchanged. A place is made
 * for it in the new one, the old one is locked by an intent that names the place, the login is
 * written there and read back, and the record in the old one is emptied, each step on the condition
 * that nothing has come between. A sign-in or sign-out in the old store meanwhile is moved, too;
 * one in the new store counts, and nothing is written over it.
 *
 * <p>A move that breaks off is gone on with by another. Until then whoever asks the old store for
 * the login that was caught in the middle waits, as for any exchange of another process, and after
 * the hold tries it: go on before programs use the new store. Programs that still use the old store
 * find the users signed out once the access tokens in their hands have ended; what stays there of
 * each is an empty record. {@code awaitSignIn} over the new store is not told. Several moves may
 * run at once. Each is for one thread.
 */
public final class StoreMove {

  private static final String PURPOSE = "move";
  private static final TokenStore.Content NOTHING =
      new TokenStore.Content(TokenStore.State.EMPTY, Instant.EPOCH, new byte[0], new byte[0]);

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
   * @param taken what the new store has already, from a sign-in there, and so stays in the old one
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
    TokenStore.StoredRecord old = from.load(key);
    while (old != null && (!isEmpty(old) || old.intent() != null)) {
      TokenStore.Intent open = old.intent();
      if (open != null && !open.purpose().equals(PURPOSE)) {
        busy.add(key);
        return;
      }
      TokenStore.Version place = open != null ? placeOf(open) : makePlace(key);
      if (place != null && isLocked(key, old, place) && carry(key, old, place)) {
        moved++;
        return;
      }
      TokenStore.StoredRecord now = from.load(key);
      if (place == null && old.equals(now)) {
        taken.add(key);
        return;
      }
      old = now;
    }
  }

  /**
   * Returns the empty record in the new store that the login is to be written to; null if there is
   * another one.
   */
  private TokenStore.@Nullable Version makePlace(TokenStore.Key key) {
    TokenStore.StoredRecord there = to.load(key);
    if (there == null) {
      String id = UUID.randomUUID().toString();
      to.begin(key, null, new TokenStore.Intent(id, "mover", PURPOSE), null);
      there = to.load(key); // its own, or what came first
    }
    return there != null && isEmpty(there) ? there.version() : null;
  }

  /** Locks the old record, if it is not locked for this place already. */
  private boolean isLocked(
      TokenStore.Key key, TokenStore.StoredRecord old, TokenStore.Version place) {
    TokenStore.Intent mine = new TokenStore.Intent(lockOf(place), "mover", PURPOSE);
    return old.intent() != null
        || from.begin(key, old.version(), mine, null).outcome() == TokenStore.BeginOutcome.BEGUN;
  }

  private static String lockOf(TokenStore.Version place) {
    return place.number() + " " + place.generation();
  }

  private static TokenStore.Version placeOf(TokenStore.Intent lock) {
    String[] place = lock.id().split(" ", 2);
    return new TokenStore.Version(place[1], Long.parseLong(place[0]));
  }

  /** Returns false if something has come between, and nothing is left of it in the new store. */
  private boolean carry(TokenStore.Key key, TokenStore.StoredRecord old, TokenStore.Version place) {
    if (!write(key, place, old.content())) {
      from.clear(key, lockOf(place));
      return false;
    }
    if (from.commit(key, old.version(), NOTHING) == null) {
      takeBack(key, old.version(), place);
      return false;
    }
    return true;
  }

  /**
   * Writes the login, unless a move has done so before or somebody has signed in or out there.
   *
   * @return false if neither is so: the place is gone
   */
  private boolean write(TokenStore.Key key, TokenStore.Version place, TokenStore.Content content) {
    TokenStore.Version written = to.commit(key, place, content);
    TokenStore.StoredRecord there = to.load(key);
    boolean isCopy = there != null && there.version().equals(place.next());
    if (there == null ? written != null : isCopy && !there.content().equals(content)) {
      throw new TokenStoreException(
          TokenStoreException.Reason.WRITE_FAILED,
          "the new store does not give back what was written to it; nothing was removed",
          null);
    }
    return there != null && !isEmpty(there);
  }

  /** Empties the place again if the old store has something newer, and not another move's work. */
  private void takeBack(TokenStore.Key key, TokenStore.Version moved, TokenStore.Version place) {
    TokenStore.StoredRecord newer = from.load(key);
    if (newer != null && newer.version().equals(moved.next()) && isEmpty(newer)) {
      return;
    }
    TokenStore.StoredRecord there = to.load(key);
    while (there != null
        && there.version().generation().equals(place.generation())
        && to.commit(key, there.version(), NOTHING) == null) {
      there = to.load(key); // it was renewed in this moment
    }
  }

  private static boolean isEmpty(TokenStore.StoredRecord stored) {
    return stored.content().state() == TokenStore.State.EMPTY;
  }
}
