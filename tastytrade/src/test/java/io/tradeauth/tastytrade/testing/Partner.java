package io.tradeauth.tastytrade.testing;

/**
 * The application of a trusted partner, which sends its users through the authorize page. For any
 * number of threads.
 */
public final class Partner {

  private final Environment environment;
  private final Application application;

  Partner(Environment environment, Application application) {
    this.environment = environment;
    this.application = application;
  }

  /** Returns the client id. */
  public String clientId() {
    return application.clientId;
  }

  /** Returns the client secret that the application has now. */
  public String clientSecret() {
    return environment.locked(() -> application.secret);
  }

  /**
   * Gives the application a new client secret, which ends the grants of all its users.
   *
   * @return the new one
   */
  public String regenerateSecret() {
    return environment.regenerateSecret(application);
  }
}
