package io.tradeauth;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One intent and at most three attempts, none started later than ten seconds after the intent was
 * written.
 *
 * <p>Every answer is one of four: not sent, answered no, answered yes, in doubt; and that decides
 * what is done. It runs in steps, one at a time, each on a thread of the manager; between steps it
 * holds no thread. What the tokens are for, and what a refusal means, is told by the two
 * subclasses.
 */
abstract class Exchange {

  private static final Logger LOG = LoggerFactory.getLogger("io.tradeauth.exchange");
  private static final int MOST_ATTEMPTS = 3;

  /** A forgiving server is not put to the test in its last two seconds. */
  private static final Duration LEEWAY_MARGIN = Duration.ofSeconds(2);

  /** How long a client rests that was told to, but not for how long. */
  private static final Duration UNTOLD_PATIENCE = Duration.ofSeconds(5);

  /** The server's clock must have told something new for a refused login to be signed again. */
  private static final Duration DRIFT = Duration.ofSeconds(2);

  /** An observation of somebody else's intent counts only if no read is further from the next. */
  static final Duration LONGEST_LOOK_AWAY = Duration.ofSeconds(10);

  private static final Duration FIRST_LOOK_AGAIN = Duration.ofMillis(50);
  private static final Duration LONGEST_LOOK_AGAIN = Duration.ofSeconds(2);

  final Realm realm;
  final ManagedTokenProvider provider;
  final String userId;
  final String subject;
  final long startedNanos;

  private final TokenStore.Key key;
  private final Broker broker;
  private @Nullable Observation observation;
  private int looks;
  private @Nullable Attempts attempts;

  Exchange(
      Realm realm,
      ManagedTokenProvider provider,
      String userId,
      String subject,
      TokenStore.Key key) {
    this.realm = realm;
    this.provider = provider;
    this.userId = userId;
    this.subject = subject;
    this.key = key;
    this.broker = provider.broker();
    this.startedNanos = realm.time().monotonicNanos();
  }

  /**
   * Somebody else's open intent as this process has seen it itself, by its own monotonic clock.
   *
   * @param intentId which intent
   * @param sinceNanos since when every read has found it
   * @param lastNanos when it was last read
   */
  private record Observation(String intentId, long sinceNanos, long lastNanos) {}

  /** What one exchange has done so far. */
  private static final class Attempts {

    Grant grant;
    final @Nullable TokenSet tokens;
    final @Nullable ClientCredentials client;
    final ClientBudgets.Turn budget;
    final TokenStore.Version parent;
    final TokenStore.Intent intent;
    final @Nullable String displaced;
    final boolean probe;
    final long begunNanos;
    int count;
    long firstSentNanos;
    boolean resigned;
    boolean lost;
    @Nullable BrokerRequest sent;

    /** Whether the server may have taken what was sent, and nothing of that is written down yet. */
    boolean unsettled;

    Attempts(
        Grant grant,
        @Nullable TokenSet tokens,
        @Nullable ClientCredentials client,
        ClientBudgets.Turn budget,
        TokenStore.Version parent,
        TokenStore.Intent intent,
        @Nullable String displaced,
        boolean probe,
        long begunNanos) {
      this.grant = grant;
      this.tokens = tokens;
      this.client = client;
      this.budget = budget;
      this.parent = parent;
      this.intent = intent;
      this.displaced = displaced;
      this.probe = probe;
      this.begunNanos = begunNanos;
    }
  }

  // What the subclasses tell

  /**
   * Tokens came: saves them, or sees to it that they will be. Nothing foreign may be called before.
   */
  abstract void granted(TokenStore.Version parent, TokenResponse response, Instant receivedAt);

  /** The server refused the user's grant for good. */
  abstract void refused(TokenStore.Version parent, Grant grant, boolean inDoubt, String code);

  /**
   * Nobody knows, and the session may depend on it. {@code wait} is how long the server asked for.
   */
  abstract void inDoubt(
      TokenStore.Intent intent, @Nullable Duration wait, @Nullable Exception cause);

  /**
   * It did not work this time; nothing was spent. {@code wait} is how long the server asked for.
   */
  abstract void failed(
      BrokerUnavailableException.Reason reason,
      String message,
      @Nullable Duration wait,
      @Nullable Exception cause);

