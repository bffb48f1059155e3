package io.tradeauth;

/**
 * How a broker ends a session on its side.
 *
 * @param reach what else dies with it
 * @param call the call; true if the server says that the session is gone
 */
public record SignOut(Reach reach, BrokerCall<Boolean> call) {

  /** What a sign-out ends. */
  public enum Reach {
    /** This user's session. */
    USER,
    /** The sessions of all users of the client: done only with explicit consent. */
    CLIENT
  }
}
