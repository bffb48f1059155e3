package io.tradeauth.examples.architecture.wrong;

import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.Charset;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.List;
import java.util.Locale;

/** Does something else on every machine. */
public final class AsksTheMachine {

  /** Asks for zone, locale and charset. */
  @SuppressWarnings("DefaultCharset")
  public List<Object> all(String text) {
    return List.of(
        ZoneId.systemDefault(),
        LocalDate.now(),
        Locale.getDefault(),
        text.toLowerCase(),
        String.format("%,d", 1000),
        "%,d".formatted(1000),
        Charset.defaultCharset(),
        new String(text.getBytes()),
        new InputStreamReader(new ByteArrayInputStream(new byte[0])));
  }
}
