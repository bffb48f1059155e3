package io.tradeauth.store;

import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Reads keys from outside. Messages name the place and never what is there. */
final class KeySource {

  private static final int LONGEST = 1024;

  private KeySource() {}

  /** Looks a variable up; null if it is not set. */
  @FunctionalInterface
  interface Environment {

    @Nullable String value(String variable);
  }

  static KeyProvider environment(Environment variables, String primary, List<String> others) {
    EncryptionKey first = fromVariable(variables, primary);
    if (first == null) {
      throw unusable("environment variable " + primary + ": is not set", null);
    }
    List<EncryptionKey> more = new ArrayList<>();
    for (String other : others) {
      EncryptionKey key = fromVariable(variables, other);
      if (key != null) {
        more.add(key);
      }
    }
    return new FixedKeys(first, more);
  }

  private static @Nullable EncryptionKey fromVariable(Environment variables, String name) {
    String value = variables.value(name);
    return value == null ? null : parse("environment variable " + name, value);
  }

  static KeyProvider files(Path primary, List<Path> others) {
    List<EncryptionKey> more = new ArrayList<>();
    for (Path other : others) {
      more.add(fromFile(other));
    }
    return new FixedKeys(fromFile(primary), more);
  }

  private static EncryptionKey fromFile(Path file) {
    try {
      Modes.of(file).refuseIfOthersMayUse(file);
      if (Files.size(file) > LONGEST) {
        throw notAKey("key file " + file);
      }
      String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
      return parse("key file " + file, text);
    } catch (NoSuchFileException e) {
      throw unusable("key file " + file + ": there is none", e);
    } catch (IOException e) {
      throw unusable("key file " + file + ": can't be read", e);
    }
  }

  private static EncryptionKey parse(String where, String text) {
    String line = withoutLineEnd(text);
    if (line.isBlank()) {
      throw unusable(where + ": is blank", null);
    }
    EncryptionKey key = EncryptionKey.parse(line);
    if (key == null) {
      throw notAKey(where);
    }
    return key;
  }

  private static String withoutLineEnd(String text) {
    UnaryOperator<String> chop = line -> line.substring(0, line.length() - 1);
    String line = text.endsWith("\n") ? chop.apply(text) : text;
    return line.length() < text.length() && line.endsWith("\r") ? chop.apply(line) : line;
  }

  private static TokenStoreException notAKey(String where) {
    return unusable(
        where + ": must be 32 bytes in Base64 on one line, as 'openssl rand -base64 32' makes them",
        null);
  }

  private static TokenStoreException unusable(String message, @Nullable Exception cause) {
    return new TokenStoreException(Reason.WRONG_KEY, message, cause);
  }

  static void newFile(Path file) {
    byte[] text = (EncryptionKey.generate().text() + "\n").getBytes(StandardCharsets.US_ASCII);
    try {
      DurableFiles.create(file.toAbsolutePath(), text);
    } catch (IOException e) {
      throw new TokenStoreException(
          Reason.WRITE_FAILED, "key file " + file + ": can't be made (" + e + ")", e);
    }
  }
}
