package io.tradeauth.testing;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import mockwebserver3.MockResponse;
import mockwebserver3.SocketEffect;

/**
 * What goes wrong with one call to a simulator: before the server acted on it, or after.
 *
 * <p>Immutable.
 */
public final class Fault {

  private final boolean acts;
  private final Change change;

  private Fault(boolean acts, Change change) {
    this.acts = acts;
    this.change = change;
  }

  /** The request is read and the connection closed; the server did nothing. */
  public static Fault reset() {
    return instead(
        new MockResponse.Builder().onResponseStart(new SocketEffect.CloseSocket()).build());
  }

  /** The server does what it was asked for, and the answer never leaves it. */
  public static Fault loseAnswer() {
    return after(
        answer -> answer.newBuilder().onResponseStart(new SocketEffect.CloseSocket()).build());
  }

  /** The server does what it was asked for, and the answer breaks off in the middle of its body. */
  public static Fault truncate() {
    return after(
        answer -> answer.newBuilder().onResponseBody(new SocketEffect.CloseSocket()).build());
  }

  /** The server does what it was asked for, and answers late. */
  public static Fault delay(Duration delay) {
    return after(
        answer ->
            answer.newBuilder().headersDelay(delay.toMillis(), TimeUnit.MILLISECONDS).build());
  }

  /** The server does nothing and never answers; the connection stays open. */
  public static Fault stall() {
    return instead(new MockResponse.Builder().onResponseStart(SocketEffect.Stall.INSTANCE).build());
  }

  /** The server does nothing and answers with an error page. */
  public static Fault html(int status) {
    return instead(
        new MockResponse.Builder()
            .code(status)
            .setHeader("Content-Type", "text/html")
            .body("<html><head><title>" + status + "</title></head><body>nginx</body></html>")
            .build());
  }

  /** The server does nothing and answers with a status and no body. */
  public static Fault status(int status) {
    return instead(new MockResponse.Builder().code(status).build());
  }

  /** The server does nothing and answers with a JSON document. */
  public static Fault json(int status, String body) {
    return instead(Simulator.json(status, body));
  }

  /** The server does nothing and answers this. */
  public static Fault instead(MockResponse answer) {
    return new Fault(false, ignored -> answer);
  }

  /** The server does what it was asked for, and its answer is changed. */
  public static Fault after(Change change) {
    return new Fault(true, change);
  }

  boolean acts() {
    return acts;
  }

  MockResponse apply(MockResponse answer) {
    return change.apply(answer);
  }

  /** Makes another answer out of the right one. */
  @FunctionalInterface
  public interface Change {

    /** Returns what is sent instead of {@code answer}. */
    MockResponse apply(MockResponse answer);
  }
}
