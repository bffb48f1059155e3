package io.tradeauth.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileLocksTest {

  private static final int NUMBER = 3;

  @TempDir private Path directory;

  /**
   * C15: POSIX takes every lock on a file from a process that closes it once, also those of the
   * same classes loaded a second time.
   */
  @Test
  void closedWhileTheClassesLoadedTwiceHoldALock_noOtherProcessGetsIt_C15() throws Exception {
    Path file = directory.resolve(Integer.toString(NUMBER));
    try (FileChannel theirs =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      theirs.lock();
      try (FileLocks mine = FileLocks.of(directory)) {
        assertNull(mine.lockIfFree(NUMBER));
      }
      System.gc(); // a channel that nobody has any more is closed, too

      assertEquals("taken", lockInAnotherProcess());
    }
    assertEquals("free", lockInAnotherProcess());
  }

  private String lockInAnotherProcess() throws Exception {
    try (ChildJvm child = ChildJvm.start("lock", directory.toString(), "" + NUMBER)) {
      return "" + child.next();
    }
  }
}