  /** It can't work until somebody does something. */
  abstract void gaveUp(TokenException failure);

  /** Another process was first. */
  abstract void moved();

  /** Returns whether, now that no other can begin, there is nothing left to do. */
  boolean isDoneByOthers() {
    return false;
  }

  /** Returns what to fall back on after a refusal, or null. */
  @Nullable Grant fallback(Grant refused) {
    return broker.renewalAfterRefusal(refused);
  }

  /** Returns whether a new login would end a session whose token is still good. */
  boolean isLoginTooEarly() {
    return false;
  }

  /** A login would be the next thing to do, and must wait for the end of the token in hand. */
  void loginPostponed() {}

  /** Returns whether the same temporary refusal has come for so long that it is none. */
  boolean isPatienceAtItsEnd(Duration patience) {
    return false;
  }

  /** Returns whether the server has once changed a refresh token. */
  abstract boolean hasRotated();

  /** How the server rotates: one that was said never to do it is not believed once it has. */
  final RotationProfile rotation() {
    return rotation(hasRotated());
  }

  final RotationProfile rotation(boolean hasRotated) {
    RotationProfile told = provider.rotation();
    return told.kind() == RotationProfile.Kind.NONE && hasRotated ? RotationProfile.STRICT : told;
  }

  /** Returns what the store tells others of this exchange while it is open. */
  String purpose(Grant exchanged, String intentId) {
    return exchanged.getClass().getSimpleName();
  }

  // Somebody else's intent

  /** Returns whether this process itself has seen the intent open for the whole hold. */
  final boolean isAbandoned(String intentId) {
    long now = realm.time().monotonicNanos();
    Observation before = observation;
    boolean goesOn =
        before != null
            && before.intentId().equals(intentId)
            && now - before.lastNanos() <= LONGEST_LOOK_AWAY.toNanos();
    long since = goesOn && before != null ? before.sinceNanos() : now;
    observation = new Observation(intentId, since, now);
    return now - since >= realm.hold().toNanos();
  }

  /**
   * Looks again soon: the exchange that is open elsewhere may have ended by then.
   *
   * @param look hands over to a thread of the manager
   */
  final void lookAgain(String intentId, Runnable look) {
    realm.refuseWhenClosed();
    looks++;
    LOG.debug("{}: waits for intent {}", name(), intentId);
    realm.time().after(Backoff.doubled(FIRST_LOOK_AGAIN, looks, LONGEST_LOOK_AGAIN), look);
  }

  // The steps

  /** Runs a step so that whatever happens in it ends the exchange. */
  final void guarded(Runnable step) {
    try {
      step.run();
    } catch (TokenException e) {
      ended(e);
    } catch (Exception e) {
      // A bug in a broker module, a store or here, perhaps in a language without checked
      // exceptions: no caller may be left waiting.
      brokeOff(e);
    } catch (Error e) {
      brokeOff(e);
      throw e;
    }
  }

  private void brokeOff(Throwable cause) {
    ended(internal(cause));
    LOG.error("{}: an exchange broke off: {}", name(), cause.getClass().getName());
  }

  private void ended(TokenException failure) {
    Attempts now = attempts;
    try {
      if (now != null && mayHaveSpent(now)) {
        inDoubt(now.intent, null, failure);
      } else {
        gaveUp(failure);
      }
    } finally {
      if (now != null) {
        now.budget.nothingLearned();
      }
    }
  }

  /** What was sent has had its answer, and that is written down or not worth it. */
  final void settled() {
    attempts().unsettled = false;
  }

  private BrokerUnavailableException internal(Throwable cause) {
    return new BrokerUnavailableException(
        BrokerUnavailableException.Reason.UNUSABLE_ANSWER,
        name() + ": internal failure (" + cause.getClass().getSimpleName() + ")",
        realm.time().now(),
        new IllegalStateException(cause.getClass().getName()));
  }

  final String name() {
    return provider.name();
  }

