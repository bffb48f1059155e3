package io.tradeauth.store;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Keys that stay the same. Immutable. */
final class FixedKeys implements KeyProvider {

  private final EncryptionKey primary;
  private final Map<String, EncryptionKey> all = new LinkedHashMap<>();

  FixedKeys(EncryptionKey primary, List<EncryptionKey> others) {
    this.primary = primary;
    all.put(primary.id(), primary);
    others.forEach(this::add);
  }

  private void add(EncryptionKey key) {
    EncryptionKey same = all.putIfAbsent(key.id(), key);
    if (same != null && !same.equals(key)) {
      throw new IllegalArgumentException("others: two keys have the id " + key.id());
    }
  }

  @Override
  public EncryptionKey primary() {
    return primary;
  }

  @Override
  public @Nullable EncryptionKey find(String id) {
    return all.get(id);
  }

  @Override
  public String toString() {
    return "KeyProvider" + all.keySet();
  }
}
