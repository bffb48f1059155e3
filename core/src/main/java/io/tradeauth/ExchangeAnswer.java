package io.tradeauth;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What an answer to an exchange means. A closed set: every answer is one of these. */
public sealed interface ExchangeAnswer {

  /** Tokens were granted. */
  record Granted(TokenResponse response) implements ExchangeAnswer {}

  /**
   * The exchange was refused for good; nothing was spent.
   *
   * @param party who must do something: the user (a new sign-in) or the owner of the client
   * @param code the server's error code, such as {@code invalid_grant}
   * @param description the server's explanation; untrusted text
   */
  record Refused(Party party, String code, String description) implements ExchangeAnswer {

    /** Makes the server's words fit for a log. */
    public Refused {
      code = ServerText.clean(code);
      description = ServerText.clean(description);
    }
  }

  /**
   * The server did nothing this time: try again later.
   *
   * @param code the server's error code or a word for what came instead
   * @param patience how long the same answer may come before it is taken for a refusal of the user;
   *     null for ever
   */
  record Later(String code, @Nullable Duration patience) implements ExchangeAnswer {

    /** Makes the server's words fit for a log. */
    public Later {
      code = ServerText.clean(code);
    }

    /** An answer that is never taken for a refusal. */
    public Later(String code) {
      this(code, null);
    }
  }

  /**
   * Nobody knows whether the server did it.
   *
   * @param code a word for what came, such as {@code http 502}
   */
  record Unclear(String code) implements ExchangeAnswer {

    /** Makes the server's words fit for a log. */
    public Unclear {
      code = ServerText.clean(code);
    }
  }

  /** Who can mend a refusal. */
  enum Party {
    /** The user, by signing in again. */
    USER,
    /** The owner of the application, by correcting its settings. */
    CLIENT
  }
}
