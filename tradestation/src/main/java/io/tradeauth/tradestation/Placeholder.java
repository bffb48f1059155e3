package io.tradeauth.tradestation;

/** Keeps the package from being empty until it has its first type; then it goes. */
final class Placeholder {}
