package io.grantbridge.keycloak.wire;

import java.net.URI;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;

/**
 * Whether the bridge answered last time.
 *
 * <p>While it does not, logins try it once in a few seconds and not each time: else a bridge that
 * hangs would cost every login both time-outs. Each change is one line in the log.
 */
public final class Reachability {

  private static final Logger LOG = Logger.getLogger(Reachability.class);
  private static final long REST_NS = Duration.ofSeconds(5).toNanos();
  private static final long UP = 0;

  private final URI url;

  /** Nanoseconds (never 0) at which it last gave no answer, or {@link #UP}. */
  private final AtomicLong silentAt = new AtomicLong(UP);

  /** Takes the bridge's URL, for the log. */
  public Reachability(URI url) {
    this.url = url;
  }

  /** Returns whether it answered last time. */
  public boolean isUp() {
    return silentAt.get() == UP;
  }

  /**
   * Returns whether a login should try; true for one login in each rest while the bridge is down.
   */
  public boolean mayTry() {
    long last = silentAt.get();
    long now = now();
    return last == UP || (now - last >= REST_NS && silentAt.compareAndSet(last, now));
  }

  /** Notes an answer, or that there was none. */
  void note(Answer answer) {
    if (answer.isFromBridge()) {
      if (silentAt.getAndSet(UP) != UP) {
        LOG.infof("grantbridge: the bridge at %s answers again", url);
      }
    } else if (silentAt.getAndSet(now()) == UP) {
      LOG.warnf(
          "grantbridge: the bridge at %s does not answer (%s); logins go on without it, and what"
              + " they brought waits",
          url, answer.code());
    }
  }

  private static long now() {
    return System.nanoTime() | 1;
  }
}
