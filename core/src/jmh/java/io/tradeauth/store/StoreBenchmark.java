package io.tradeauth.store;

import io.tradeauth.TokenStore.Content;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.Version;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What the file store adds to the disk and to the ciphers of the JDK: a commit next to a bare
 * write, fsync, rename and directory fsync of the same bytes; sealing and opening a record of 2 KB
 * next to bare AES-GCM with a derived key.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class StoreBenchmark {

  private static final Key KEY = new Key(Kind.LOGIN, "bench", "a-user@example.com");
  private static final int RECORD = 2 * 1024;

  private final SecureRandom random = new SecureRandom();
  private final EncryptionKey master = EncryptionKey.generate();
  private final Content content =
      new Content(
          io.tradeauth.TokenStore.State.ACTIVE,
          Instant.ofEpochMilli(1_700_000_000_000L),
          "{\"user\":\"a-user@example.com\",\"expires_at\":1700000000000}"
              .getBytes(StandardCharsets.UTF_8),
          new byte[RECORD]);
  private Sealer sealer;
  private Path directory;
  private FileTokenStore store;
  private Version version = new Version("", 0);
  private byte[] bytes = {};

  @Setup
  public void start() throws IOException {
    KeyProvider keys = KeyProvider.of(master);
    sealer = Sealer.open(keys, Sealer.newMeta(keys));
    directory = Files.createTempDirectory("tradeauth-bench");
    store = FileTokenStore.at(directory.resolve("store"), keys);
    version = store.supersede(KEY, content);
    bytes = new RecordFile(sealer.seal(KEY, version, content), null).toBytes();
    // A commit takes so long that its few warm-up rounds would not have the ciphers compiled.
    for (int i = 0; i < 50_000; i++) {
      record();
    }
  }

  @TearDown
  public void stop() throws IOException {
    store.close();
    BigStore.delete(directory);
  }

  @Benchmark
  public void replaceFloor() throws IOException {
    Path unfinished = directory.resolve("unfinished");
    try (FileChannel channel =
        FileChannel.open(unfinished, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(bytes));
      channel.force(true);
    }
    Files.move(unfinished, directory.resolve("record"), StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  @Benchmark
  public Version commit() {
    version = Objects.requireNonNull(store.commit(KEY, version, content));
    return version;
  }

  @Benchmark
  public byte[] cipherFloor() throws GeneralSecurityException {
    byte[] salt = random(16);
    byte[] nonce = random(12);
    byte[] sealed = cipher(Cipher.ENCRYPT_MODE, key(salt), nonce).doFinal(content.secrets());
    return cipher(Cipher.DECRYPT_MODE, key(salt), nonce).doFinal(sealed);
  }

  @Benchmark
  public byte[] envelope() throws Exception {
    DataKey fresh = DataKey.fresh(master.id(), master.material());
    byte[] sealed = Envelope.seal(fresh, content.secrets(), content.label());
    Envelope envelope = Envelope.of(sealed);
    return envelope.open(DataKey.of(envelope, master.material()), content.label());
  }

  @Benchmark
  public int partsFloor() throws GeneralSecurityException {
    byte[] salt = random(16);
    byte[] one = random(12);
    byte[] two = random(12);
    SecretKeySpec key = key(salt);
    byte[] label = cipher(Cipher.ENCRYPT_MODE, key, one).doFinal(content.label());
    byte[] secrets = cipher(Cipher.ENCRYPT_MODE, key, two).doFinal(content.secrets());
    SecretKeySpec again = key(salt);
    return cipher(Cipher.DECRYPT_MODE, again, one).doFinal(label).length
        + cipher(Cipher.DECRYPT_MODE, again, two).doFinal(secrets).length;
  }

  @Benchmark
  public Content record() {
    return sealer.open(KEY, sealer.seal(KEY, version, content));
  }

  private byte[] random(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  private SecretKeySpec key(byte[] salt) throws GeneralSecurityException {
    byte[] extracted = mac(salt, master.material());
    return new SecretKeySpec(mac(extracted, new byte[] {'t', 'k', 'm', '/', '1', 1}), "AES");
  }

  private Cipher cipher(int mode, SecretKeySpec key, byte[] nonce) throws GeneralSecurityException {
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    cipher.init(mode, key, new GCMParameterSpec(128, nonce));
    cipher.updateAAD(content.label());
    return cipher;
  }

  private static byte[] mac(byte[] key, byte[] input) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(input);
  }
}
