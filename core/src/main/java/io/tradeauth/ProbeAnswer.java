package io.tradeauth;

import org.jspecify.annotations.Nullable;

/** What an answer to a broker's cheapest authenticated call says of the access token. */
public sealed interface ProbeAnswer {

  /**
   * The token works.
   *
   * @param profile whose it is; null if the call does not tell
   */
  record Alive(@Nullable UserProfile profile) implements ProbeAnswer {}

  /**
   * The server refused the token.
   *
   * @param code the server's error code
   */
  record Dead(String code) implements ProbeAnswer {

    /** Makes the server's words fit for a log. */
    public Dead {
      code = ServerText.clean(code);
    }
  }

  /**
   * The call says nothing of the token: an outage, a limit, a missing right.
   *
   * @param code a word for what came
   */
  record Unknown(String code) implements ProbeAnswer {

    /** Makes the server's words fit for a log. */
    public Unknown {
      code = ServerText.clean(code);
    }
  }
}
