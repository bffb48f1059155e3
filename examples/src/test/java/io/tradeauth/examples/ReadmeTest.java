package io.tradeauth.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The README says what is true.
 *
 * <p>A Java block under {@code <!-- block: NAME -->} is, line by line, what stands between {@code
 * // block: NAME} and {@code // end of block: NAME} in a source file of the examples. Each row of
 * the table under {@code <!-- table: failures -->} names, as {@code `Class#method`}, a test that
 * proves it.
 */
class ReadmeTest {

  private static final Path ROOT = root();
  private static final Pattern TEST = Pattern.compile("`([A-Z]\\w+)#(\\w+)`");

  private final List<String> readme = lines(ROOT.resolve("README.md"));

  private static Path root() {
    Path here = Path.of("").toAbsolutePath();
    while (!Files.exists(here.resolve("LICENSE"))) {
      here = here.getParent();
    }
    return here;
  }

  @TestFactory
  Stream<DynamicTest> javaBlock_isWhatTheExamplesCompile() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i + 1 < readme.size(); i++) {
      Matcher marker = Pattern.compile("<!-- block: (\\S+) -->").matcher(readme.get(i));
      if (marker.matches() && readme.get(i + 1).equals("```java")) {
        names.add(marker.group(1));
      }
    }
    assertTrue(names.contains("sample"), "README.md has no block 'sample'");

    return names.stream()
        .map(name -> DynamicTest.dynamicTest(name, () -> assertEquals(compiled(name), told(name))));
  }

  @Test
  void javaBlock_hasAMarker() {
    for (int i = 0; i < readme.size(); i++) {
      if (readme.get(i).equals("```java")) {
        String above = readme.get(i - 1);
        assertTrue(above.startsWith("<!-- block: "), "README.md:" + (i + 1) + " has no marker");
      }
    }
  }

  private String told(String name) {
    int marker = readme.indexOf("<!-- block: " + name + " -->");
    List<String> rest = readme.subList(marker + 2, readme.size());
    return String.join("\n", rest.subList(0, rest.indexOf("```"))).strip();
  }

  private static String compiled(String name) {
    String begin = "// block: " + name;
    String end = "// end of block: " + name;
    for (Path source : sources(ROOT.resolve("examples/src"))) {
      List<String> lines = lines(source);
      List<String> stripped = lines.stream().map(String::strip).toList();
      if (stripped.contains(begin)) {
        assertTrue(stripped.contains(end), source + " does not say '" + end + "'");
        List<String> block = lines.subList(stripped.indexOf(begin) + 1, stripped.indexOf(end));
        // A blank last line would count as one without an indent.
        return String.join("\n", block).stripTrailing().stripIndent().strip();
      }
    }
    throw new AssertionError("no source of the examples says '" + begin + "'");
  }

  @Test
  void failureContract_twentyRowsAtLeast_eachHasItsTest_G46() {
    List<String> rows = failures();
    assertTrue(
        rows.size() >= 20, "README.md has " + rows.size() + " rows in its table of failures");

    for (String row : rows) {
      Matcher test = TEST.matcher(row);
      assertTrue(test.find(), "no `Class#method` proves this row: " + row);
      do {
        assertTrue(
            isTest(test.group(1), test.group(2)), "there is no test " + test.group() + ": " + row);
      } while (test.find());
    }
  }

  @Test
  void missingTest_isFound() {
    assertTrue(isTest("ReadmeTest", "missingTest_isFound"));
    assertFalse(isTest("ReadmeTest", "isTest"));
    assertFalse(isTest("ReadmeTest", "nowhere"));
    assertFalse(isTest("NowhereTest", "nowhere"));
  }

  /** The rows without their head. */
  private List<String> failures() {
    int marker = readme.indexOf("<!-- table: failures -->");
    assertTrue(marker >= 0, "README.md has no '<!-- table: failures -->'");
    return readme.subList(marker + 1, readme.size()).stream()
        .dropWhile(line -> !line.startsWith("|"))
        .takeWhile(line -> line.startsWith("|"))
        .skip(2)
        .toList();
  }

  private static boolean isTest(String type, String method) {
    Pattern declaration =
        Pattern.compile(
            "@(Test|ParameterizedTest|RepeatedTest|TestFactory|Property|Example)\\b"
                + "(?:(?!\\n\\n)(?!\\bvoid\\b)[\\s\\S])*?\\b(void|boolean|Stream<\\w+>) "
                + method
                + "\\(");
    return sources(ROOT).stream()
        .filter(source -> source.endsWith(type + ".java") && source.toString().contains("src/test"))
        .anyMatch(source -> declaration.matcher(String.join("\n", lines(source))).find());
  }

  private static List<Path> sources(Path directory) {
    try (Stream<Path> files = Files.walk(directory)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .filter(file -> !file.toString().contains("/target/"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      throw new AssertionError(file + " can't be read", e);
    }
  }
}
