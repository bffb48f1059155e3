package io.tradeauth.examples.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import io.tradeauth.AccessToken;
import io.tradeauth.ClientCredentials;
import io.tradeauth.RefreshToken;
import io.tradeauth.Secret;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The rules of {@link Rule}, kept by the code and proven able to fail. */
class ArchitectureTest {

  @ParameterizedTest
  @EnumSource
  void code_keepsTheRule(Rule rule) {
    rule.law().check(rule.scope().classes());
  }

  @ParameterizedTest
  @EnumSource
  void violation_isFound(Rule rule) {
    JavaClasses wrong = new ClassFileImporter().importClasses(rule.violations());

    AssertionError found = assertThrows(AssertionError.class, () -> rule.law().check(wrong));

    for (Class<?> violation : rule.culprits()) {
      assertTrue(found.getMessage().contains(violation.getName()), found::getMessage);
    }
  }

  @Test
  void library_isWhereTheRulesLook() {
    JavaClasses library = Scope.LIBRARY.classes();
    Set<String> packages = new TreeSet<>();
    library.forEach(type -> packages.add(type.getPackageName()));

    assertTrue(
        packages.containsAll(
            List.of(
                "io.tradeauth",
                "io.tradeauth.settrade",
                "io.tradeauth.tastytrade",
                "io.tradeauth.tradestation",
                "io.tradeauth.upstox")),
        packages::toString);
    assertTrue(
        packages.stream().noneMatch(name -> name.contains("testing") || name.contains("examples")),
        packages::toString);
  }

  @ParameterizedTest
  @ValueSource(
      classes = {Secret.class, AccessToken.class, RefreshToken.class, ClientCredentials.class})
  void secret_printsItself(Class<?> type) throws NoSuchMethodException {
    assertEquals(type, type.getMethod("toString").getDeclaringClass());
  }

  @Test
  void core_namesNoBroker() {
    assertEquals(Set.of(), BrokerNames.in(Scope.CORE.classes()));
  }

  @Test
  void brokerName_isFound() {
    JavaClasses upstox = new ClassFileImporter().importPackages("io.tradeauth.upstox");

    assertTrue(!BrokerNames.in(upstox).isEmpty());
  }
}
