package io.tradeauth.store;

import io.tradeauth.TokenStore;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import org.jspecify.annotations.Nullable;

/** Calls of a store that stands between a manager and the right one. */
final class StoreCalls {

  private StoreCalls() {}

  static boolean isOfALogin(Object @Nullable [] parameters) {
    return parameters != null
        && parameters.length > 0
        && parameters[0] instanceof TokenStore.Key
        && ((TokenStore.Key) parameters[0]).kind() == TokenStore.Kind.LOGIN;
  }

  /** Hands a call on, and its failure back as it is. */
  static @Nullable Object invoked(Method method, TokenStore store, Object @Nullable [] parameters)
      throws Throwable {
    try {
      return method.invoke(store, parameters);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
