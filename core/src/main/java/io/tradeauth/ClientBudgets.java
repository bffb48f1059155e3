package io.tradeauth;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The budgets of all clients of a realm, and what the store keeps of them: the refusals of the last
 * five minutes and the pauses. So a restart forgets no pause, and processes that share a store
 * share what a server has refused.
 *
 * <p>A request with a secret that this process has not seen accepted is announced in the record
 * before it is sent, so that processes that start with the same wrong secret at the same moment
 * keep to the limit together; if theirs leave no room, it waits for them. The record is written
 * again when it is known what came of it, and when something else is refused: in the steps of an
 * exchange, and so on threads of the manager. A store that fails makes no request fail: then each
 * process counts for itself.
 *
 * <p>For any number of threads.
 */
final class ClientBudgets {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth.exchange");
  private static final int MOST_TRIES = 5;
  private static final Duration LOOK_AGAIN = Duration.ofMillis(200);

  private final String realm;
  private final Realm.Engine engine;
  private final ConcurrentMap<String, ClientBudget> budgets = new ConcurrentHashMap<>();
  private final AtomicLong ids = new AtomicLong();

  ClientBudgets(String realm, Realm.Engine engine) {
    this.realm = realm;
    this.engine = engine;
  }

  /** Returns a turn for a request of a client; null for a request that names none. */
  Turn turn(@Nullable ClientCredentials client) {
    String id = client == null ? "" : client.id();
    String secret = fingerprint(client);
    ClientBudget budget = budgets.compute(id, (key, known) -> used(known, secret));
    return new Turn(id, budget, budget.turn(secret));
  }

  /** In one step with its being found, or it might be swept away under whoever waits there. */
  private ClientBudget used(@Nullable ClientBudget known, String secret) {
    ClientBudget budget = known == null ? new ClientBudget(engine.time()) : known;
    budget.use(secret);
    return budget;
  }

  private static String fingerprint(@Nullable ClientCredentials client) {
    return client == null ? "" : client.fingerprint();
  }

  /** One request of a client. On threads of the manager only. */
  final class Turn {

    private final String clientId;
    private final ClientBudget budget;
    private final ClientBudget.Turn turn;
    private boolean announced;

    private Turn(String clientId, ClientBudget budget, ClientBudget.Turn turn) {
      this.clientId = clientId;
      this.budget = budget;
      this.turn = turn;
    }

    /** Asks whether the request may be sent; see {@link ClientBudget.Turn#admit}. */
    ClientBudget.Admission admit(Runnable continuation) {
      ClientBudget.Admission admission = turn.admit(continuation);
      if (admission != ClientBudget.Admission.GO || turn.isProven()) {
        return admission;
      }
      ClientBudget.Admission now = ClientBudget.Admission.PAUSED;
      try {
        boolean room = announce();
        if (turn.pause() == null) {
          now = room ? ClientBudget.Admission.GO : ClientBudget.Admission.WAIT;
        }
      } finally {
        if (now != ClientBudget.Admission.GO) {
          nothingLearned();
        }
      }
      if (now == ClientBudget.Admission.WAIT) {
        engine.time().after(LOOK_AGAIN, continuation);
      }
      return now;
    }

    /** Returns whether others leave room for this request, and lets them know of it. */
    private boolean announce() {
      String id = nextId();
      try {
        for (int tries = 0; tries < MOST_TRIES; tries++) {
          TokenStore.StoredRecord stored = engine.store().load(key(clientId));
          adopt(stored, budget);
          if (turn.pause() != null || !turn.announce(id)) {
            return false;
          }
          announced = true;
          if (isWritten(stored, clientId, budget)) {
            return true;
          }
        }
        return false;
      } catch (RuntimeException e) {
        // Whatever a store throws: what is known here decides.
        LOG.debug(
            "{}: the budget of a client can't be announced: {}", realm, e.getClass().getName());
        return true;
      }
    }

    @Nullable Duration pause() {
      return turn.pause();
    }

    void accepted() {
      turn.accepted();
      write(false);
    }

    void refused() {
      turn.refused(nextId());
      write(true);
    }

    void throttled(Duration wait) {
      write(turn.throttled(wait));
    }

    void nothingLearned() {
      turn.nothingLearned();
      write(false);
    }

    /** Writes what others must know, or at least that this request is over. */
    private void write(boolean news) {
      if (news || announced) {
        announced = false;
        ClientBudgets.this.write(clientId, budget);
      }
    }
  }

  // The store

  private TokenStore.Key key(String clientId) {
    return new TokenStore.Key(TokenStore.Kind.BUDGET, realm, clientId);
  }

  private String nextId() {
    return engine.owner() + "-" + ids.incrementAndGet();
  }

