package io.tradeauth.examples.architecture;

import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.regex.Pattern;

/**
 * What must not be called, method references and constructors included, as ArchUnit writes it: the
 * owner, the name, the types of the parameters.
 */
final class Calls {

  static final Pattern CLOCKS =
      any(
          "java.lang.System.(currentTimeMillis|nanoTime)\\(.*",
          "java.time.[A-Za-z.]+.now\\(.*",
          "java.time.Clock.(system|tick).*",
          "java.util.Date.<init>\\(\\)",
          "java.util.(Calendar|GregorianCalendar).(getInstance|<init>)\\(.*");

  static final Pattern DEFAULTS =
      any(
          "java.time.ZoneId.systemDefault\\(.*",
          "java.time.(?!Instant)[A-Za-z]+.now\\(\\)",
          "java.time.Clock.systemDefaultZone\\(.*",
          "java.util.TimeZone.getDefault\\(.*",
          "java.time.format.DateTimeFormatter.(ofPattern\\(java.lang.String\\)|ofLocalized.*)",
          "java.time.format.DateTimeFormatterBuilder.toFormatter\\(\\)",
          "java.text.(SimpleDateFormat|DecimalFormat).<init>\\((java.lang.String)?\\)",
          "java.util.Locale.getDefault\\(.*",
          "java.lang.String.to(Lower|Upper)Case\\(\\)",
          "java.lang.String.format\\(java.lang.String, .*",
          "java.lang.String.formatted\\(.*",
          "java.io.Print(Stream|Writer).(printf|format)\\(java.lang.String, .*",
          "java.util.Formatter.<init>\\(\\)",
          "java.nio.charset.Charset.defaultCharset\\(.*",
          "java.lang.String.getBytes\\(\\)",
          "java.lang.String.<init>\\(byte\\[\\](, int, int)?\\)",
          "java.io.ByteArrayOutputStream.toString\\(\\)",
          "java.io.InputStreamReader.<init>\\(java.io.InputStream\\)",
          "java.io.OutputStreamWriter.<init>\\(java.io.OutputStream\\)",
          "java.io.File(Reader|Writer).<init>\\([^,]*\\)",
          "java.io.Print(Stream|Writer).<init>\\(java.(io.OutputStream|lang.String|io.File)\\)",
          "java.util.Scanner.<init>\\([^,]*InputStream\\)",
          "java.net.URL(En|De)coder.(en|de)code\\(java.lang.String\\)");

  static final Pattern CONSOLE =
      any(
          "java.lang.System.(out|err|in|console.*|exit.*)",
          "java.lang.Throwable.printStackTrace\\(\\)",
          "java.lang.Runtime.(exit|halt)\\(.*",
          "java.lang.Thread.dumpStack\\(.*");

  private Calls() {}

  private static Pattern any(String... calls) {
    return Pattern.compile(String.join("|", calls));
  }

  /** Nothing that {@code forbidden} matches is called, referred to or read. */
  static ArchCondition<JavaClass> none(Pattern forbidden) {
    return new ArchCondition<>("call none of these") {
      @Override
      public void check(JavaClass type, ConditionEvents events) {
        for (JavaAccess<?> access : type.getAccessesFromSelf()) {
          boolean found = forbidden.matcher(access.getTarget().getFullName()).matches();
          events.add(new SimpleConditionEvent(type, !found, access.getDescription()));
        }
      }
    };
  }
}
