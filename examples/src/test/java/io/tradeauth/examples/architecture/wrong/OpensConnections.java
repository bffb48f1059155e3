package io.tradeauth.examples.architecture.wrong;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URL;

/** Sends requests past OkHttp. */
public final class OpensConnections {

  /** Sends one. */
  public int status(URL url) throws IOException {
    return ((HttpURLConnection) url.openConnection()).getResponseCode();
  }
}
