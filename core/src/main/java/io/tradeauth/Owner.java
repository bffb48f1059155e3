package io.tradeauth;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Whose login it is, and what is known of that person's accounts. The person is remembered longer
 * than the tokens: through a sign-out, and through sign-ins where the broker did not tell.
 * Immutable.
 *
 * @param person stands for the broker's own name of the person; null if nobody ever told
 * @param isProven whether the broker has told it of the tokens that are there now
 * @param accounts the accounts that each environment has told of, by its name
 * @param createdAt when something of it was first told; null if nothing was
 * @param updatedAt when it last changed
 * @param validatedAt when the broker last confirmed the token; null if never
 */
record Owner(
    @Nullable String person,
    boolean isProven,
    Map<String, List<UserProfile.Account>> accounts,
    @Nullable Instant createdAt,
    @Nullable Instant updatedAt,
    @Nullable Instant validatedAt) {

  static final Owner UNKNOWN = new Owner(null, false, Map.of(), null, null, null);

  Owner {
    accounts = Map.copyOf(accounts);
  }

  private static @Nullable String person(@Nullable UserProfile profile) {
    String subject = profile == null ? null : profile.subject();
    return subject == null ? null : Fingerprint.of(subject, "owner");
  }

  /** Returns whether a broker tells of another person than this one. */
  boolean isAnotherThan(@Nullable UserProfile told) {
    String other = person(told);
    return person != null && other != null && !person.equals(other);
  }

  /** Returns whether a person is remembered and nobody has said that the tokens are theirs. */
  boolean isInQuestion() {
    return person != null && !isProven;
  }

  /** Returns what is remembered when the tokens are gone, or others have come. */
  Owner withoutTokens() {
    return new Owner(person, false, Map.of(), null, null, null);
  }

  /** Returns it after new tokens, of which nothing is known yet, have taken the old ones' place. */
  Owner ofOtherTokens() {
    return new Owner(person, false, accounts, createdAt, updatedAt, validatedAt);
  }

  /**
   * Returns it after an environment has told of the tokens' owner.
   *
   * @param provider the name of the environment
   */
  Owner told(String provider, @Nullable UserProfile profile, Instant now) {
    if (profile == null) {
      return this;
    }
    String told = person(profile);
    Map<String, List<UserProfile.Account>> all = new HashMap<>(accounts);
    if (!profile.accounts().isEmpty()) {
      all.put(provider, profile.accounts());
    }
    return new Owner(
        told != null ? told : person,
        told != null || isProven,
        all,
        createdAt != null ? createdAt : now,
        now,
        validatedAt);
  }

  Owner validated(Instant at) {
    return new Owner(person, isProven, accounts, createdAt, updatedAt, at);
  }

  /** Prints nothing of the person. */
  @Override
  public String toString() {
    return "Owner[isProven=" + isProven + "]";
  }
}
