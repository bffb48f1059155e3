package io.tradeauth;

import java.nio.file.Files;
import java.nio.file.Path;

/** The files of this project, for tests that hold one against the other. */
final class SourceTree {

  private SourceTree() {}

  /** Returns the directory of the whole project, whichever module the test runs in. */
  static Path root() {
    Path here = Path.of("").toAbsolutePath();
    while (!Files.exists(here.resolve("LICENSE"))) {
      here = here.getParent();
    }
    return here;
  }
}