  /**
   * Writes the intent and sends the first attempt.
   *
   * @param seen the version of the record; null if there is none
   * @param displaced the open intent that this one takes the place of
   * @param probe whether an earlier answer was lost: then only one attempt is made
   */
  final void begin(
      Grant grant,
      @Nullable TokenSet tokens,
      @Nullable ClientCredentials client,
      TokenStore.@Nullable Version seen,
      @Nullable String displaced,
      boolean probe) {
    realm.refuseWhenClosed();
    ClientBudgets.Turn budget = realm.budgets().turn(client);
    whenAdmitted(
        budget, () -> beginAdmitted(grant, tokens, client, budget, seen, displaced, probe));
  }

  /** Asks with the same turn until it may go: whoever waits behind it is woken by what it says. */
  private void whenAdmitted(ClientBudgets.Turn budget, Runnable begin) {
    Runnable again = () -> realm.run(subject, () -> guarded(() -> whenAdmitted(budget, begin)));
    switch (budget.admit(again)) {
      case WAIT:
        return;
      case PAUSED:
        Duration pause = budget.pause();
        failed(
            BrokerUnavailableException.Reason.CLIENT_PAUSED,
            "the client was refused or asked for patience",
            pause == null ? Duration.ZERO : pause,
            null);
        return;
      case GO:
        begin.run();
        return;
    }
  }

  private void beginAdmitted(
      Grant grant,
      @Nullable TokenSet tokens,
      @Nullable ClientCredentials client,
      ClientBudgets.Turn budget,
      TokenStore.@Nullable Version seen,
      @Nullable String displaced,
      boolean probe) {
    boolean begun = false;
    try {
      realm.refuseWhenClosed(); // it may have waited
      String id = realm.engine().newId();
      TokenStore.Intent intent =
          new TokenStore.Intent(id, realm.engine().owner(), purpose(grant, id));
      // Others may see the intent from here on, however long the store takes to say so.
      long begunNanos = realm.time().monotonicNanos();
      TokenStore.BeginResult result = realm.store().begin(key, seen, intent, displaced);
      TokenStore.Version parent = result.version();
      begun = result.outcome() == TokenStore.BeginOutcome.BEGUN && parent != null;
      if (begun && parent != null) {
        attempts =
            new Attempts(
                grant, tokens, client, budget, parent, intent, displaced, probe, begunNanos);
      }
    } finally {
      if (!begun) {
        budget.nothingLearned();
      }
    }
    if (!begun) {
      moved();
    } else if (isToBeSent()) {
      attempt();
    } else {
      takeBack();
      budget.nothingLearned();
      moved();
    }
  }

  private boolean isToBeSent() {
    try {
      return !isDoneByOthers();
    } catch (RuntimeException e) {
      takeBack();
      throw e;
    }
  }

  private Attempts attempts() {
    Attempts current = attempts;
    if (current == null) {
      throw new IllegalStateException("no exchange was begun");
    }
    return current;
  }

  private void attempt() {
    Attempts now = attempts();
    if (isTooLate(now)) {
      // The process stood still: others may have taken the intent for abandoned.
      tooLate(now);
      return;
    }
    now.count++;
    Duration aheadBefore = realm.clock().ahead();
    BrokerCall<ExchangeAnswer> call;
    BrokerRequest request;
    try {
      call = callFor(now.grant);
      request = call.request(new Context(provider, userId, now.client, now.tokens));
    } catch (RuntimeException e) {
      takeBack();
      throw e;
    }
    if (now.count == 1) {
      now.firstSentNanos = realm.time().monotonicNanos();
    }
    TokenEndpoint.Result result;
    now.unsettled = true;
    now.sent = request;
    try {
      result = provider.send(request, null);
    } catch (BrokerConfigurationException e) {
      now.unsettled = now.lost; // it was refused before anything was sent
      takeBack();
      throw e;
    }
    if (result instanceof TokenEndpoint.Result.Answered) {
      Answer answer = ((TokenEndpoint.Result.Answered) result).answer();
      boolean drifted = realm.clock().ahead().minus(aheadBefore).abs().compareTo(DRIFT) > 0;
      answered(answer, call.read(answer), drifted);
    } else if (result instanceof TokenEndpoint.Result.NotSent) {
      notSent((TokenEndpoint.Result.NotSent) result);
    } else {
      lost("no whole answer", null, ((TokenEndpoint.Result.Lost) result).cause());
    }
  }

