package io.tradeauth.examples.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.List;

/** No type of these packages is in the signature. */
final class ShowNoneOf extends ArchCondition<JavaMethod> {

  private final List<String> packages;

  ShowNoneOf(String... packages) {
    super("show no type of " + String.join(", ", packages));
    this.packages = List.of(packages);
  }

  @Override
  public void check(JavaMethod method, ConditionEvents events) {
    for (JavaClass type : method.getAllInvolvedRawTypes()) {
      boolean shown = packages.stream().anyMatch(type.getName()::startsWith);
      events.add(
          new SimpleConditionEvent(
              method, !shown, method.getFullName() + " shows " + type.getName()));
    }
  }
}
