package io.tradeauth.examples.architecture.wrong;

/** Writes where nobody asked it to. */
public final class TalksToTheConsole {

  /** Writes. */
  public void all(Exception problem) {
    System.out.println("hello");
    System.err.println("hello");
    problem.printStackTrace();
  }
}
