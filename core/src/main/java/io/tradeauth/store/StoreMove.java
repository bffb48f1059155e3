package io.tradeauth.store;

import io.tradeauth.TokenStore;
import io.tradeauth.TokenStoreException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
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
 * nobody can use is written there and read back, the record in the old one is emptied, and the copy
 * becomes the login, each step on the condition that what it builds on is still there. A sign-in or
 * sign-out in the old store meanwhile is moved, too; one in the new store counts, and nothing is
 * written over it.
 *
 * <p>A move that breaks off is gone on with by another. Until then the login that was caught in the
 * middle can be used until the access token in hand has ended, and is not renewed: whoever asks
 * waits, until the next move or a sign-in. Programs that still use the old store find the users
 * signed out once their access tokens have ended; what stays there of each is an empty record.
 * {@code awaitSignIn} over the new store is not told. Several moves may run at once. Each is for
 * one thread.
 */
public final class StoreMove {

  private static final String OWNER = "mover";
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
    while (old != null && !isEmpty(old)) {
      TokenStore.Intent open = old.intent();
      if (open != null && !open.isMove()) {
        busy.add(key);
        return;
      }
      TokenStore.Version place = open != null ? placeOf(open) : makePlace(key);
      TokenStore.Intent lock = open != null || place == null ? open : lock(key, old, place);
      if (place != null && lock != null) {
        carry(key, old, place, lock);
      }
      TokenStore.StoredRecord now = from.load(key);
      if (place == null && old.equals(now)) {
        taken.add(key);
        return;
      }
      old = now;
    }
    if (old != null && isPutToUse(key, old.version())) {
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
      there = to.load(key); // its own, or what came first
    }
    return there != null && isEmpty(there) ? there.version() : null;
  }

  /** Returns how the old record was locked; null if something has come between. */
  private TokenStore.@Nullable Intent lock(
      TokenStore.Key key, TokenStore.StoredRecord old, TokenStore.Version place) {
    String id = newId() + " " + place.number() + " " + place.generation();
    TokenStore.Intent lock = new TokenStore.Intent(id, OWNER, TokenStore.Intent.MOVE);
    TokenStore.BeginResult begun = from.begin(key, old.version(), lock, null);
    return begun.outcome() == TokenStore.BeginOutcome.BEGUN ? lock : null;
  }

  private static String newId() {
    return UUID.randomUUID().toString();
  }

  private static TokenStore.Version placeOf(TokenStore.Intent lock) {
    String[] parts = lock.id().split(" ", 3);
    return new TokenStore.Version(parts[2], Long.parseLong(parts[1]));
  }

  /** Copies the login and empties the old record, unless something comes between. */
  private void carry(
      TokenStore.Key key,
      TokenStore.StoredRecord old,
      TokenStore.Version place,
      TokenStore.Intent lock) {
    switch (copy(key, place, Copy.of(old))) {
      case COPY:
        if (from.commit(key, old.version(), NOTHING) == null && !isEmptied(key, old.version())) {
          to.commit(key, place.next(), NOTHING); // a copy of what is there no more
        }
        return;
      case SIGN_IN:
        if (from.commit(key, old.version(), NOTHING) != null) {
          moved++;
        }
        return;
      case NOTHING:
        from.clear(key, lock.id());
        return;
    }
  }

  private boolean isEmptied(TokenStore.Key key, TokenStore.Version version) {
    TokenStore.StoredRecord now = from.load(key);
    return now != null && isEmpty(now) && now.version().equals(version.next());
  }

  /** What is where the copy was to be written. */
  private enum There {
    COPY,
    /** Somebody has signed in or out there: that counts. */
    SIGN_IN,
    /** The place is gone. */
    NOTHING
  }

  /** Writes the copy, unless a move has done so before. */
  private There copy(TokenStore.Key key, TokenStore.Version place, TokenStore.Content copy) {
    TokenStore.Version written = to.commit(key, place, copy);
    TokenStore.StoredRecord there = to.load(key);
    boolean isNext = there != null && there.version().equals(place.next());
    if (there != null && isNext && there.content().equals(copy)) {
      return There.COPY;
    }
    if (written != null && (there == null || isNext)) {
      throw lost("nothing was removed");
    }
    return there != null
            && !isEmpty(there)
            && !there.version().generation().equals(place.generation())
        ? There.SIGN_IN
        : There.NOTHING;
  }

  private static TokenStoreException lost(String consequence) {
    return new TokenStoreException(
        TokenStoreException.Reason.WRITE_FAILED,
        "the new store does not give back what was written to it; " + consequence,
        null);
  }

  /** Lets the copy of what was emptied be the login; false if it is already, or is none. */
  private boolean isPutToUse(TokenStore.Key key, TokenStore.Version emptied) {
    TokenStore.StoredRecord there = to.load(key);
    TokenStore.Content login = there == null ? null : Copy.read(there.content(), emptied);
    if (there == null || login == null || to.commit(key, there.version(), login) == null) {
      return false;
    }
    if (there.equals(to.load(key))) {
      throw lost("a copy is there: move again");
    }
    return true;
  }

  private static boolean isEmpty(TokenStore.StoredRecord stored) {
    return stored.content().state() == TokenStore.State.EMPTY;
  }

  /** A login in a form that nobody takes for one, and that tells which record it is of. */
  private static final class Copy {

    static TokenStore.Content of(TokenStore.StoredRecord login) {
      TokenStore.Content content = login.content();
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (DataOutputStream out = new DataOutputStream(bytes)) {
        out.writeUTF(content.state().name());
        out.writeUTF(login.version().generation());
        out.writeLong(login.version().number());
        out.write(content.secrets());
      } catch (IOException e) {
        throw new UncheckedIOException(e); // in memory
      }
      return new TokenStore.Content(
          TokenStore.State.EMPTY, content.since(), content.label(), bytes.toByteArray());
    }

    /** Returns the login that was copied before it was emptied; null if this is no copy of it. */
    static TokenStore.@Nullable Content read(
        TokenStore.Content content, TokenStore.Version emptied) {
      if (content.state() != TokenStore.State.EMPTY || content.secrets().length == 0) {
        return null;
      }
      try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(content.secrets()))) {
        TokenStore.State state = TokenStore.State.valueOf(in.readUTF());
        TokenStore.Version copied = new TokenStore.Version(in.readUTF(), in.readLong());
        return copied.next().equals(emptied)
            ? new TokenStore.Content(state, content.since(), content.label(), in.readAllBytes())
            : null;
      } catch (IOException e) {
        throw new UncheckedIOException(e); // in memory
      }
    }
  }
}
