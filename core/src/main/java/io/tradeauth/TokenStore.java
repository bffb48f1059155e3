package io.tradeauth;

import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the records of logins live, and the protocol that lets many processes share them.
 *
 * <p>An exchange {@link #begin begins} with a durable intent before anything is sent, and ends with
 * a {@link #commit} that counts only if the record is still the one the exchange started from,
 * whoever holds the intent by then: a successor of the stored tokens is always right. A sign-in and
 * a sign-out {@link #supersede} whatever is there. No clock of a store takes part.
 *
 * <p>Each method is atomic for its key and durable when it returns. Implementations serve any
 * number of threads and, if shared, processes; they are called from the manager's own threads and
 * may block. They throw {@link TokenStoreException} if they fail, and nothing is half-written then.
 * What a store keeps is opaque to it: label and secrets are bytes that it seals apart and gives
 * back as they were.
 */
public interface TokenStore {

  /** Returns a store that lives and dies with this process. */
  static TokenStore inMemory() {
    return new InMemoryTokenStore();
  }

  /** Returns the record, or null if there is none. */
  @Nullable StoredRecord load(Key key);

  /**
   * Writes down that an exchange is about to be sent. Creates the record if there is none.
   *
   * @param seen the version that the exchange starts from; null if no record was seen
   * @param intent what is about to be done
   * @param displaced the id of an open intent that this one may take the place of; null for none
   * @return {@code begun}, or why not: another intent is open, or the record is not the one that
   *     was seen
   */
  BeginResult begin(Key key, @Nullable Version seen, Intent intent, @Nullable String displaced);

  /**
   * Writes what an exchange brought, if the record still has the version it started from. Ends the
   * open intent, whoever's it is, and counts the version up by one.
   *
   * @return the new version, or null if the record has moved on: {@code next} was not written
   */
  @Nullable Version commit(Key key, Version parent, Content next);

  /** Takes back an intent after which nothing was spent. Does nothing if another one is open. */
  void clear(Key key, String intentId);

  /**
   * Writes a sign-in or a sign-out over whatever is there, under a new generation, and ends the
   * open intent. Other processes learn of it by {@link #changesSince}.
   *
   * @return the new version
   */
  Version supersede(Key key, Content next);

  /** Returns the labels of all records of a kind and realm. */
  List<StoredLabel> list(Kind kind, String realm);

  /**
   * Removes the records in state {@link State#SIGNED_OUT} that were superseded before the instant.
   */
  int purge(Instant signedOutBefore);

  /** Removes a record without a trace. */
  void forget(Key key);

  /**
   * Tells which records were superseded or forgotten since an earlier call. The cost does not grow
   * with the number of records.
   *
   * @param cursor what the earlier call returned; null to only get a cursor
   */
  Changes changesSince(@Nullable String cursor);

  /** What a record is about. */
  enum Kind {
    /** The tokens of a login. */
    LOGIN,
    /** Which login a user id belongs to, where users share one. */
    LINK,
    /** A sign-in that is being exchanged. */
    SIGN_IN,
    /** What the server has refused a client of late, and until when nothing is sent for it. */
    BUDGET
  }

  /** What state a record is in. */
  enum State {
    /** There are no tokens yet, or none that may be used: what bytes there are, are kept as any. */
    EMPTY,
    /** There are tokens, or what renews them. */
    ACTIVE,
    /** Only a new sign-in helps. */
    SIGN_IN_REQUIRED,
    /** The user has signed out; no secrets are left. */
    SIGNED_OUT
  }

  /**
   * Names a record.
   *
   * @param kind what it is about
   * @param realm where the tokens are issued
   * @param subject whose they are; any text
   */
  record Key(Kind kind, String realm, String subject) {}

  /**
   * Which content a record has.
   *
   * @param generation a random id, new at each sign-in and sign-out
   * @param number counts the commits of a generation
   */
  record Version(String generation, long number) {

    /** Returns the version after one more commit. */
    public Version next() {
      return new Version(generation, number + 1);
    }
  }

  /**
   * What is about to be done with the tokens of a record.
   *
   * @param id a random id
   * @param owner a random id of the manager that does it
   * @param purpose what kind of exchange, such as {@code Refresh}, or {@link #MOVE}
   */
  record Intent(String id, String owner, String purpose) {

    /** The record goes to another store. However long that takes, nobody comes in between. */
    public static final String MOVE = "move";

    /** Returns whether the record goes to another store. */
    public boolean isMove() {
      return purpose.equals(MOVE);
    }
  }

  /**
   * What a record says, without its place in the protocol.
   *
   * @param state what state the login is in
   * @param since since when, by the clock of who wrote it; whole milliseconds
   * @param label what {@link #list} tells; no secrets
   * @param secrets everything else
   */
  record Content(State state, Instant since, byte[] label, byte[] secrets) {

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Content
          && state == ((Content) other).state
          && since.equals(((Content) other).since)
          && Arrays.equals(label, ((Content) other).label)
          && Arrays.equals(secrets, ((Content) other).secrets);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(label);
    }

    @Override
    public String toString() {
      return "Content[" + state + "]";
    }
  }

  /**
   * A record.
   *
   * @param version which content it is
   * @param content what it says
   * @param intent the exchange that is open, if any
   */
  record StoredRecord(Version version, Content content, @Nullable Intent intent) {}

  /**
   * The part of a record that is not secret.
   *
   * @param key its key
   * @param state its state
   * @param label its label
   */
  record StoredLabel(Key key, State state, byte[] label) {

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof StoredLabel
          && key.equals(((StoredLabel) other).key)
          && state == ((StoredLabel) other).state
          && Arrays.equals(label, ((StoredLabel) other).label);
    }

    @Override
    public int hashCode() {
      return key.hashCode();
    }

    @Override
    public String toString() {
      return "StoredLabel[" + state + "]";
    }
  }

  /**
   * What became of a {@link #begin}.
   *
   * @param outcome which of the three
   * @param version the version that the exchange starts from; the stored one if it could not begin
   * @param open the intent that is open now; null if the record moved and has none
   */
  record BeginResult(BeginOutcome outcome, @Nullable Version version, @Nullable Intent open) {}

  /** The outcomes of {@link #begin}. */
  enum BeginOutcome {
    /** The intent is written. */
    BEGUN,
    /** Another intent is open. */
    BUSY,
    /** The record is not the one that was seen. */
    MOVED
  }

  /**
   * What {@link #changesSince} tells.
   *
   * @param cursor for the next call
   * @param changes what was superseded or forgotten, oldest first
   * @param everything true if the store can't tell which: treat all as changed
   */
  record Changes(String cursor, List<Change> changes, boolean everything) {

    /** Copies the list. */
    public Changes {
      changes = List.copyOf(changes);
    }
  }

  /**
   * One record that was superseded or forgotten.
   *
   * @param key which record
   * @param generation what {@link #supersede} made; null if it was forgotten
   */
  record Change(Key key, @Nullable String generation) {}
}
