package io.tradeauth.store;

import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/**
 * Who may use a file: only its owner, where the file system knows owners. Where it does not, as on
 * Windows, nothing is checked and nothing promised.
 */
enum Modes {
  /** As on Linux and macOS. */
  POSIX {
    @Override
    FileAttribute<?>[] ofDirectory() {
      return new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(DIRECTORY)};
    }

    @Override
    FileAttribute<?>[] ofFile() {
      return new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(FILE)};
    }

    @Override
    boolean othersMayUse(Path path) throws IOException {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path);
      return !DIRECTORY.containsAll(permissions);
    }

    @Override
    void keepToOwner(Path path) throws IOException {
      Set<PosixFilePermission> permissions = EnumSet.copyOf(DIRECTORY);
      permissions.retainAll(Files.getPosixFilePermissions(path));
      Files.setPosixFilePermissions(path, permissions);
    }
  },
  /** As on Windows. */
  NONE {
    @Override
    FileAttribute<?>[] ofDirectory() {
      return new FileAttribute<?>[0];
    }

    @Override
    FileAttribute<?>[] ofFile() {
      return new FileAttribute<?>[0];
    }

    @Override
    boolean othersMayUse(Path path) {
      return false;
    }

    @Override
    void keepToOwner(Path path) {}
  };

  private static final Set<PosixFilePermission> DIRECTORY =
      PosixFilePermissions.fromString("rwx------");
  private static final Set<PosixFilePermission> FILE = PosixFilePermissions.fromString("rw-------");

  /** Returns what the file system of an existing or future file knows. */
  static Modes of(Path path) {
    return Files.getFileAttributeView(path, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            == null
        ? NONE
        : POSIX;
  }

  abstract FileAttribute<?>[] ofDirectory();

  abstract FileAttribute<?>[] ofFile();

  abstract boolean othersMayUse(Path path) throws IOException;

  abstract void keepToOwner(Path path) throws IOException;

  /**
   * Does nothing if only the owner may use it.
   *
   * @throws TokenStoreException if others may, too
   */
  final void refuseIfOthersMayUse(Path path) throws IOException {
    if (othersMayUse(path)) {
      throw new TokenStoreException(
          Reason.UNSAFE,
          path + ": others than its owner may use it; 'chmod go= " + path + "' mends that",
          null);
    }
  }
}
