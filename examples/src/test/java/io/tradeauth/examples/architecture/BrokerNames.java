package io.tradeauth.examples.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/** Looks for brokers in everything of a class file, names and string constants alike. */
final class BrokerNames {

  private static final List<String> BROKERS =
      List.of("tastytrade", "tastyworks", "tradestation", "upstox", "settrade");

  private BrokerNames() {}

  /** Returns which class names which broker. */
  static Set<String> in(Iterable<JavaClass> classes) {
    Set<String> found = new TreeSet<>();
    for (JavaClass type : classes) {
      String content = content(type.getSource().orElseThrow().getUri()).toLowerCase(Locale.ROOT);
      BROKERS.stream()
          .filter(content::contains)
          .forEach(broker -> found.add(type.getName() + " names " + broker));
    }
    return found;
  }

  private static String content(URI classFile) {
    try (InputStream bytes = classFile.toURL().openStream()) {
      return new String(bytes.readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
