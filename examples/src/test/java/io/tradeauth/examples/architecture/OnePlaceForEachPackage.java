package io.tradeauth.examples.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** All classes of a package come from one directory or jar. */
final class OnePlaceForEachPackage extends ArchCondition<JavaClass> {

  private Map<String, Set<String>> places = Map.of();

  OnePlaceForEachPackage() {
    super("share their package with no other module");
  }

  @Override
  public void init(Collection<JavaClass> all) {
    places =
        all.stream()
            .collect(
                Collectors.groupingBy(
                    JavaClass::getPackageName,
                    Collectors.mapping(
                        OnePlaceForEachPackage::place, Collectors.toCollection(TreeSet::new))));
  }

  @Override
  public void check(JavaClass type, ConditionEvents events) {
    Set<String> all = places.get(type.getPackageName());
    events.add(
        new SimpleConditionEvent(
            type,
            all.size() == 1,
            type.getName() + " is in a package that is in " + String.join(" and ", all)));
  }

  private static String place(JavaClass type) {
    String uri = type.getSource().orElseThrow().getUri().toString();
    String file = type.getName().replace('.', '/') + ".class";
    return uri.substring(0, uri.length() - file.length());
  }
}