  private BrokerCall<ExchangeAnswer> callFor(Grant grant) {
    try {
      return broker.exchange(grant);
    } catch (IllegalArgumentException e) {
      // The broker's own words for a grant that it does not take.
      throw BrokerConfigurationException.of(
          BrokerConfigurationException.Reason.UNSUPPORTED, name() + ": " + e.getMessage());
    }
  }

  private boolean isTooLate(Attempts now) {
    return realm.time().monotonicNanos() - now.begunNanos >= BrokerSettings.ATTEMPTS.toNanos();
  }

  private void answered(Answer answer, ExchangeAnswer meaning, boolean drifted) {
    Attempts now = attempts();
    if (meaning instanceof ExchangeAnswer.Granted) {
      TokenResponse response = ((ExchangeAnswer.Granted) meaning).response();
      Instant receivedAt = realm.clock().toServer(realm.time().now());
      long tookMillis = tookMillis();
      try {
        granted(now.parent, response, receivedAt);
      } finally {
        now.budget.accepted();
        log("granted", answer.status(), "", tookMillis);
      }
      tellFlaws(response, receivedAt);
    } else if (meaning instanceof ExchangeAnswer.Refused) {
      refused(answer, (ExchangeAnswer.Refused) meaning, drifted);
    } else if (meaning instanceof ExchangeAnswer.Later) {
      later(answer, (ExchangeAnswer.Later) meaning);
    } else {
      lost(((ExchangeAnswer.Unclear) meaning).code(), answer, null);
    }
  }

  private void refused(Answer answer, ExchangeAnswer.Refused refusal, boolean drifted) {
    Attempts now = attempts();
    now.unsettled = now.lost && refusal.party() == ExchangeAnswer.Party.CLIENT;
    log("refused", answer.status(), refusal.code(), tookMillis());
    if (now.grant instanceof Grant.SignedLogin
        && drifted
        && !now.resigned
        && now.count < MOST_ATTEMPTS) {
      now.resigned = true;
      attempt();
      return;
    }
    if (refusal.party() == ExchangeAnswer.Party.CLIENT) {
      takeBack();
      now.budget.refused();
      gaveUp(
          new BrokerConfigurationException(
              BrokerConfigurationException.Reason.CLIENT_REFUSED,
              name()
                  + ": the client "
                  + (now.client == null ? "" : now.client.id())
                  + " was refused: "
                  + clean(refusal.code() + " " + refusal.description(), now)));
      return;
    }
    Grant fallback = fallback(now.grant);
    if (fallback instanceof Grant.SignedLogin && isLoginTooEarly()) {
      now.budget.nothingLearned();
      postpone(BrokerUnavailableException.Reason.COOLING_DOWN, refusal.code(), null);
    } else if (fallback == null) {
      endRefused(refusal.code());
    } else if (now.count < MOST_ATTEMPTS) {
      // What the server thinks of the client is told by the answer to the fallback.
      now.grant = fallback;
      attempt();
    } else {
      now.budget.nothingLearned();
      takeBack();
      failed(
          BrokerUnavailableException.Reason.COOLING_DOWN,
          clean(refusal.code(), now) + "; what is left to try was not tried any more",
          null,
          null);
    }
  }

  /** The server has taken the client, and not what it was given; nothing else is left to try. */
  private void endRefused(String code) {
    Attempts now = attempts();
    now.budget.accepted();
    refused(now.parent, now.grant, now.probe || now.lost, code);
  }

  private void later(Answer answer, ExchangeAnswer.Later later) {
    Attempts now = attempts();
    String code = later.code();
    boolean isRefusal = later.patience() != null && isPatienceAtItsEnd(later.patience());
    now.unsettled = now.lost && !isRefusal;
    log("later", answer.status(), code, tookMillis());
    if (isRefusal) {
      endRefused(code);
      return;
    }
    restClient(now, answer);
    endWithout(BrokerUnavailableException.Reason.BUSY, clean(code, now), patience(answer), null);
  }

  /** Returns how long the server wants to be left alone, or null if it does not say. */
  private @Nullable Duration patience(Answer answer) {
    return RetryAfter.of(answer, realm.clock().toServer(realm.time().now()));
  }

