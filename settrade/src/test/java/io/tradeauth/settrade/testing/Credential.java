package io.tradeauth.settrade.testing;

import java.util.List;

/**
 * What Settrade's portal gives an investor for an app: all that a login needs. Immutable; prints
 * without the secret.
 */
public final class Credential {

  private final String brokerId;
  private final String appCode;
  private final String apiKey;
  private final String appSecret;
  private final List<String> accounts;

  Credential(
      String brokerId, String appCode, String apiKey, String appSecret, List<String> accounts) {
    this.brokerId = brokerId;
    this.appCode = appCode;
    this.apiKey = apiKey;
    this.appSecret = appSecret;
    this.accounts = List.copyOf(accounts);
  }

  /** Returns the broker, such as {@code 023}. */
  public String brokerId() {
    return brokerId;
  }

  /** Returns the app of that broker, such as {@code ALGO_EQ}. */
  public String appCode() {
    return appCode;
  }

  /** Returns the key's name, 16 letters and digits. */
  public String apiKey() {
    return apiKey;
  }

  /** Returns the private key as the portal shows it; empty if the user brought a key of its own. */
  public String appSecret() {
    return appSecret;
  }

  /** Returns the accounts that the key may ask for. */
  public List<String> accounts() {
    return accounts;
  }

  /** Returns what the log and the ledger call this credential: broker, app and key. */
  public String owner() {
    return brokerId + '/' + appCode + '/' + apiKey;
  }

  @Override
  public String toString() {
    return "Credential[" + owner() + "]";
  }
}
