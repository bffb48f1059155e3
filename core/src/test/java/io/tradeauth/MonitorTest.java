package io.tradeauth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.tradeauth.testing.EngineFixture;
import io.tradeauth.testing.FakeAuthorizationServer;
import io.tradeauth.testing.FakeBroker;
import io.tradeauth.testing.Gate;
import io.tradeauth.testing.ManualClock;
import io.tradeauth.testing.Racers;
import java.lang.management.ManagementFactory;
import java.lang.management.MonitorInfo;
import java.lang.management.ThreadInfo;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import okhttp3.Dns;
import okhttp3.OkHttpClient;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nothing that may take long is done under a monitor: it would hold a virtual thread's carrier. */
class MonitorTest {

  private static final Duration SLOW = Duration.ofMillis(200);

  @Test
  void storeTransportAndListener_seeNoMonitorOfOurs_G14() {
    Monitors monitors = new Monitors();
    Dns dns =
        host -> {
          monitors.look("transport");
          return Dns.SYSTEM.lookup(host);
        };
    TokenStore store = watched(TokenStore.inMemory(), () -> monitors.look("store"));
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .store(store)
            .manager(
                manager ->
                    // Loopback has no name to look up; what opens the socket is asked as well.
                    manager.httpClient(
                        new OkHttpClient.Builder()
                            .dns(dns)
                            .socketFactory(new LookingSockets(monitors))
                            .build()))
            .start()) {
      engine.manager().on(TokenEvent.class, event -> monitors.look("listener"));
      engine.signIn("alice");
      engine.expire();
      AccessToken old = engine.get("alice");
      engine.clock().jump(Duration.ofMinutes(1));
      engine.tokens().getInsteadOf("alice", old);
      engine.tokens().forUser("alice").getAsync().join();
      engine.signOut("alice");
      assertEquals(Set.of("store", "transport", "listener"), monitors.places);
      assertEquals(List.of(), monitors.held);
    }
  }

  @Test
  void tenThousandVirtualThreads_slowStoreServerAndListener_noneIsPinned_G14(@TempDir Path scratch)
      throws Exception {
    ThreadFactory virtual = StormTest.virtualThreads();
    int count = 10_000;
    int users = 64;
    AtomicInteger slow = new AtomicInteger();
    ManualClock clock = ManualClock.at("2026-01-05T09:00:00Z");
    ExecutorService callers = Executors.newCachedThreadPool(virtual);
    try (Recording recording = new Recording();
        FakeAuthorizationServer server = FakeAuthorizationServer.strict(clock);
        TokenManager manager =
            TokenManager.builder()
                .time(clock)
                .store(
                    watched(
                        TokenStore.inMemory(),
                        () -> {
                          slow.incrementAndGet();
                          LockSupport.parkNanos(SLOW.toNanos());
                        }))
                .callbackExecutor(callers)
                .broker(
                    FakeBroker.of(server),
                    settings -> settings.client(FakeBroker.client()).maxWait(Duration.ofMinutes(1)))
                .build()) {
      recording.enable("jdk.VirtualThreadPinned").withoutThreshold();
      manager.on(TokenEvent.class, event -> LockSupport.parkNanos(SLOW.toNanos()));
      List<Future<?>> signIns = new ArrayList<>();
      for (int i = 0; i <= users; i++) {
        String user = "user-" + i;
        signIns.add(
            callers.submit(
                () -> manager.signIn(FakeBroker.NAME, user, FakeBroker.grant(server, user))));
      }
      for (Future<?> signIn : signIns) {
        signIn.get(1, TimeUnit.MINUTES);
      }
      clock.jump(server.life().plusSeconds(1));
      manager.provider(FakeBroker.NAME).get("user-" + users); // and the client is proven again
      int before = server.count("token");
      recording.start();
      CountDownLatch ready = new CountDownLatch(count);
      Gate gate = server.holdAnswers("token");
      List<Future<AccessToken>> calls =
          IntStream.range(0, count)
              .mapToObj(
                  i ->
                      callers.submit(
                          () -> {
                            ready.countDown();
                            ready.await();
                            return manager.provider(FakeBroker.NAME).get("user-" + i % users);
                          }))
              .toList();
      gate.awaitArrivals(users);
      LockSupport.parkNanos(SLOW.toNanos());
      gate.open();
      assertEquals(count, Racers.results(calls).size());
      recording.stop();
      Path events = scratch.resolve("pinned.jfr");
      recording.dump(events);
      List<RecordedEvent> pinned =
          RecordingFile.readAllEvents(events).stream()
              .filter(event -> event.getEventType().getName().equals("jdk.VirtualThreadPinned"))
              .filter(MonitorTest::isOurs)
              .toList();
      assertTrue(slow.get() >= 3 * users, "the store was slow");
      assertEquals(users, server.count("token") - before);
      assertEquals(List.of(), pinned, "jdk.VirtualThreadPinned");
    } finally {
      callers.shutdownNow();
    }
  }

  /** An event with no frame of ours, such as the loading of a class, is the runtime's. */
  private static boolean isOurs(RecordedEvent event) {
    return event.getStackTrace() == null
        || event.getStackTrace().getFrames().stream()
            .anyMatch(frame -> frame.getMethod().getType().getName().startsWith("io.tradeauth."));
  }

  /** What holds a monitor while something foreign is called. */
  private static final class Monitors {

    final Set<String> places = ConcurrentHashMap.newKeySet();
    final List<String> held = java.util.Collections.synchronizedList(new ArrayList<>());

    void look(String place) {
      places.add(place);
      long[] me = {Thread.currentThread().getId()};
      ThreadInfo info = ManagementFactory.getThreadMXBean().getThreadInfo(me, true, false)[0];
      List<StackTraceElement> stack = List.of(info.getStackTrace());
      for (MonitorInfo monitor : info.getLockedMonitors()) {
        if (isHeldByUs(stack, monitor.getLockedStackDepth())) {
          held.add(place + " is called under a monitor of " + monitor.getLockedStackFrame());
        }
      }
    }

    /**
     * Returns whether we locked it, or called what locked it and calls us back, such as a map that
     * computes. What the transport locks for itself lies between us and the wire, and what a caller
     * has locked lies below us.
     */
    private static boolean isHeldByUs(List<StackTraceElement> stack, int locked) {
      return isOurs(stack.get(locked))
          || (stack.subList(0, locked).stream().anyMatch(Monitors::isOurs)
              && stack.subList(locked, stack.size()).stream().anyMatch(Monitors::isOurs));
    }

    private static boolean isOurs(StackTraceElement frame) {
      String type = frame.getClassName();
      return type.startsWith("io.tradeauth.")
          && !type.startsWith("io.tradeauth.testing.")
          && (!type.startsWith(MonitorTest.class.getName())
              || type.startsWith(ComputingStore.class.getName()));
    }
  }

  /** A cache before a store as many would write it: it asks the store while it computes. */
  private static final class ComputingStore implements InvocationHandler {

    private final ConcurrentMap<String, Object> answers = new ConcurrentHashMap<>();
    private final TokenStore store;

    ComputingStore(TokenStore store) {
      this.store = store;
    }

    @Override
    public @Nullable Object invoke(Object proxy, Method method, Object[] arguments) {
      AtomicReference<@Nullable Object> answer = new AtomicReference<>();
      answers.compute(
          method.getName(),
          (name, before) -> {
            answer.set(call(method, arguments));
            return name;
          });
      return answer.get();
    }

    private @Nullable Object call(Method method, Object[] arguments) {
      try {
        return method.invoke(store, arguments);
      } catch (ReflectiveOperationException e) {
        throw new AssertionError(e);
      }
    }
  }

  @Test
  void storeAskedInsideAMapThatComputes_isFound_theCallersOwnMonitorIsNot() {
    Monitors monitors = new Monitors();
    TokenStore watched = watched(TokenStore.inMemory(), () -> monitors.look("store"));
    askUnderAMonitor(watched);
    assertEquals(List.of(), monitors.held);

    askUnderAMonitor(store(new ComputingStore(watched)));

    assertFalse(monitors.held.isEmpty());
    assertTrue(
        monitors.held.stream()
            .allMatch(held -> held.contains("java.util.concurrent.ConcurrentHashMap.compute")));
  }

  private static void askUnderAMonitor(TokenStore store) {
    Object own = new Object();
    try (EngineFixture engine =
        EngineFixture.of(RotationProfile.STRICT)
            .store(store)
            .manager(manager -> manager.executor(Runnable::run))
            .start()) {
      synchronized (own) {
        engine.signIn("alice");
        engine.get("alice");
      }
    }
  }

  private static TokenStore watched(TokenStore store, Runnable first) {
    return store(
        (proxy, method, arguments) -> {
          first.run();
          try {
            return method.invoke(store, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        });
  }

  private static TokenStore store(InvocationHandler handler) {
    return (TokenStore)
        Proxy.newProxyInstance(
            MonitorTest.class.getClassLoader(), new Class<?>[] {TokenStore.class}, handler);
  }

  /** Sockets whose making is watched. */
  private static final class LookingSockets extends javax.net.SocketFactory {

    private final Monitors monitors;

    LookingSockets(Monitors monitors) {
      this.monitors = monitors;
    }

    @Override
    public java.net.Socket createSocket() {
      monitors.look("transport");
      return new java.net.Socket();
    }

    @Override
    public java.net.Socket createSocket(String host, int port) {
      throw new UnsupportedOperationException();
    }

    @Override
    public java.net.Socket createSocket(
        String host, int port, java.net.InetAddress local, int localPort) {
      throw new UnsupportedOperationException();
    }

    @Override
    public java.net.Socket createSocket(java.net.InetAddress host, int port) {
      throw new UnsupportedOperationException();
    }

    @Override
    public java.net.Socket createSocket(
        java.net.InetAddress host, int port, java.net.InetAddress local, int localPort) {
      throw new UnsupportedOperationException();
    }
  }
}
