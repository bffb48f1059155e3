package io.tradeauth.tastytrade.testing;

import static io.tradeauth.tastytrade.testing.Answers.apiError;
import static io.tradeauth.tastytrade.testing.Answers.data;
import static io.tradeauth.tastytrade.testing.Answers.json;

import io.tradeauth.tastytrade.testing.Environment.Identity;
import io.tradeauth.tastytrade.testing.User.LegacyLogin;
import io.tradeauth.testing.TokenLedger.Kind;
import io.tradeauth.testing.Wire;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import mockwebserver3.MockResponse;
import mockwebserver3.RecordedRequest;
import org.jspecify.annotations.Nullable;

/**
 * Sessions with user name and password, as they were until February 2026; section 11 of the fact
 * sheet. To be used under the simulator's lock.
 */
final class LegacySessions {

  private static final long LIFE = Duration.ofHours(24).toMillis();

  private final TastytradeSimulator simulator;
  private final Map<String, Session> sessions = new HashMap<>();
  private boolean open;
  private int status = 401;
  private String body =
      """
      {"error":{"code":"invalid_credentials","message":"Invalid login, please check your username and password."}}""";

  LegacySessions(TastytradeSimulator simulator) {
    this.simulator = simulator;
  }

  void open() {
    open = true;
  }

  void close(int status, String body) {
    open = false;
    this.status = status;
    this.body = body;
  }

  MockResponse answer(String endpoint, RecordedRequest request, Map<String, User> users) {
    if (!open) {
      simulator.loginFailed();
      return json(status, body);
    }
    return endpoint.equals(TastytradeSimulator.DEVICE_CHALLENGE)
        ? challenge(request, users)
        : login(request, users);
  }

  private MockResponse login(RecordedRequest request, Map<String, User> users) {
    Map<String, String> fields = Wire.json(request);
    User user = users.get(fields.getOrDefault("login", ""));
    if (user == null || !proves(user.login, fields)) {
      return failed();
    }
    if (!user.login.deviceKnown && !answers(user.login, request)) {
      return challenged(
          user.login, apiError(403, "device_challenge_required", "Device challenge required"));
    }
    boolean otpGiven =
        user.login.oneTimePassword == null
            || user.login.oneTimePassword.equals(request.getHeaders().get("X-Tastyworks-OTP"));
    return otpGiven ? session(user, "true".equals(fields.get("remember-me"))) : failed();
  }

  /** A remember token is good for one login, with or without success of what follows. */
  private boolean proves(LegacyLogin login, Map<String, String> fields) {
    String remembered = fields.get("remember-token");
    if (remembered == null) {
      return login.password.equals(fields.get("password"));
    }
    simulator.ledger().spent(remembered);
    boolean good =
        remembered.equals(login.rememberToken) && simulator.now() < login.rememberTokenEnd;
    login.rememberToken = good ? null : login.rememberToken;
    return good;
  }

  private static boolean answers(LegacyLogin login, RecordedRequest request) {
    return login.challenge != null
        && login.challenge.equals(request.getHeaders().get("X-Tastyworks-Challenge-Token"))
        && request.getHeaders().get("X-Tastyworks-OTP") != null;
  }

  private MockResponse failed() {
    simulator.loginFailed();
    return apiError(
        401, "invalid_credentials", "Invalid login, please check your username and password.");
  }

  private MockResponse session(User user, boolean remember) {
    simulator.loginSucceeded();
    user.login.deviceKnown = true;
    long end = simulator.now() + LIFE;
    String token = simulator.secrets.opaque("session") + "+C";
    sessions.put(token, new Session(user, end));
    simulator.ledger().issued(Kind.ACCESS_TOKEN, token, user.name(), simulator.now());
    String remembered = "";
    if (remember) {
      user.login.rememberToken = simulator.secrets.opaque("remember") + "==";
      user.login.rememberTokenEnd = end;
      simulator
          .ledger()
          .issued(Kind.REFRESH_TOKEN, user.login.rememberToken, user.name(), simulator.now());
      remembered = "\"remember-token\":\"" + user.login.rememberToken + "\",";
    }
    return data(
        201,
        "/sessions",
        """
        {"user":{"email":"%s","username":"%s","external-id":"%s","is-confirmed":true},
         %s"session-token":"%s","session-expiration":"%s"}"""
            .formatted(
                user.email(),
                user.name(),
                user.externalId(),
                remembered,
                token,
                Instant.ofEpochMilli(end)));
  }

  private MockResponse challenge(RecordedRequest request, Map<String, User> users) {
    String sent = request.getHeaders().get("X-Tastyworks-Challenge-Token");
    for (User user : users.values()) {
      if (sent != null && sent.equals(user.login.challenge)) {
        return challenged(
            user.login,
            data(
                200,
                "/device-challenge",
                """
                {"phone":"********1234","step":"otp_verification"}"""));
      }
    }
    return simulator.unauthenticated();
  }

  private MockResponse challenged(LegacyLogin login, MockResponse answer) {
    login.challenge = simulator.secrets.opaque("challenge");
    return answer.newBuilder().setHeader("X-Tastyworks-Challenge-Token", login.challenge).build();
  }

  MockResponse end(@Nullable Identity identity, RecordedRequest request) {
    sessions.remove(String.valueOf(request.getHeaders().get("Authorization")));
    return identity == null ? simulator.noSession() : Answers.nginx(204).build();
  }

  static MockResponse userData(User user) {
    return data(
        200,
        "/sessions/validate",
        """
        {"email":"%s","username":"%s","external-id":"%s","id":"%s"}"""
            .formatted(user.email(), user.name(), user.externalId(), user.externalId()));
  }

  /** Returns whose session token this is, or null if it is none that works now. */
  @Nullable User user(String sessionToken) {
    Session session = sessions.get(sessionToken);
    return session == null || simulator.now() >= session.end ? null : session.user;
  }

  private static final class Session {

    final User user;
    final long end;

    Session(User user, long end) {
      this.user = user;
      this.end = end;
    }
  }
}