  private void adopt(TokenStore.@Nullable StoredRecord stored, ClientBudget budget) {
    if (stored != null && stored.content().state() != TokenStore.State.EMPTY) {
      budget.adopt(remembered(stored.content()));
    }
  }

  private void write(String clientId, ClientBudget budget) {
    try {
      boolean written = false;
      for (int tries = 0; tries < MOST_TRIES && !written; tries++) {
        TokenStore.StoredRecord stored = engine.store().load(key(clientId));
        adopt(stored, budget);
        written = isWritten(stored, clientId, budget);
      }
    } catch (RuntimeException e) {
      // Whatever a store throws: what is known here decides.
      LOG.debug("{}: the budget of a client can't be written: {}", realm, e.getClass().getName());
    }
  }

  /** Writes over what was read; false if somebody was faster. */
  private boolean isWritten(
      TokenStore.@Nullable StoredRecord stored, String clientId, ClientBudget budget) {
    TokenStore.Key key = key(clientId);
    TokenStore.Intent open = stored == null ? null : stored.intent();
    TokenStore.Intent mine = new TokenStore.Intent(engine.newId(), engine.owner(), "budget");
    TokenStore.BeginResult begun =
        engine
            .store()
            .begin(
                key,
                stored == null ? null : stored.version(),
                mine,
                open == null ? null : open.id());
    TokenStore.Version parent = begun.version();
    return begun.outcome() == TokenStore.BeginOutcome.BEGUN
        && parent != null
        && engine.store().commit(key, parent, content(clientId, budget.remembered())) != null;
  }

  private TokenStore.Content content(String clientId, ClientBudget.Remembered remembered) {
    List<Map<String, Object>> refused = new ArrayList<>();
    remembered
        .refusals()
        .forEach(
            (id, refusal) ->
                refused.add(
                    Map.of(
                        "id", id, "of", refusal.fingerprint(), "at", refusal.at().toEpochMilli())));
    List<Map<String, Object>> pauses = new ArrayList<>();
    remembered
        .pauses()
        .forEach(
            (secret, until) -> pauses.add(Map.of("of", secret, "until", until.toEpochMilli())));
    Map<String, Object> members = new LinkedHashMap<>();
    List<Map<String, Object>> underWay = new ArrayList<>();
    remembered
        .underWay()
        .forEach((id, since) -> underWay.add(Map.of("id", id, "since", since.toEpochMilli())));
    members.put("refused", refused);
    members.put("under_way", underWay);
    members.put("pauses", pauses);
    members.put("throttled_until", remembered.throttledUntil().toEpochMilli());
    return new TokenStore.Content(
        TokenStore.State.ACTIVE,
        Instant.ofEpochMilli(engine.time().wallMillis()),
        bytes(Map.of("client", clientId)),
        bytes(members));
  }

  private static byte[] bytes(Map<String, Object> members) {
    return Json.write(members).getBytes(StandardCharsets.UTF_8);
  }

  private ClientBudget.Remembered remembered(TokenStore.Content content) {
    Map<String, ClientBudget.Remembered.Refused> refused = new HashMap<>();
    Map<String, Instant> underWay = new HashMap<>();
    Map<String, Instant> pauses = new HashMap<>();
    Json members = Json.read(content.secrets());
    if (members == null) {
      return new ClientBudget.Remembered(refused, underWay, pauses, Instant.EPOCH);
    }
    for (Json one : members.objects("refused")) {
      String id = one.text("id");
      String secret = one.text("of");
      if (id != null && secret != null) {
        refused.put(id, new ClientBudget.Remembered.Refused(secret, instant(one, "at")));
      }
    }
    for (Json one : members.objects("under_way")) {
      String id = one.text("id");
      // What is this manager's own is known better here than in the record.
      if (id != null && !id.startsWith(engine.owner())) {
        underWay.put(id, instant(one, "since"));
      }
    }
    for (Json one : members.objects("pauses")) {
      String secret = one.text("of");
      if (secret != null) {
        pauses.put(secret, instant(one, "until"));
      }
    }
    return new ClientBudget.Remembered(
        refused, underWay, pauses, instant(members, "throttled_until"));
  }

  private static Instant instant(Json members, String name) {
    Long millis = members.integer(name);
    return millis == null ? Instant.EPOCH : Instant.ofEpochMilli(millis);
  }

  /** Forgets a client that only one user had. */
  void forget(String clientId) {
    budgets.remove(clientId);
    engine.store().forget(key(clientId));
  }

  /** Forgets what is too old to matter. */
  void sweep() {
    budgets
        .keySet()
        .forEach(id -> budgets.computeIfPresent(id, (key, old) -> old.sweep() ? null : old));
  }
}
