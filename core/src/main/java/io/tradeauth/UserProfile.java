package io.tradeauth;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who a login belongs to, as the broker tells it.
 *
 * @param subject the broker's own name for the person, which never changes; compared at each
 *     sign-in
 * @param name the person's name, if told
 * @param email the person's e-mail address, if told
 * @param accounts the accounts that this login reaches
 * @param exchanges the exchanges the person may trade on, where the broker tells
 * @param products the products the person may trade, where the broker tells
 * @param orderTypes the order types the person may use, where the broker tells
 */
public record UserProfile(
    @Nullable String subject,
    @Nullable String name,
    @Nullable String email,
    List<Account> accounts,
    Set<String> exchanges,
    Set<String> products,
    Set<String> orderTypes) {

  /**
   * One account.
   *
   * @param number the account number
   * @param type the broker's word for its type, such as {@code Margin}, if told
   * @param nickname the owner's name for it, if told
   */
  public record Account(String number, @Nullable String type, @Nullable String nickname) {}

  /** Copies the collections. */
  public UserProfile {
    accounts = List.copyOf(accounts);
    exchanges = Set.copyOf(exchanges);
    products = Set.copyOf(products);
    orderTypes = Set.copyOf(orderTypes);
  }

  /** Returns a profile that only says who it is. */
  public static UserProfile of(String subject) {
    return new UserProfile(subject, null, null, List.of(), Set.of(), Set.of(), Set.of());
  }

  /** Returns this profile with what {@code newer} tells in place of what this one did. */
  UserProfile updatedBy(UserProfile newer) {
    return new UserProfile(
        newer.subject != null ? newer.subject : subject,
        newer.name != null ? newer.name : name,
        newer.email != null ? newer.email : email,
        newer.accounts.isEmpty() ? accounts : newer.accounts,
        newer.exchanges.isEmpty() ? exchanges : newer.exchanges,
        newer.products.isEmpty() ? products : newer.products,
        newer.orderTypes.isEmpty() ? orderTypes : newer.orderTypes);
  }

  /** Returns the same with other accounts. */
  UserProfile withAccounts(List<Account> others) {
    return new UserProfile(subject, name, email, others, exchanges, products, orderTypes);
  }

  /** Returns how many accounts there are and nothing personal: logs and events may hold it. */
  @Override
  public String toString() {
    return "UserProfile[accounts=" + accounts.size() + "]";
  }
}
