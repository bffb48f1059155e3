package io.tradeauth.store;

import static io.tradeauth.store.Samples.content;

import io.tradeauth.TokenStore.Intent;
import io.tradeauth.TokenStore.Key;
import io.tradeauth.TokenStore.Kind;
import io.tradeauth.TokenStore.StoredRecord;
import io.tradeauth.TokenStore.Version;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Another process over the same store, which can be killed. */
final class ChildJvm implements AutoCloseable {

  static final int USERS = 20;

  private final Process process;
  private final BufferedReader said;

  private ChildJvm(Process process) {
    this.process = process;
    this.said =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
  }

  static ChildJvm start(String role, String place, String... more) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    Collections.addAll(command, "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx64m");
    Collections.addAll(command, "-cp", System.getProperty("java.class.path"));
    Collections.addAll(command, ChildJvm.class.getName(), role, place);
    Collections.addAll(command, more);
    return new ChildJvm(
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
  }

  /** Returns the next thing that it said, or null if it has ended. */
  @Nullable String next() {
    try {
      return said.readLine();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Says something to it. */
  void tell(String line) {
    try {
      process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.US_ASCII));
      process.getOutputStream().flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Kills it; what it said before can still be read. The process itself would close the stream. */
  void kill() throws InterruptedException {
    process.toHandle().destroyForcibly();
    process.waitFor();
  }

  /** Lets less time pass than a write takes, so that a kill comes anywhere in it. */
  static void spin(long nanos) {
    long start = System.nanoTime();
    while (System.nanoTime() - start < nanos) {
      Thread.onSpinWait();
    }
  }

  int exitCode() throws InterruptedException {
    return process.waitFor();
  }

  @Override
  public void close() throws Exception {
    kill();
    process.destroy();
  }

  static Key user(int number) {
    return new Key(Kind.LOGIN, "fake", "user " + number);
  }

  // In the other process ------------------------------------------------------------------------

  /** Plays a role in a directory or a database. */
  public static void main(String[] arguments) throws IOException {
    if (arguments[0].equals("rotate")) {
      say("sealed " + RotatedStore.open(arguments[1], new ToldKeys()).reencryptAll().getAsInt());
      return;
    }
    Path directory = Path.of(arguments[1]);
    int number = Integer.parseInt(arguments[2]);
    switch (arguments[0]) {
      case "write" -> write(FileTokenStore.at(directory, StoreFixture.KEYS), new Random(number));
      case "lock" -> say(FileLocks.of(directory).lockIfFree(number) == null ? "taken" : "free");
      case "race" -> {
        say("ready");
        System.in.read();
        Contender.race(directory, number, version -> say("begun " + version));
        say("done");
      }
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  /** The new key first; tells whenever something is opened with the old one. */
  private static final class ToldKeys implements KeyProvider {

    @Override
    public EncryptionKey primary() {
      return Samples.key(2);
    }

    @Override
    public EncryptionKey find(String id) {
      if (id.equals("key-1")) {
        say("opened");
      }
      return KeyProvider.of(Samples.key(2), Samples.key(1)).find(id);
    }
  }

  private static void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  /** Renews and signs in at random until it is killed, and says what was acknowledged. */
  private static void write(FileTokenStore store, Random random) {
    while (true) {
      int number = random.nextInt(USERS);
      Key key = user(number);
      StoredRecord stored = Objects.requireNonNull(store.load(key));
      Version next;
      if (random.nextInt(10) == 0) {
        next = store.supersede(key, content("signed in " + number));
      } else {
        Intent intent = new Intent("i" + random.nextInt(), "child", "Refresh");
        Intent open = stored.intent();
        store.begin(key, stored.version(), intent, open == null ? null : open.id());
        next =
            Objects.requireNonNull(
                store.commit(key, stored.version(), content("renewed " + number)));
      }
      say(number + " " + next.generation() + " " + next.number());
    }
  }
}
