package io.grantbridge.keycloak.outbox;

import io.grantbridge.keycloak.wire.Answer;
import io.grantbridge.keycloak.wire.BridgeClient;
import java.time.Duration;
import java.util.List;
import org.jboss.logging.Logger;
import org.keycloak.cluster.ClusterProvider;
import org.keycloak.cluster.ExecutionResult;
import org.keycloak.models.KeycloakSessionFactory;
import org.keycloak.models.utils.KeycloakModelUtils;

/**
 * Sends what waits, oldest first; run by a timer on every node, done by one at a time.
 *
 * <p>The cluster's lock spares calls. Were it lost, two nodes would send the same id and body, and
 * the bridge would do nothing twice.
 */
public final class Delivery implements Runnable {

  /** The name of the thread and of the cluster's lock. */
  public static final String NAME = "grantbridge-delivery";

  private static final Logger LOG = Logger.getLogger(Delivery.class);
  private static final int LOCK_S = 120;
  private static final Duration LONGEST_RUN = Duration.ofSeconds(60);
  private static final int PAGE = 100;

  private final KeycloakSessionFactory factory;
  private final Courier courier;
  private final BridgeClient client;

  /** Takes what it works with. */
  public Delivery(KeycloakSessionFactory factory, Courier courier, BridgeClient client) {
    this.factory = factory;
    this.courier = courier;
    this.client = client;
  }

  @Override
  public void run() {
    try {
      KeycloakModelUtils.runJobInTransaction(
          factory,
          session -> {
            ExecutionResult<Integer> ran =
                session
                    .getProvider(ClusterProvider.class)
                    .executeIfNotExecuted(NAME, LOCK_S, this::deliver);
            if (ran.isExecuted() && ran.getResult() > 0) {
              LOG.infof("grantbridge: delivered %d waiting messages", ran.getResult());
            }
          });
    } catch (RuntimeException e) {
      // The next run begins anew; an exception would end the schedule for good.
      LOG.errorf("grantbridge: delivery was cut short: %s", e.getClass().getName());
    }
  }

  private int deliver() {
    long end = System.nanoTime() + LONGEST_RUN.toNanos();
    DeliveryRound round = new DeliveryRound(System.currentTimeMillis(), this::send);
    List<WaitingMessage> page = next(Long.MIN_VALUE);
    while (!page.isEmpty()) {
      for (WaitingMessage waiting : page) {
        if (System.nanoTime() > end || !round.take(waiting)) {
          return round.delivered();
        }
      }
      page = next(page.get(page.size() - 1).ordinal());
    }
    return round.delivered();
  }

  private Answer send(WaitingMessage waiting) {
    Answer answer = client.sendPatiently(waiting.message());
    courier.settle(waiting.message(), answer, waiting.tries());
    return answer;
  }

  private List<WaitingMessage> next(long after) {
    return KeycloakModelUtils.runJobInTransactionWithResult(
        factory, session -> new Outbox(session).after(after, PAGE));
  }
}
