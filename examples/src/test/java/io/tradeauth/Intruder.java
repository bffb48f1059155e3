package io.tradeauth;

/** Puts itself into the engine's package, where it would see what is not for it. */
public final class Intruder {}
