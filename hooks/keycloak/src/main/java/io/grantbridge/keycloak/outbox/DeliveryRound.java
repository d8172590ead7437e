package io.grantbridge.keycloak.outbox;

import io.grantbridge.keycloak.wire.Answer;
import io.grantbridge.keycloak.wire.Verdict;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Function;

/**
 * One pass through all that waits, in order: a message that is not due, or that the bridge refuses
 * for now, holds back what came later in its lane, and nothing else.
 */
final class DeliveryRound {

  private final long now;
  private final Function<WaitingMessage, Answer> send;
  private final Set<String> blocked = new HashSet<>();
  private int delivered;

  /**
   * Begins a pass.
   *
   * @param now Unix milliseconds
   * @param send sends a message, and does with it what the answer asks for
   */
  DeliveryRound(long now, Function<WaitingMessage, Answer> send) {
    this.now = now;
    this.send = send;
  }

  /** Sends a message if it is its turn; returns whether the bridge is there for the next one. */
  boolean take(WaitingMessage waiting) {
    String lane = waiting.realmId() + ' ' + waiting.message().lane();
    if (blocked.contains(lane)) {
      return true;
    }
    if (!waiting.isDue(now)) {
      blocked.add(lane);
      return true;
    }
    Answer answer = send.apply(waiting);
    if (answer.verdict() == Verdict.DONE) {
      delivered++;
    } else if (answer.verdict() == Verdict.RETRY) {
      blocked.add(lane);
    }
    return answer.isFromBridge();
  }

  /** Returns how many the bridge has taken. */
  int delivered() {
    return delivered;
  }
}
