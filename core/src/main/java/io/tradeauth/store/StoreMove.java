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
 * for it in the new one, the old one is locked by an intent that names the place, a copy that
 * nobody can use is written there and read back, the record in the old one is emptied and names the
 * copy, and that copy becomes the login, each step on the condition that what it builds on is still
 * there. A sign-in or sign-out in the old store meanwhile is moved, too, if it is of a login that
 * was there when the move began; one in the new store counts, and nothing is written over it. A
 * sign-out of who is not in that store yet does nothing there; one of a login that is just between
 * the two forgets whose it was.
 *
 * <p>A move that breaks off is gone on with by another. Until then the login that was caught in the
 * middle can be used until the access token in hand has ended, and is not renewed: whoever asks for
 * it then waits, or is told that nobody is signed in, as is a process that has not seen it before.
 * Programs that still use the old store find the users signed out once their access tokens have
 * ended; what stays there of each is an empty record. {@code awaitSignIn} over the new store is not
 * told. Several moves between the same two stores may run at once; do not move one store to two
 * others at the same time. Each move is for one thread.
 *
 * <p>Only logins are moved. Sign in with a refresh token of the settings, in either store, when the
 * move is over: what a sign-in that died has left beside its login stays where it is, as do the
 * pauses of refused clients. Users of a login that several share are served from the old store or
 * from the new one, not from both, until a move has nothing left to do.
 */
public final class StoreMove {

  private static final String OWNER = "mover";
  private static final TokenStore.Content NOTHING =
      new TokenStore.Content(TokenStore.State.EMPTY, Instant.EPOCH, new byte[0], new byte[0]);

  private final TokenStore from;
  private final TokenStore to;
  private final List<TokenStore.Key> busy = new ArrayList<>();
  private final List<TokenStore.Key> taken = new ArrayList<>();
  private final List<TokenStore.Key> damaged = new ArrayList<>();
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
   * @param damaged what can't be read in one of the stores: move again, and users who are named
   *     once more must sign in again
   */
  public record Result(
      int moved,
      List<TokenStore.Key> busy,
      List<TokenStore.Key> taken,
      List<TokenStore.Key> damaged) {

    /** Copies the lists. */
    public Result {
      busy = List.copyOf(busy);
      taken = List.copyOf(taken);
      damaged = List.copyOf(damaged);
    }

    /** Counts; keys name users. */
    @Override
    public String toString() {
      return "Result[moved="
          + moved
          + ", busy="
          + busy.size()
          + ", taken="
          + taken.size()
          + ", damaged="
          + damaged.size()
          + "]";
    }
  }

  /**
   * Moves all logins of some realms; see {@code BrokerProfile.realm()}. What is damaged so that not
   * even its label can be read is left out, and is in the store's log.
   *
   * @throws TokenStoreException if a store fails; what was moved is moved, and another call goes on
   */
  public static Result move(TokenStore from, TokenStore to, Collection<String> realms) {
    StoreMove move = new StoreMove(from, to);
    for (String realm : realms) {
      for (TokenStore.Kind kind : List.of(TokenStore.Kind.LINK, TokenStore.Kind.LOGIN)) {
        from.list(kind, realm).forEach(label -> move.moveUnlessDamaged(label.key()));
      }
    }
    return new Result(move.moved, move.busy, move.taken, move.damaged);
  }

  private void moveUnlessDamaged(TokenStore.Key key) {
    try {
      move(key);
    } catch (TokenStoreException e) {
      rethrowUnlessDamaged(e);
      damaged.add(key);
      unlock(key);
    }
  }

  private static void rethrowUnlessDamaged(TokenStoreException failure) {
    if (failure.reason() != TokenStoreException.Reason.TAMPERED) {
      throw failure;
    }
  }

  /** What is locked for a place that can't be read would not be renewed ever again. */
  private void unlock(TokenStore.Key key) {
    try {
      TokenStore.StoredRecord old = from.load(key);
      if (old != null && old.intent() != null && old.intent().isMove()) {
        unlock(key, old);
      }
    } catch (TokenStoreException e) {
      rethrowUnlessDamaged(e); // there is nothing that could be used
    }
  }

  /** Gives it another number: whoever has locked it, too, and stands still can't empty it then. */
  private void unlock(TokenStore.Key key, TokenStore.StoredRecord old) {
    from.commit(key, old.version(), old.content());
  }

  private void move(TokenStore.Key key) {
    TokenStore.StoredRecord old = from.load(key);
    while (old != null && !isEmpty(old)) {
      TokenStore.Intent open = old.intent();
      if (open != null && !open.isMove()) {
        busy.add(key);
        return;
      }
      TokenStore.Version place = open != null ? placeOf(open) : makePlace(key);
      if (place != null && (open != null || isLocked(key, old, place))) {
        carry(key, old, place);
      }
      TokenStore.StoredRecord now = from.load(key);
      if (place == null && old.equals(now)) {
        taken.add(key);
        return;
      }
      old = now;
    }
    if (old != null && isPutToUse(key, old.content())) {
      moved++;
    }
  }

