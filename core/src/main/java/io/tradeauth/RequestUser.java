package io.tradeauth;

/**
 * The tag that says whose request it is, on a client that serves many users.
 *
 * @param userId the user
 */
public record RequestUser(String userId) {}
