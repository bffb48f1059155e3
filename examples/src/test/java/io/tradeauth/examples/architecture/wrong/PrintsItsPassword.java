package io.tradeauth.examples.architecture.wrong;

/** Prints its password, and nobody notices until it is in the log. */
public record PrintsItsPassword(String login, String userPassword) {}