  /**
   * Returns the empty record in the new store that the login is to be written to; null if there is
   * another one.
   */
  private TokenStore.@Nullable Version makePlace(TokenStore.Key key) {
    TokenStore.StoredRecord there = to.load(key);
    if (there == null) {
      TokenStore.Intent intent = new TokenStore.Intent(newId(), OWNER, "place");
      to.begin(key, null, intent, null);
      to.clear(key, intent.id()); // or a sign-in there would wait for it
      there = to.load(key); // its own, or what came first
    }
    return there != null && isEmpty(there) ? there.version() : null;
  }

  /** Locks the old record, unless something has come between. */
  private boolean isLocked(
      TokenStore.Key key, TokenStore.StoredRecord old, TokenStore.Version place) {
    String id = newId() + " " + place.number() + " " + place.generation();
    TokenStore.Intent lock = new TokenStore.Intent(id, OWNER, TokenStore.Intent.MOVE);
    TokenStore.BeginResult begun = from.begin(key, old.version(), lock, null);
    return begun.outcome() == TokenStore.BeginOutcome.BEGUN;
  }

  private static String newId() {
    return UUID.randomUUID().toString();
  }

  private static TokenStore.Version placeOf(TokenStore.Intent lock) {
    String[] parts = lock.id().split(" ", 3);
    return new TokenStore.Version(parts[2], Long.parseLong(parts[1]));
  }

  /** Copies the login and empties the old record, unless something comes between. */
  private void carry(TokenStore.Key key, TokenStore.StoredRecord old, TokenStore.Version place) {
    if (!isCopied(key, place, Copy.of(old))) {
      unlock(key, old);
      return;
    }
    TokenStore.Content emptied = Emptied.into(place.next());
    if (from.commit(key, old.version(), emptied) == null && !emptied.equals(contentOf(key))) {
      to.commit(key, place.next(), NOTHING); // a copy of what is there no more
    }
  }

  private TokenStore.@Nullable Content contentOf(TokenStore.Key key) {
    TokenStore.StoredRecord now = from.load(key);
    return now == null ? null : now.content();
  }

  /** Writes the copy, unless a move has done so before; false if something else is there. */
  private boolean isCopied(TokenStore.Key key, TokenStore.Version place, TokenStore.Content copy) {
    TokenStore.Version written = to.commit(key, place, copy);
    TokenStore.StoredRecord there = to.load(key);
    boolean isNext = there != null && there.version().equals(place.next());
    if (there != null && isNext && there.content().equals(copy)) {
      return true;
    }
    if (written != null && (there == null || isNext || there.version().equals(place))) {
      throw lost("nothing was removed");
    }
    return false;
  }

  private static TokenStoreException lost(String consequence) {
    return new TokenStoreException(
        TokenStoreException.Reason.WRITE_FAILED,
        "the new store does not give back what was written to it; " + consequence,
        null);
  }

  /** Lets the copy that an empty record names be the login; false if it is already, or is none. */
  private boolean isPutToUse(TokenStore.Key key, TokenStore.Content emptied) {
    TokenStore.Version place = Emptied.place(emptied);
    TokenStore.StoredRecord there = place == null ? null : to.load(key);
    if (there == null || !there.version().equals(place)) {
      return false;
    }
    TokenStore.Content login = Copy.login(there.content());
    TokenStore.Version written = to.commit(key, there.version(), login);
    if (written == null) {
      return false;
    }
    TokenStore.StoredRecord now = to.load(key); // null if it was forgotten in this moment
    if (now != null
        && (now.version().equals(place)
            || (now.version().equals(written) && !now.content().equals(login)))) {
      throw lost("its copy may still be there: move again");
    }
    return true;
  }

  private static boolean isEmpty(TokenStore.StoredRecord stored) {
    return stored.content().state() == TokenStore.State.EMPTY;
  }

  /** What is left in the old store of a login that was copied: where the copy is. */
  private static final class Emptied {

    private static final String MOVED = "moved";

    static TokenStore.Content into(TokenStore.Version place) {
      byte[] where =
          new Fields.Writer().word(MOVED).text(place.generation()).number(place.number()).toBytes();
      return new TokenStore.Content(TokenStore.State.EMPTY, Instant.EPOCH, new byte[0], where);
    }

    /** Returns where the copy is; null if this is an empty record of another kind. */
    static TokenStore.@Nullable Version place(TokenStore.Content emptied) {
      try {
        Fields.Reader where = new Fields.Reader(emptied.secrets());
        return where.isAtEnd() || !where.word().equals(MOVED)
            ? null
            : new TokenStore.Version(where.text(), where.number());
      } catch (Fields.MalformedException e) {
        return null;
      }
    }
  }

  /** A login in a form that nobody takes for one. */
  private static final class Copy {

    private static final String COPY = "copy";

    static TokenStore.Content of(TokenStore.StoredRecord login) {
      TokenStore.Content content = login.content();
      byte[] bytes =
          new Fields.Writer()
              .word(COPY)
              .word(content.state().name())
              .bytes(content.secrets())
              .toBytes();
      return new TokenStore.Content(
          TokenStore.State.EMPTY, content.since(), content.label(), bytes);
    }

    static TokenStore.Content login(TokenStore.Content copy) {
      try {
        Fields.Reader fields = new Fields.Reader(copy.secrets());
        fields.word();
        return new TokenStore.Content(
            fields.constant(TokenStore.State.class), copy.since(), copy.label(), fields.bytes());
      } catch (Fields.MalformedException e) {
        throw new IllegalStateException(e); // it was read back when it was written
      }
    }
  }
}
