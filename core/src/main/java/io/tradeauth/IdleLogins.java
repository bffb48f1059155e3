package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps logins alive whose refresh token dies if it is not used: also those of users who have not
 * asked since the start of this process, or whose tokens are not in memory any more. Every few
 * minutes the labels in the store tell which have waited for half of their time, and these are
 * renewed in the background.
 *
 * <p>Called by one thread at a time.
 */
final class IdleLogins {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth.exchange");

  /** A tenth of the idle time lies between two looks. */
  private static final int LOOKS = 10;

  private final Realm realm;
  private @Nullable Long nextNanos;

  IdleLogins(Realm realm) {
    this.realm = realm;
  }

  /** Looks, if it is time to. */
  void look() {
    for (ManagedTokenProvider provider : realm.providers()) {
      Duration limit = provider.broker().profile().refreshIdleLimit();
      if (limit != null) {
        look(provider, limit);
        return; // the others have the same logins
      }
    }
  }

  private void look(ManagedTokenProvider provider, Duration limit) {
    long now = realm.time().monotonicNanos();
    if (nextNanos != null && now - nextNanos < 0) {
      return;
    }
    nextNanos = now + limit.dividedBy(LOOKS).toNanos();
    try {
      for (TokenStore.StoredLabel login : realm.store().list(TokenStore.Kind.LOGIN, realm.name())) {
        if (login.state() == TokenStore.State.ACTIVE) {
          renewIfDue(provider, login, limit.dividedBy(2));
        }
      }
    } catch (TokenStoreException e) {
      // Tried again at the next look; there are four more before the first login dies.
      LOG.warn("{}: the store does not tell which logins are idle", realm.name());
    }
  }

  private void renewIfDue(
      ManagedTokenProvider provider, TokenStore.StoredLabel login, Duration longest) {
    String userId = LoginCodec.user(login.label());
    Instant renewedAt = LoginCodec.renewedAt(login.label());
    if (userId == null || renewedAt == null) {
      return;
    }
    Instant due = realm.clock().toLocal(renewedAt).plus(longest);
    if (!due.isAfter(realm.time().now())) {
      realm.background(provider, userId, login.key().subject(), Demand.notOlderThan(longest));
    }
  }
}
