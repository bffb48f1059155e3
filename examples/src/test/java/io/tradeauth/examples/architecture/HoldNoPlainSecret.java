package io.tradeauth.examples.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Set;
import java.util.regex.Pattern;

/** No component is a plain string with a name that promises a secret. */
final class HoldNoPlainSecret extends ArchCondition<JavaClass> {

  /** By its last word: a {@code refreshToken} is a secret, a {@code tokenType} is not. */
  private static final Pattern SECRET =
      Pattern.compile(
          "(.*[a-z])?(?i:secrets?|tokens?|passwords?|passphrase|verifier|signature|assertion"
              + "|privateKey|signingKey|authorization)"
              + "|code|authCode|authorizationCode|otp|pin");

  /** These print what is in them; an array doesn't. */
  private static final Set<String> PLAIN =
      Set.of(
          "java.lang.String",
          "java.lang.CharSequence",
          "java.util.Optional",
          "java.util.List",
          "java.util.Set");

  /** What these call code is the code of an error. */
  private static final Pattern ANSWER = Pattern.compile("io\\.tradeauth\\.[A-Za-z]+Answer\\$.*");

  HoldNoPlainSecret() {
    super("hold no secret as a plain string");
  }

  @Override
  public void check(JavaClass type, ConditionEvents events) {
    for (JavaField component : type.getFields()) {
      boolean told = promisesSecret(type, component) && isPlain(component);
      events.add(
          new SimpleConditionEvent(type, !told, component.getFullName() + " would be printed"));
    }
  }

  private static boolean promisesSecret(JavaClass type, JavaField component) {
    return !component.getModifiers().contains(JavaModifier.STATIC)
        && SECRET.matcher(component.getName()).matches()
        && !(component.getName().equals("code") && ANSWER.matcher(type.getName()).matches());
  }

  private static boolean isPlain(JavaField component) {
    return PLAIN.contains(component.getRawType().getName())
        && component.getAllInvolvedRawTypes().stream()
            .anyMatch(part -> part.isAssignableTo(CharSequence.class));
  }
}
