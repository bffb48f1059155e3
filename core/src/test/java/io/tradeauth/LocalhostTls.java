package io.tradeauth;

import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import mockwebserver3.MockWebServer;
import okhttp3.OkHttpClient;

/** Servers whose certificate is for {@code localhost} only, and that nobody vouches for. */
final class LocalhostTls {

  private static final String PASSWORD = "changeit";
  private static final KeyStore KEYS = made();

  private LocalhostTls() {}

  /** Starts a server on loopback. */
  static MockWebServer server() throws Exception {
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(KEYS, PASSWORD.toCharArray());
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    MockWebServer server = new MockWebServer();
    server.useHttps(context.getSocketFactory());
    server.start(InetAddress.getByName("127.0.0.1"), 0);
    return server;
  }

  /** Starts a client that trusts them all the same. */
  static OkHttpClient.Builder trusting() throws Exception {
    TrustManagerFactory managers =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(KEYS);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, managers.getTrustManagers(), null);
    return new OkHttpClient.Builder()
        .sslSocketFactory(
            context.getSocketFactory(), (X509TrustManager) managers.getTrustManagers()[0]);
  }

  /** The JDK's own tool makes the key. */
  private static KeyStore made() {
    try {
      Path file = Files.createTempDirectory("keys").resolve("keys.p12");
      String tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
      String options =
          "-genkeypair -keyalg EC -dname CN=test -ext san=dns:localhost -storetype PKCS12";
      List<String> command = new ArrayList<>(List.of(tool));
      command.addAll(List.of(options.split(" ")));
      command.addAll(List.of("-storepass", PASSWORD, "-keystore", file.toString()));
      Process made =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      if (made.waitFor() != 0) {
        throw new IllegalStateException("keytool failed");
      }
      return KeyStore.getInstance(file.toFile(), PASSWORD.toCharArray());
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