  private void restClient(Attempts now, @Nullable Answer answer) {
    Duration wait = answer == null ? null : patience(answer);
    if (wait != null) {
      now.budget.throttled(wait);
    } else if (answer != null && answer.status() == 429) {
      now.budget.throttled(UNTOLD_PATIENCE);
    } else {
      now.budget.nothingLearned();
    }
  }

  private void notSent(TokenEndpoint.Result.NotSent result) {
    Attempts now = attempts();
    now.unsettled = now.lost;
    String cause = result.cause().getClass().getSimpleName();
    log(result.tls() ? "tls" : "not_sent", 0, cause, tookMillis());
    if (!result.tls() && now.count < MOST_ATTEMPTS && tryAgainSoon(now, null)) {
      return;
    }
    now.budget.nothingLearned();
    endWithout(
        result.tls()
            ? BrokerUnavailableException.Reason.TLS
            : BrokerUnavailableException.Reason.UNREACHABLE,
        cause,
        null,
        result.cause());
  }

  private void lost(String code, @Nullable Answer answer, @Nullable Exception cause) {
    Attempts now = attempts();
    Duration wait = answer == null ? null : patience(answer);
    log("in_doubt", answer == null ? 0 : answer.status(), code, tookMillis());
    now.lost = true;
    Grant login = preferredLogin(now);
    if (login instanceof Grant.SignedLogin && isLoginTooEarly()) {
      restClient(now, answer);
      postpone(BrokerUnavailableException.Reason.IN_DOUBT, code, cause);
      return;
    }
    if (login != null) {
      now.grant = login;
    }
    if (mayRepeat(now) && tryAgainSoon(now, wait)) {
      return;
    }
    restClient(now, answer);
    endWithout(BrokerUnavailableException.Reason.IN_DOUBT, clean(code, now), wait, cause);
  }

  /** Ends without an answer: in doubt if something may have been spent, else as if never begun. */
  private void endWithout(
      BrokerUnavailableException.Reason reason,
      String message,
      @Nullable Duration wait,
      @Nullable Exception cause) {
    Attempts now = attempts();
    if (now.probe || mayHaveSpent(now)) {
      inDoubt(now.intent, wait, cause);
    } else {
      takeBack();
      failed(reason, message, wait, cause);
    }
  }

  /**
   * Where the application can log in by itself, a refresh token that may be spent is not sent
   * again.
   */
  private @Nullable Grant preferredLogin(Attempts now) {
    return rotation().kind() == RotationProfile.Kind.RELOGIN ? fallback(now.grant) : null;
  }

  private void postpone(
      BrokerUnavailableException.Reason reason, String code, @Nullable Exception cause) {
    takeBack();
    loginPostponed();
    failed(
        reason,
        clean(code, attempts()) + "; a login would end the token in hand before its time",
        Renewal.APART,
        cause);
  }

  /** Returns whether the same grant may be sent again although it may have been taken. */
  private boolean mayRepeat(Attempts now) {
    if (now.probe || now.count >= MOST_ATTEMPTS || isSingleUse(now.grant)) {
      return false;
    }
    RotationProfile rotation = rotation();
    switch (rotation.kind()) {
      case NONE:
      case RELOGIN:
        return true;
      case LEEWAY:
        Duration forgiven = rotation.leeway().minus(LEEWAY_MARGIN);
        return realm.time().monotonicNanos() - now.firstSentNanos < forgiven.toNanos();
      default:
        return false;
    }
  }

  /** Returns whether a lost answer may have cost what was sent. */
  private boolean mayHaveSpent(Attempts now) {
    return now.unsettled && isFragile(now);
  }

  private boolean isFragile(Attempts now) {
    return isSingleUse(now.grant) || rotation().isFragile();
  }

  private static boolean isSingleUse(Grant grant) {
    return grant instanceof Grant.AuthorizationCode;
  }

  private boolean tryAgainSoon(Attempts now, @Nullable Duration wait) {
    Duration pause = Backoff.after(now.count, wait == null ? Duration.ofMillis(200) : wait);
    long atNanos = realm.time().monotonicNanos() + pause.toNanos();
    if (atNanos - now.begunNanos >= BrokerSettings.ATTEMPTS.toNanos()) {
      return false;
    }
    realm.runAfter(pause, subject, () -> guarded(this::repeat));
    return true;
  }

