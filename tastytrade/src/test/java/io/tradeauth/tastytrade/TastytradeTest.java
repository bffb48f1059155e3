package io.tradeauth.tastytrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.Answer;
import io.tradeauth.AuthorizationRequest;
import io.tradeauth.Broker;
import io.tradeauth.BrokerCall;
import io.tradeauth.BrokerConfigurationException;
import io.tradeauth.BrokerRequest;
import io.tradeauth.CallAnswer;
import io.tradeauth.CallContext;
import io.tradeauth.ClientCredentials;
import io.tradeauth.ExchangeAnswer;
import io.tradeauth.Grant;
import io.tradeauth.Pkce;
import io.tradeauth.ProbeAnswer;
import io.tradeauth.Rejection;
import io.tradeauth.RotationProfile;
import io.tradeauth.Secret;
import io.tradeauth.TokenResponse;
import io.tradeauth.TokenSet;
import io.tradeauth.UserProfile;
import io.tradeauth.tastytrade.testing.Environment;
import io.tradeauth.tastytrade.testing.Partner;
import io.tradeauth.tastytrade.testing.TastytradeSimulator;
import io.tradeauth.tastytrade.testing.User;
import io.tradeauth.testing.ManualClock;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import okhttp3.HttpUrl;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** tastytrade's values, and its calls against the simulator. */
class TastytradeTest {

  private static final URI REDIRECT = URI.create("https://app.example.com/callback");
  private static final String STATE = "0123456789abcdef-canary";

  private final ManualClock clock = ManualClock.at("2026-03-02T14:30:00Z");
  private final TastytradeSimulator tastytrade = new TastytradeSimulator(clock);
  private final Environment live = tastytrade.live();
  private final Broker broker =
      Tastytrade.at(Tastytrade.LIVE, live.api(), live.authorizePage(), live.streamer());
  private final User alice = live.addUser("alice");
  private final OkHttpClient http =
      new OkHttpClient.Builder().followRedirects(false).retryOnConnectionFailure(false).build();

  @AfterEach
  void close() {
    http.connectionPool().evictAll();
    tastytrade.close();
  }

  @Test
  void environments_separateRealmsAndHosts() {
    Broker production = Tastytrade.live();
    Broker sandbox = Tastytrade.sandbox();

    assertEquals("tastytrade", production.profile().name());
    assertEquals("tastytrade-sandbox", sandbox.profile().name());
    assertNotEquals(production.profile().realm(), sandbox.profile().realm());
    assertEquals(URI.create("https://api.tastyworks.com"), production.profile().hosts().main());
    assertEquals(URI.create("https://api.cert.tastyworks.com"), sandbox.profile().hosts().main());
    for (String foreign :
        List.of("https://api.cert.tastyworks.com/x", "http://api.tastyworks.com/x")) {
      assertFalse(production.profile().hosts().contains(URI.create(foreign)), foreign);
    }
    assertTrue(production.profile().hosts().contains(Tastytrade.LIVE_STREAMER));
    assertTrue(sandbox.profile().hosts().contains(Tastytrade.SANDBOX_STREAMER));
    assertFalse(sandbox.profile().hosts().contains(Tastytrade.LIVE_STREAMER));
  }

  @Test
  void profile_lifeOf15MinutesAndNoRotation() {
    assertEquals(RotationProfile.NONE, broker.profile().rotation());
    assertEquals(Duration.ofSeconds(60), broker.profile().skew());
    Instant now = clock.now();
    assertEquals(
        now.plusSeconds(900),
        broker.profile().expiry().endOf(TokenResponse.builder().build(), now));
    assertNull(broker.signOut());
    assertEquals("alice", broker.subject("alice", null));
  }

