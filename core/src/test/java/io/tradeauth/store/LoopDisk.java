package io.tradeauth.store;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A disk of its own in a file, whose power can be cut: what the file has at that moment is all that
 * is left. For root, on Linux, and for one thread.
 */
final class LoopDisk implements AutoCloseable {

  private static final AtomicInteger COUNT = new AtomicInteger();

  private final Path home;
  private final Path image;
  private final Path mountPoint;

  private LoopDisk(Path home) throws IOException {
    int number = COUNT.incrementAndGet();
    this.home = home;
    this.image = home.resolve("image" + number);
    this.mountPoint = Files.createDirectory(home.resolve("disk" + number));
  }

  /** Makes an empty disk; the test is passed over where that can't be done. */
  static LoopDisk make(int megabytes) throws Exception {
    assumeTrue("root".equals(System.getProperty("user.name")), "only root may mount");
    LoopDisk disk = new LoopDisk(TestDatabase.newDirectory("disk"));
    assumeTrue(
        command("truncate", "-s", megabytes + "M", disk.image.toString())
            && command("mkfs.ext4", "-q", "-F", disk.image.toString())
            && disk.mount(),
        "there are no loop devices here, or no ext4");
    return disk;
  }

  /** Nothing gets to the disk by time alone. */
  private boolean mount() throws Exception {
    return command("mount", "-o", "loop,commit=600", image.toString(), mountPoint.toString());
  }

  private static boolean command(String... words) throws Exception {
    try {
      return new ProcessBuilder(words).redirectErrorStream(true).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  Path root() {
    return mountPoint;
  }

  /** Returns the disk as it would be found, had the power been cut just now. */
  LoopDisk cut() throws Exception {
    LoopDisk left = new LoopDisk(home);
    Files.copy(image, left.image);
    if (!left.mount()) {
      throw new IOException("what is left of the disk can't be mounted");
    }
    return left;
  }

  @Override
  public void close() throws Exception {
    command("umount", "-l", mountPoint.toString());
    Files.deleteIfExists(image);
  }
}
