package io.tradeauth.testing;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A server's memory of every token and code that it ever issued, and of every time one was spent.
 *
 * <p>Spent means: presented for an exchange. What a figure says about double spending comes from
 * here and never from the counters of the library under test. For any number of threads.
 */
public final class TokenLedger {

  private final Map<String, Entry> entries = new LinkedHashMap<>();

  /** What a secret is. */
  public enum Kind {
    ACCESS_TOKEN,
    /** May be presented once: the answer brings its successor. */
    REFRESH_TOKEN,
    /** May be presented as often as one likes. */
    LASTING_REFRESH_TOKEN,
    CODE,
    OTHER
  }

  /** Remembers a newly issued secret of {@code owner}. */
  public synchronized void issued(Kind kind, String secret, String owner, long wallMillis) {
    entries.put(secret, new Entry(kind, owner, wallMillis));
  }

  /**
   * Remembers that {@code secret} was presented for an exchange.
   *
   * @return how many times it has been now; 0 if it was never issued here
   */
  public synchronized int spent(String secret) {
    Entry entry = entries.get(secret);
    return entry == null ? 0 : ++entry.uses;
  }

  /** Returns whose secret this is, or null if it was never issued here. */
  public synchronized @Nullable String owner(String secret) {
    Entry entry = entries.get(secret);
    return entry == null ? null : entry.owner;
  }

  /** Returns when this secret was issued, by the server's wall clock, or null if it never was. */
  public synchronized @Nullable Instant issuedAt(String secret) {
    Entry entry = entries.get(secret);
    return entry == null ? null : Instant.ofEpochMilli(entry.issuedAtMillis);
  }

  /** Returns what this owner was issued last of this kind, or null if nothing ever was. */
  public synchronized @Nullable String newest(Kind kind, String owner) {
    String newest = null;
    for (Map.Entry<String, Entry> one : entries.entrySet()) {
      if (one.getValue().kind == kind && one.getValue().owner.equals(owner)) {
        newest = one.getKey();
      }
    }
    return newest;
  }

  /** Returns how often {@code secret} was presented for an exchange. */
  public synchronized int uses(String secret) {
    Entry entry = entries.get(secret);
    return entry == null ? 0 : entry.uses;
  }

  /** Returns how many secrets of {@code kind} were presented more than once. */
  public synchronized int spentTwice(Kind kind) {
    return (int) entries.values().stream().filter(e -> e.kind == kind && e.uses > 1).count();
  }

  /** Returns how many secrets of {@code kind} and of these owners were presented more than once. */
  public synchronized int spentTwice(Kind kind, Collection<String> owners) {
    return (int)
        entries.values().stream()
            .filter(e -> e.kind == kind && e.uses > 1 && owners.contains(e.owner))
            .count();
  }

  /** Returns how many secrets of {@code kind} were issued. */
  public synchronized int issued(Kind kind) {
    return (int) entries.values().stream().filter(e -> e.kind == kind).count();
  }

  /** Returns every secret ever issued: what a scan for leaks looks for. */
  public synchronized List<String> secrets() {
    return new ArrayList<>(entries.keySet());
  }

  private static final class Entry {

    final Kind kind;
    final String owner;
    final long issuedAtMillis;
    int uses;

    Entry(Kind kind, String owner, long issuedAtMillis) {
      this.kind = kind;
      this.owner = owner;
      this.issuedAtMillis = issuedAtMillis;
    }
  }
}