  /** What a server forgives may have passed with the pause. */
  private void repeat() {
    Attempts now = attempts();
    if (now.lost && !mayRepeat(now)) {
      tooLate(now);
    } else {
      attempt();
    }
  }

  private void tooLate(Attempts now) {
    now.budget.nothingLearned();
    endWithout(BrokerUnavailableException.Reason.UNREACHABLE, "too late to send", null, null);
  }

  private void takeBack() {
    Attempts now = attempts();
    if (now.probe || mayHaveSpent(now)) {
      return; // the doubt is still open
    }
    realm.takeBack(key, now.intent);
  }

  /** Says what was wrong with an answer, each flaw once: every answer may have it. */
  private void tellFlaws(TokenResponse response, Instant receivedAt) {
    boolean assumed = provider.broker().profile().expiry().isAssumed(response, receivedAt);
    if (response.problems().isEmpty() && !assumed) {
      return;
    }
    List<String> flaws = new ArrayList<>(response.problems());
    if (assumed) {
      flaws.add("expires_in: missing");
    }
    flaws.removeIf(flaw -> !realm.isNewFlaw(flaw));
    if (!flaws.isEmpty()) {
      LOG.warn("{}: flaws in an answer of the token endpoint: {}", name(), flaws);
      realm
          .engine()
          .events()
          .publish(new TokenEvent.FlawedResponse(name(), userId, realm.time().now(), flaws));
    }
  }

  private long tookMillis() {
    return (realm.time().monotonicNanos() - startedNanos) / 1_000_000;
  }

  /** Writes values without blanks, so that each ends where the next name begins. */
  private void log(String outcome, int status, String code, long tookMillis) {
    if (!LOG.isInfoEnabled()) {
      return; // nobody reads what it takes a while to clean
    }
    Attempts now = attempts();
    LOG.info(
        "exchange broker={} user={} grant={} intent={} displaces={} attempt={} outcome={} status={}"
            + " code={} took_ms={}",
        name(),
        ServerText.clean(userId).replace(' ', '_'),
        now.grant.getClass().getSimpleName(),
        now.intent.id(),
        now.displaced == null ? "" : ServerText.clean(now.displaced),
        now.count,
        outcome,
        status,
        clean(code, now).replace(' ', '_'),
        tookMillis);
  }

  /** Takes out of a server's words whatever we sent. */
  private static String clean(String text, Attempts now) {
    if (text.isBlank()) {
      return text;
    }
    List<String> secrets = secretsOf(now.grant);
    ClientCredentials client = now.client;
    if (client != null && client.secret().isPresent()) {
      secrets.add(client.secret().get().value());
    }
    BrokerRequest sent = now.sent;
    if (sent != null) {
      secrets.addAll(sent.secrets());
    }
    TokenSet tokens = now.tokens;
    if (tokens != null && tokens.accessToken() != null) {
      secrets.add(tokens.accessToken().value());
    }
    return ServerText.clean(text, secrets);
  }

  private static List<String> secretsOf(Grant grant) {
    List<@Nullable Secret> secrets = new ArrayList<>();
    if (grant instanceof Grant.Refresh) {
      secrets.add(Secret.of(((Grant.Refresh) grant).refreshToken().value()));
    } else if (grant instanceof Grant.AuthorizationCode) {
      secrets.add(((Grant.AuthorizationCode) grant).code());
      secrets.add(((Grant.AuthorizationCode) grant).codeVerifier());
    } else if (grant instanceof Grant.PasswordSession) {
      secrets.add(((Grant.PasswordSession) grant).password());
      secrets.add(((Grant.PasswordSession) grant).oneTimePassword());
    } else if (grant instanceof Grant.Delivered) {
      secrets.add(((Grant.Delivered) grant).tokens().accessToken());
    }
    List<String> values = new ArrayList<>();
    for (Secret secret : secrets) {
      if (secret != null) {
        values.add(secret.value());
      }
    }
    return values;
  }

  /** Returns the intent that is open after a probe that did not settle the doubt, or null. */
  final @Nullable String openDoubt() {
    return attempts != null && attempts.probe ? attempts.intent.id() : null;
  }
}