  @Test
  void userAgent_ownOrUsual_productAndVersion() {
    assertEquals("my-app/1.0", Tastytrade.live("my-app/1.0").profile().headers().get("User-Agent"));
    assertEquals("a/2 (b)", Tastytrade.sandbox("a/2 (b)").profile().headers().get("User-Agent"));
    assertTrue(
        Objects.requireNonNull(Tastytrade.live().profile().headers().get("User-Agent"))
            .matches("tradeauth/[0-9.]+"));
    for (String bad : List.of("", "my-app", "/1.0", "my app/1.0", "my-app/ 1", "a/1\r\nX: y")) {
      assertThrows(IllegalArgumentException.class, () -> Tastytrade.live(bad), bad);
      assertThrows(IllegalArgumentException.class, () -> Tastytrade.sandbox(bad), bad);
    }
  }

  @Test
  void at_neitherTlsNorLoopbackOrUnknownName_refused() {
    URI page = live.authorizePage();
    URI streamer = live.streamer();
    for (String api : List.of("http://api.example.com", "http://10.0.0.1:80", "ftp://127.0.0.1")) {
      assertThrows(
          IllegalArgumentException.class,
          () -> Tastytrade.at(Tastytrade.LIVE, URI.create(api), page, streamer),
          api);
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> Tastytrade.at(Tastytrade.LIVE, live.api(), URI.create("http://a.example"), streamer));
    assertThrows(
        IllegalArgumentException.class,
        () -> Tastytrade.at(Tastytrade.LIVE, live.api(), page, URI.create("ws://a.example")));
    assertThrows(
        IllegalArgumentException.class, () -> Tastytrade.at("other", live.api(), page, streamer));
  }

  @Test
  void authorizationUri_partner_parametersOfTheSheetOnly() {
    ClientCredentials client = ClientCredentials.of("a-b", "canary");
    AuthorizationRequest request = AuthorizationRequest.of(REDIRECT, STATE);
    HttpUrl url =
        HttpUrl.get(
            Objects.requireNonNull(Tastytrade.live().authorizationUri(request, client)).toString());

    assertEquals("https://my.tastytrade.com/auth.html", url.toString().replaceFirst("\\?.*", ""));
    assertEquals(
        Set.of("response_type", "client_id", "redirect_uri", "scope", "state"),
        url.queryParameterNames());
    assertEquals("code", url.queryParameter("response_type"));
    assertEquals("a-b", url.queryParameter("client_id"));
    assertEquals(REDIRECT.toString(), url.queryParameter("redirect_uri"));
    assertEquals("read trade", url.queryParameter("scope"));
    assertEquals(STATE, url.queryParameter("state"));
    assertTrue(
        Objects.requireNonNull(Tastytrade.sandbox().authorizationUri(request.scope("read"), client))
            .toString()
            .startsWith("https://cert-my.staging-tasty.works/auth.html?"));
  }

