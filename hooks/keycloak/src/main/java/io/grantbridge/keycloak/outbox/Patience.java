package io.grantbridge.keycloak.outbox;

import java.time.Duration;
import java.util.List;

/** How long a message that the bridge refuses for now waits: longer each time, at most an hour. */
final class Patience {

  private static final List<Duration> WAITS =
      List.of(
          Duration.ofSeconds(5),
          Duration.ofSeconds(30),
          Duration.ofMinutes(2),
          Duration.ofMinutes(10),
          Duration.ofHours(1));

  private Patience() {}

  /**
   * Returns the wait.
   *
   * @param tries how many there were before this one
   * @param wanted by the bridge
   */
  static Duration after(int tries, Duration wanted) {
    Duration own = WAITS.get(Math.min(tries, WAITS.size() - 1));
    return own.compareTo(wanted) < 0 ? wanted : own;
  }
}
