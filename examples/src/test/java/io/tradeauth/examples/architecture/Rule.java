package io.tradeauth.examples.architecture;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaModifier.SYNCHRONIZED;
import static com.tngtech.archunit.lang.conditions.ArchConditions.haveModifier;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchRule;
import io.tradeauth.Intruder;
import io.tradeauth.examples.architecture.wrong.AsksTheMachine;
import io.tradeauth.examples.architecture.wrong.HoldsTheLock;
import io.tradeauth.examples.architecture.wrong.NeedsJunit;
import io.tradeauth.examples.architecture.wrong.OpensConnections;
import io.tradeauth.examples.architecture.wrong.PrintsItsPassword;
import io.tradeauth.examples.architecture.wrong.ReadsTheClock;
import io.tradeauth.examples.architecture.wrong.ShowsItsParser;
import io.tradeauth.examples.architecture.wrong.TalksToTheConsole;
import io.tradeauth.examples.architecture.wrong.tastytrade.Friend;
import io.tradeauth.examples.architecture.wrong.upstox.Stranger;
import java.net.HttpURLConnection;
import java.net.URLConnection;
import java.util.List;

/** The rules of the house, each with the code that it is about and with a class that breaks it. */
enum Rule {
  BROKERS_ARE_STRANGERS(
      Scope.PUBLISHED,
      slices()
          .matching("..(*trade|tradestation|upstox)..")
          .should()
          .notDependOnEachOther()
          .because("each broker's module can be had alone"),
      List.of(Friend.class),
      Stranger.class),

  CORE_SEES_NO_BROKER(
      Scope.CORE,
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("..tastytrade..", "..tradestation..", "..upstox..", "..settrade.."),
      List.of(Friend.class)),

  PACKAGES_ARE_NOT_SPLIT(
      Scope.MAIN,
      classes()
          .should(new OnePlaceForEachPackage())
          .because("a package-private method is not for the neighbours"),
      List.of(Intruder.class),
      io.tradeauth.TimeSource.class),

  CLOCKS_ARE_PASSED_IN(
      Scope.LIBRARY,
      classes()
          .that()
          .doNotHaveFullyQualifiedName("io.tradeauth.SystemTime")
          .should(Calls.none(Calls.CLOCKS))
          .because("whoever reads the clock must be given a TimeSource"),
      List.of(ReadsTheClock.class)),

  MACHINE_SETTINGS_ARE_IGNORED(
      Scope.MAIN,
      classes()
          .should(Calls.none(Calls.DEFAULTS))
          .because("a machine in Bangkok must do what one in London does"),
      List.of(AsksTheMachine.class)),

  CONSOLE_IS_NOT_OURS(
      Scope.LIBRARY,
      classes()
          .should(Calls.none(Calls.CONSOLE))
          .because("what there is to say goes to the log or to a listener"),
      List.of(TalksToTheConsole.class)),

  HTTP_GOES_THROUGH_OKHTTP(
      Scope.MAIN,
      noClasses()
          .should()
          .dependOnClassesThat()
          .areAssignableTo(URLConnection.class)
          .orShould()
          .callMethod(java.net.URL.class, "openStream")
          .because(HttpURLConnection.class.getSimpleName() + " resends requests by itself"),
      List.of(OpensConnections.class)),

  METHODS_ARE_NOT_SYNCHRONIZED(
      Scope.LIBRARY,
      noMethods()
          .should(haveModifier(SYNCHRONIZED))
          .because("anyone who has the object can hold its lock"),
      List.of(HoldsTheLock.class)),

  SECRETS_ARE_NOT_IN_PRINTING_RECORDS(
      Scope.MAIN,
      classes()
          .that(JavaClass.Predicates.assignableTo(Record.class))
          .should(new HoldNoPlainSecret())
          .because("a record prints all of its components; io.tradeauth.Secret does not"),
      List.of(PrintsItsPassword.class)),

  LIBRARY_NEEDS_LITTLE(
      Scope.LIBRARY,
      classes()
          .should()
          .onlyDependOnClassesThat(
              resideInAnyPackage(
                  "java..",
                  "javax.crypto..",
                  "javax.net..",
                  "javax.sql",
                  "io.tradeauth..",
                  "okhttp3",
                  "okio",
                  "kotlin..",
                  "com.fasterxml.jackson.core..",
                  "org.slf4j..",
                  "com.github.benmanes.caffeine.cache",
                  "org.jspecify.annotations")),
      List.of(NeedsJunit.class)),

  SIGNATURES_SHOW_NO_PARSER(
      Scope.PUBLISHED,
      methods()
          .that()
          .areDeclaredInClassesThat()
          .arePublic()
          .and()
          .arePublic()
          .or()
          .areProtected()
          .should(new ShowNoneOf("com.fasterxml.", "com.github.benmanes."))
          .because("Jackson and Caffeine can be replaced without a word to users"),
      List.of(ShowsItsParser.class));

  private final Scope scope;
  private final ArchRule law;
  private final List<Class<?>> culprits;
  private final List<Class<?>> bystanders;

  Rule(Scope scope, ArchRule law, List<Class<?>> culprits, Class<?>... bystanders) {
    this.scope = scope;
    this.law = law;
    this.culprits = culprits;
    this.bystanders = List.of(bystanders);
  }

  Scope scope() {
    return scope;
  }

  ArchRule law() {
    return law.as(name());
  }

  /** The classes that break the rule, and must be named. */
  List<Class<?>> culprits() {
    return culprits;
  }

  /** The classes that break the rule, and those without which it could not be broken. */
  Class<?>[] violations() {
    List<Class<?>> all = new java.util.ArrayList<>(culprits);
    all.addAll(bystanders);
    return all.toArray(Class<?>[]::new);
  }
}