  @Test
  void authorizationUri_proofKeyOrPublicClient_refusedBeforeThePageAnswers405() {
    AuthorizationRequest request = AuthorizationRequest.of(REDIRECT, STATE);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            broker.authorizationUri(
                request.pkce(Pkce.create()), ClientCredentials.of("a-b", "canary")));
    assertThrows(
        BrokerConfigurationException.class,
        () -> broker.authorizationUri(request, ClientCredentials.publicClient("a-b")));
  }

  @Test
  void authorizationUri_approved_codeThatBuysBothTokens() {
    Partner partner = live.addPartner(REDIRECT.toString());
    live.approve(alice);
    ClientCredentials client = ClientCredentials.of(partner.clientId(), partner.clientSecret());
    URI page =
        Objects.requireNonNull(
            broker.authorizationUri(AuthorizationRequest.of(REDIRECT, STATE), client));
    String location =
        Objects.requireNonNull(send(BrokerRequest.get(page), null).header("Location"));
    String code = Objects.requireNonNull(HttpUrl.get(location).queryParameter("code"));
    assertEquals(STATE, HttpUrl.get(location).queryParameter("state"));

    TokenResponse granted = granted(Tastytrade.code(code, REDIRECT), client);

    assertNotNull(granted.accessToken());
    assertNotNull(granted.refreshToken());
    assertEquals(Duration.ofSeconds(900), granted.expiresIn());
    assertEquals(alice.externalId(), Objects.requireNonNull(granted.profile()).subject());
    assertEquals(List.of(), granted.problems());
  }

  @Test
  void refresh_personalGrant_secretAndTokenAndNoClientId() {
    Grant grant = Tastytrade.grant(alice.clientSecret(), alice.refreshToken());
    ClientCredentials client = Objects.requireNonNull(grant.client());
    assertEquals(alice.clientId(), client.id());

    BrokerRequest request = broker.exchange(grant).request(context(client));

    assertEquals("POST", request.method());
    assertEquals(live.api() + "/oauth/token", request.uri().toString());
    assertFalse(request.isAuthorized());
    assertEquals(Map.of("Accept", "application/json"), request.headers());
    HttpUrl fields = HttpUrl.get("http://127.0.0.1/?" + request.body());
    assertEquals(
        Set.of("grant_type", "refresh_token", "client_secret"), fields.queryParameterNames());
    assertEquals("refresh_token", fields.queryParameter("grant_type"));
    assertEquals(alice.refreshToken(), fields.queryParameter("refresh_token"));
    assertEquals(alice.clientSecret(), fields.queryParameter("client_secret"));
  }

  @Test
  void refresh_answered_accessTokenAndOwnerAndNoNewRefreshToken() {
    TokenResponse granted = refreshed(alice);
    assertNull(granted.refreshToken());
    assertEquals(Duration.ofSeconds(900), granted.expiresIn());
    assertEquals(alice.externalId(), Objects.requireNonNull(granted.profile()).subject());
  }

  @Test
  void refresh_echoed_sameRefreshToken() {
    tastytrade.echoRefreshToken(true);
    assertEquals(
        alice.refreshToken(), Objects.requireNonNull(refreshed(alice).refreshToken()).value());
  }

  @Test
  void refresh_openid_idTokenIgnored() {
    alice.createGrant("read openid");
    assertEquals(List.of(), refreshed(alice).problems());
  }

  @Test
  void exchange_publicClient_refusedBeforeAnythingIsSent() {
    CallContext context = context(ClientCredentials.publicClient("a-b"));
    for (Grant grant :
        List.of(
            Tastytrade.grant(alice.clientSecret(), alice.refreshToken()),
            Tastytrade.code("canary", REDIRECT))) {
      assertThrows(
          BrokerConfigurationException.class, () -> broker.exchange(grant).request(context));
    }
  }

  @Test
  void exchange_passwordSession_saysWhatToDoInstead() {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                broker.exchange(
                    new Grant.PasswordSession("alice", Secret.of("canary"), null, null)));
    assertTrue(String.valueOf(refused.getMessage()).contains("Tastytrade.grant"));
  }

  @Test
  void exchange_simulatedRefusals_readAsTheyAreMeant() {
    Grant good = Tastytrade.grant(alice.clientSecret(), alice.refreshToken());
    assertRefused(
        ExchangeAnswer.Party.CLIENT, Tastytrade.grant("0".repeat(40), alice.refreshToken()));
    alice.deleteGrant();
    assertRefused(ExchangeAnswer.Party.USER, good);
    User bob = tastytrade.sandbox().addUser("bob");
    assertRefused(
        ExchangeAnswer.Party.USER, Tastytrade.grant(bob.clientSecret(), bob.refreshToken()));
  }

  @Test
  void grant_loginNameForRefreshToken_refusedWithoutShowingIt() {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class, () -> Tastytrade.grant("canary", "canary-login"));
    assertFalse(String.valueOf(refused.getMessage()).contains("canary-login"));
    assertEquals(
        "a-b",
        Objects.requireNonNull(
                Tastytrade.grant(ClientCredentials.of("a-b", "canary"), "canary-opaque").client())
            .id());
  }

  @Test
  void tokens_fromAnotherSystem_withEndAndOwner() {
    String accessToken = Objects.requireNonNull(refreshed(alice).accessToken()).value();
    Instant end = clock.now().plusSeconds(300);
    Grant.Imported imported =
        (Grant.Imported)
            Tastytrade.tokens(alice.clientSecret(), alice.refreshToken(), accessToken, end);

    assertEquals(end, imported.tokens().expiresAt());
    assertEquals(alice.externalId(), Objects.requireNonNull(imported.tokens().profile()).subject());
    assertEquals(alice.clientId(), Objects.requireNonNull(imported.client()).id());
  }

  @Test
  void renewal_nothingHad_onlyTheUserHelps() {
    assertNull(broker.renewal(null));
  }

  @Test
  void probe_liveToken_accounts() {
    ProbeAnswer answer =
        call(Objects.requireNonNull(broker.probe()), refreshed(alice).accessToken());
    UserProfile profile = Objects.requireNonNull(((ProbeAnswer.Alive) answer).profile());
    assertEquals(
        alice.accounts(), profile.accounts().stream().map(UserProfile.Account::number).toList());
    assertEquals("Individual", profile.accounts().get(0).type());
    assertEquals("Individual", profile.accounts().get(0).nickname());
    assertNull(profile.subject());
  }

  @Test
  void probe_expiredTokenOrOutage_deadOrUnknown() {
    Secret token = refreshed(alice).accessToken();
    tastytrade.outage(TastytradeSimulator.ACCOUNTS, 1);
    assertEquals(
        new ProbeAnswer.Unknown("http 502"), call(Objects.requireNonNull(broker.probe()), token));
    clock.advance(Duration.ofSeconds(900));
    assertEquals(
        new ProbeAnswer.Dead("token_invalid"), call(Objects.requireNonNull(broker.probe()), token));
  }

  @Test
  void rejection_simulated401s_pageIsNotTheToken() {
    BrokerRequest request = BrokerRequest.get(URI.create(live.api() + "/customers/me"));
    assertEquals(
        Rejection.NOT_THE_TOKEN, broker.rejection(send(request.header("User-Agent", "x"), null)));
    assertEquals(Rejection.RENEW, broker.rejection(send(request, null)));
    tastytrade.sayUnauthorized(true);
    assertEquals(Rejection.RENEW, broker.rejection(send(request, null)));
  }

  @Test
  void quoteToken_live_tokenUrlLevelAndEnd() {
    QuoteToken token = call(Tastytrade.QUOTE_TOKEN, refreshed(alice).accessToken()).get();
    assertTrue(token.token().value().contains("canary"));
    assertEquals("api", token.level());
    assertEquals(clock.now().plus(Duration.ofHours(24)), token.expiresAt());
    assertEquals(live.streamer() + "/realtime", token.dxlinkUrl().toString());
    assertFalse(token.toString().contains("canary"));
  }

  @Test
  void quoteToken_optionalFieldsMissing_stillATokenOrElseRefused() {
    QuoteToken token =
        Tastytrade.QUOTE_TOKEN
            .read(json("{\"data\":{\"token\":\"canary\",\"dxlink-url\":\"wss://a.example\"}}"))
            .get();
    assertEquals("", token.level());
    assertNull(token.expiresAt());
    for (String body :
        List.of(
            "{}",
            "{\"data\":{}}",
            "{\"data\":{\"token\":\"\",\"dxlink-url\":\"wss://a.example\"}}",
            "{\"data\":{\"token\":\"canary\",\"dxlink-url\":\"wss://a b\"}}",
            "{\"data\":{\"token\":\"canary\",\"dxlink-url\":\"ws://a.example\"}}",
            "{\"data\":{\"token\":\"canary\",\"dxlink-url\":\"a/b\"}}",
            "<html>")) {
      assertEquals(
          new CallAnswer.Refused<>(200, "http 200"), Tastytrade.QUOTE_TOKEN.read(json(body)), body);
    }
    assertNull(
        Tastytrade.QUOTE_TOKEN
            .read(
                json(
                    "{\"data\":{\"token\":\"canary\",\"dxlink-url\":\"wss://a.example\","
                        + "\"expires-at\":\"soon\"}}"))
            .get()
            .expiresAt());
  }

  @Test
  void quoteToken_notOnboarded_codeOfTheServer() {
    alice.notOnboarded();
    CallAnswer<QuoteToken> answer = call(Tastytrade.QUOTE_TOKEN, refreshed(alice).accessToken());
    assertEquals(new CallAnswer.Refused<>(404, "quote_streamer.customer_not_found_error"), answer);
  }

  @Test
  void customer_nameAndEmailAndNoSubject() {
    UserProfile customer = call(Tastytrade.CUSTOMER, refreshed(alice).accessToken()).get();
    assertEquals("alice Example", customer.name());
    assertEquals("alice@example.com", customer.email());
    assertNull(customer.subject());
    assertEquals(
        new CallAnswer.Refused<>(401, "token_invalid"),
        call(Tastytrade.CUSTOMER, Secret.of("canary")));
  }

  @Test
  void customer_sandboxWithoutName_emailOnly() {
    UserProfile customer =
        Tastytrade.CUSTOMER
            .read(json("{\"data\":{\"id\":\"me\",\"email\":\"a@example.com\"}}"))
            .get();
    assertNull(customer.name());
    assertEquals("a@example.com", customer.email());
  }

  @Test
  void print_noSecret() {
    Grant grant = Tastytrade.grant(alice.clientSecret(), alice.refreshToken());
    String printed =
        grant + " " + broker + " " + broker.exchange(grant).request(context(grant.client()));
    assertFalse(printed.contains("canary") || printed.contains(alice.clientSecret()), printed);
  }

  // ---- what the engine does, by hand

  private void assertRefused(ExchangeAnswer.Party party, Grant grant) {
    ExchangeAnswer answer = exchange(grant, grant.client());
    assertEquals(party, ((ExchangeAnswer.Refused) answer).party());
  }

  private TokenResponse refreshed(User user) {
    Grant grant = Tastytrade.grant(user.clientSecret(), user.refreshToken());
    return granted(grant, grant.client());
  }

  private TokenResponse granted(Grant grant, @Nullable ClientCredentials client) {
    return ((ExchangeAnswer.Granted) exchange(grant, client)).response();
  }

  private ExchangeAnswer exchange(Grant grant, @Nullable ClientCredentials client) {
    BrokerCall<ExchangeAnswer> call = broker.exchange(grant);
    return call.read(send(call.request(context(client)), null));
  }

  private <T> T call(BrokerCall<T> call, @Nullable Secret accessToken) {
    BrokerRequest request = call.request(context(null));
    assertTrue(request.isAuthorized());
    return call.read(send(request, accessToken));
  }

  private Answer send(BrokerRequest request, @Nullable Secret accessToken) {
    Request.Builder sent = new Request.Builder().url(request.uri().toString());
    Map<String, String> headers = new LinkedHashMap<>(broker.profile().headers());
    headers.putAll(request.headers());
    headers.forEach(sent::header);
    if (accessToken != null) {
      sent.header("Authorization", "Bearer " + accessToken.value());
    }
    String body = request.body();
    String type = request.contentType();
    if (body != null && type != null) {
      sent.method(request.method(), RequestBody.create(body, MediaType.get(type)));
    }
    try (Response response = http.newCall(sent.build()).execute()) {
      Map<String, String> received = new LinkedHashMap<>();
      response.headers().forEach(field -> received.put(field.getFirst(), field.getSecond()));
      return Answer.of(response.code(), received, response.body().bytes());
    } catch (IOException e) {
      throw new AssertionError("no answer", e);
    }
  }

  private static Answer json(String body) {
    return Answer.of(
        200, Map.of("Content-Type", "application/json"), body.getBytes(StandardCharsets.UTF_8));
  }

  private CallContext context(@Nullable ClientCredentials client) {
    return new CallContext() {
      @Override
      public String userId() {
        return "alice";
      }

      @Override
      public ClientCredentials client() {
        return Objects.requireNonNull(client);
      }

      @Override
      public @Nullable TokenSet tokens() {
        return null;
      }

      @Override
      public URI apiUri(String path) {
        return broker.profile().hosts().uri(path);
      }

      @Override
      public Instant now() {
        return clock.now();
      }

      @Override
      public byte[] random(int count) {
        return new byte[count];
      }
    };
  }
}
