package io.tradeauth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class StandardBrokerScopeTest {

  private static final ClientCredentials CLIENT = ClientCredentials.of("id", "canary-secret");
  private static final URI CALLBACK = URI.create("https://app.example.com/callback");
  private static final AuthorizationRequest REQUEST =
      AuthorizationRequest.of(CALLBACK, "state-0123456789");

  @Test
  void requiredScopeMissing_requestIsRefused() {
    Broker broker = broker().scope("openid", "trade").requiredScope("openid").build();
    assertTrue(
        String.valueOf(broker.authorizationUri(REQUEST, CLIENT)).contains("scope=openid+trade"));
    assertTrue(
        String.valueOf(broker.authorizationUri(REQUEST.scope("read", "openid"), CLIENT))
            .contains("scope=read+openid"));
    assertThrows(
        IllegalArgumentException.class,
        () -> broker.authorizationUri(REQUEST.scope("read"), CLIENT));
  }

  @Test
  void scopeNotToldOnRefresh_countsForCodesOnly() {
    Broker broker = broker().scopeNotToldOnRefresh().build();
    assertNull(scopeOf(broker, new Grant.Refresh("canary-refresh")));
    assertEquals(
        Set.of("openid"), scopeOf(broker, new Grant.AuthorizationCode("canary-code", CALLBACK)));
    assertEquals(Set.of("openid"), scopeOf(broker().build(), new Grant.Refresh("canary-refresh")));
  }

  private static @Nullable Set<String> scopeOf(Broker broker, Grant grant) {
    byte[] body = "{\"access_token\":\"canary-access\",\"scope\":\"openid\"}".getBytes(UTF_8);
    ExchangeAnswer answer = broker.exchange(grant).read(Answer.of(200, Map.of(), body));
    return ((ExchangeAnswer.Granted) answer).response().scope();
  }

  private static StandardBroker.Builder broker() {
    BrokerProfile profile =
        BrokerProfile.builder("example", ApiHosts.of("https://api.example.com")).build();
    return StandardBroker.builder(profile, URI.create("https://login.example.com/token"))
        .authorizationUri(URI.create("https://login.example.com/authorize"));
  }
}
