package io.tradeauth.examples.architecture.wrong.upstox;

/** A broker that minds its own business. */
public final class Stranger {}
