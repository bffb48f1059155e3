package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.net.URI;
import org.junit.jupiter.api.Test;

class ApiHostsUriTest {

  @Test
  void uri_baseWithOrWithoutPathAndSlash_onePathAfterTheOther() {
    for (String base : new String[] {"https://api.example.com/v3", "https://api.example.com/v3/"}) {
      assertEquals(
          URI.create("https://api.example.com/v3/accounts?open=true"),
          ApiHosts.of(base, "https://other.example.com").uri("/accounts?open=true"));
    }
  }

  @Test
  void uri_pathWithoutSlash_refused() {
    ApiHosts hosts = ApiHosts.of("https://api.example.com");
    for (String path : new String[] {"", ".evil.example", "@evil.example/", "https://evil"}) {
      assertThrows(IllegalArgumentException.class, () -> hosts.uri(path), path);
    }
  }
}
