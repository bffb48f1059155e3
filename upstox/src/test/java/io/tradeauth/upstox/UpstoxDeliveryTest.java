package io.tradeauth.upstox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Answer;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerRequest;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.TokenResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A token that somebody posted to the notifier (fact sheet, section 6) is not believed. */
class UpstoxDeliveryTest {

  private static final String CLIENT = "0f8c2a54-3b1d-4e77-9a20-5d6e7f801234";

  /** 20:00 in India. */
  private static final Instant ISSUED = Instant.ofEpochMilli(1764081000000L);

  private static final String PUSH =
      """
      {"client_id":"0f8c2a54-3b1d-4e77-9a20-5d6e7f801234","user_id":"AB1234",\
      "access_token":"canary-pushed","token_type":"Bearer","expires_at":"1764108000000",\
      "issued_at":"1764081000000","message_type":"access_token"}""";

  @Test
  void push_asDocumented_isRead() {
    TokenResponse tokens = Upstox.delivered(PUSH, CLIENT, ISSUED).tokens();
    assertEquals("canary-pushed", tokens.accessToken().value());
    assertEquals(Instant.ofEpochMilli(1764108000000L), tokens.expiresAt());
    assertEquals("AB1234", tokens.profile().subject());
  }

  @Test
  void push_ownClient_travelsWithTheGrant() {
    ClientCredentials own = ClientCredentials.of(CLIENT, "canary-secret");
    Grant.Delivered grant = Upstox.delivered(PUSH, CLIENT, ISSUED);
    assertNull(grant.client());
    assertEquals(own, grant.client(own).client());
  }

  /** Section 14 row 14, and section 6: what else must be checked. */
  @ParameterizedTest
  @CsvSource({
    "message_type, access_token\"}, order_update\"}",
    "client_id, 0f8c2a54, 1f8c2a54",
    "token_type, Bearer, mac",
    "issued_at, 1764081000000, 1764081060001",
    "issued_at, 1764081000000, soon",
    "expires_at, 1764108000000, 1764081000000",
    "expires_at, 1764108000000, 1764108000001",
    "expires_at, 1764108000000, 1764108000",
    "user_id, AB1234, ' '",
    "access_token, canary-pushed, canary pushed"
  })
  void push_forged_refusedByNameWithoutShowingIt(String member, String genuine, String forged) {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> Upstox.delivered(PUSH.replace(genuine, forged), CLIENT, ISSUED));
    assertTrue(refused.getMessage().startsWith(member + ":"), refused.getMessage());
    assertFalse(refused.getMessage().contains("canary"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{", "ok", "{}"})
  void push_noSuchMessage_refused(String body) {
    assertThrows(IllegalArgumentException.class, () -> Upstox.delivered(body, CLIENT, ISSUED));
  }

  @Test
  void push_afterItsEnd_refused() {
    Instant end = Instant.ofEpochMilli(1764108000000L);
    assertEquals(end, Upstox.delivered(PUSH, CLIENT, end.minusMillis(1)).tokens().expiresAt());
    assertThrows(IllegalArgumentException.class, () -> Upstox.delivered(PUSH, CLIENT, end));
  }

  /** Their clock may be ahead of ours by a minute. */
  @Test
  void push_issuedJustAheadOfOurClock_isRead() {
    Instant slow = ISSUED.minus(Duration.ofMinutes(1));
    assertEquals("AB1234", Upstox.delivered(PUSH, CLIENT, slow).tokens().profile().subject());
  }

  /** The exchange is a profile call with the pushed token, not with the one in hand. */
  @Test
  void exchange_asksForTheProfileWithThePushedToken() {
    BrokerRequest request =
        proof().request(new TestContext(ClientCredentials.of(CLIENT, "canary-secret")));
    assertEquals("GET", request.method());
    assertEquals("https://api.upstox.com/v2/user/profile", request.uri().toString());
    assertEquals("Bearer canary-pushed", request.headers().get("Authorization"));
    assertFalse(request.isAuthorized());
  }

  @Test
  void exchange_profileOfTheSamePerson_grantsThePushedToken() {
    TokenResponse tokens =
        assertInstanceOf(ExchangeAnswer.Granted.class, proof().read(profile("AB1234"))).response();
    assertEquals("canary-pushed", tokens.accessToken().value());
    assertEquals(Instant.ofEpochMilli(1764108000000L), tokens.expiresAt());
    assertEquals("AB1234", tokens.profile().subject());
    assertEquals("ASHA RAO", tokens.profile().name());
  }

  @Test
  void exchange_profileOfAnotherPerson_refused() {
    ExchangeAnswer.Refused refused =
        assertInstanceOf(ExchangeAnswer.Refused.class, proof().read(profile("CD5678")));
    assertEquals(ExchangeAnswer.Party.USER, refused.party());
    assertEquals("different_user", refused.code());
  }

  @Test
  void exchange_tokenUnknown_refused() {
    ExchangeAnswer.Refused refused =
        assertInstanceOf(
            ExchangeAnswer.Refused.class,
            proof().read(answer(401, "{\"errors\":[{\"error_code\":\"UDAPI100050\"}]}")));
    assertEquals(ExchangeAnswer.Party.USER, refused.party());
  }

  @Test
  void exchange_nobodySaysWhose_grantsNothing() {
    assertInstanceOf(
        ExchangeAnswer.Unclear.class,
        proof().read(answer(200, "{\"status\":\"success\",\"data\":{}}")));
    assertInstanceOf(ExchangeAnswer.Unclear.class, proof().read(answer(200, "<html>")));
    assertInstanceOf(ExchangeAnswer.Unclear.class, proof().read(answer(503, "")));
    assertInstanceOf(ExchangeAnswer.Later.class, proof().read(answer(403, "<html>")));
  }

  @Test
  void exchange_grantWithoutToken_refused() {
    Grant empty = new Grant.Delivered(TokenResponse.builder().build(), null);
    assertThrows(IllegalArgumentException.class, () -> Upstox.live().exchange(empty));
  }

  private static BrokerCall<ExchangeAnswer> proof() {
    return Upstox.live().exchange(Upstox.delivered(PUSH, CLIENT, ISSUED));
  }

  private static Answer profile(String userId) {
    return answer(
        200,
        """
        {"status":"success","data":{"user_id":"%s","user_name":"ASHA RAO"}}"""
            .formatted(userId));
  }

  private static Answer answer(int status, String body) {
    return Answer.of(status, Map.of(), body.getBytes(StandardCharsets.UTF_8));
  }
}
