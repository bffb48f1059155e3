package io.tradeauth.examples.architecture;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.Location;
import java.util.regex.Pattern;

/** The code that a rule is about. */
enum Scope {
  /** The engine, without brokers. */
  CORE("tradeauth-core|core"),
  /** All that is published as a library: core and the brokers. */
  LIBRARY("tradeauth-(?!examples)[a-z]+|(?!examples)[a-z]+"),
  /** The library and the examples. */
  MAIN("tradeauth-[a-z]+|[a-z]+"),
  /** All that users get, simulators and contracts among it. */
  PUBLISHED("tradeauth-(?!examples)[a-z]+|(?!examples)[a-z]+") {
    @Override
    boolean includes(Location location) {
      return super.includes(location) || location.matches(TESTING);
    }
  };

  private static final Pattern TESTING =
      Pattern.compile(".*(-tests\\.jar!|/target/test-classes)/io/tradeauth/([a-z]+/)?testing/.*");

  private final Pattern place;

  /** A module's classes are a directory in its target, or a jar once they are packaged. */
  Scope(String modules) {
    String jar = ".*/(" + modules + ")-[0-9][^/]*(?<!-tests)\\.jar!/.*";
    String directory = ".*/(" + modules + ")/target/classes/.*";
    place = Pattern.compile(jar + "|" + directory);
  }

  boolean includes(Location location) {
    return location.matches(place);
  }

  JavaClasses classes() {
    return All.CLASSES.that(
        DescribedPredicate.describe(
            "are in " + name(),
            type -> includes(Location.of(type.getSource().orElseThrow().getUri()))));
  }

  /** Read once. */
  private static final class All {

    static final JavaClasses CLASSES =
        new ClassFileImporter()
            .withImportOption(place -> MAIN.includes(place) || PUBLISHED.includes(place))
            .importPackages("io.tradeauth");
  }
}
