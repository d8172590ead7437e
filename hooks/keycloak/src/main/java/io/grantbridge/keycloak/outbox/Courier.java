package io.grantbridge.keycloak.outbox;

import io.grantbridge.keycloak.wire.Answer;
import io.grantbridge.keycloak.wire.BridgeClient;
import io.grantbridge.keycloak.wire.Message;
import io.grantbridge.keycloak.wire.Verdict;
import org.jboss.logging.Logger;
import org.keycloak.models.AbstractKeycloakTransaction;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.KeycloakSessionFactory;
import org.keycloak.models.utils.KeycloakModelUtils;

/**
 * Brings messages to the bridge: writes each down, tries once at once, and leaves the rest to
 * {@link Delivery}.
 *
 * <p>Nothing here throws into a login.
 */
public final class Courier {

  private static final Logger LOG = Logger.getLogger(Courier.class);

  private final KeycloakSessionFactory factory;
  private final BridgeClient client;

  /** Takes the server's session factory, for transactions of its own. */
  public Courier(KeycloakSessionFactory factory, BridgeClient client) {
    this.factory = factory;
    this.client = client;
  }

  /**
   * Writes a message down in a transaction of its own, whatever becomes of the caller's, and tries
   * to send it.
   */
  public void deliverNow(String realmId, Message message) {
    try {
      KeycloakModelUtils.runJobInTransaction(
          factory, session -> new Outbox(session).add(realmId, message));
    } catch (RuntimeException e) {
      // The bridge may still take it: better told than neither written nor told.
      LOG.errorf("grantbridge: %s could not be written down: %s", message, e.getClass().getName());
    }
    trySending(message);
  }

  /**
   * Writes a message down in the session's own transaction, and tries to send it once that is
   * committed. A login that is rolled back tells nothing.
   */
  public void deliverAfterCommit(KeycloakSession session, String realmId, Message message) {
    new Outbox(session).add(realmId, message);
    session
        .getTransactionManager()
        .enlistAfterCompletion(
            new AbstractKeycloakTransaction() {
              @Override
              protected void commitImpl() {
                trySending(message);
              }

              @Override
              protected void rollbackImpl() {
                // The row went with it.
              }
            });
  }

  private void trySending(Message message) {
    try {
      settle(message, client.sendInLogin(message), 0);
    } catch (RuntimeException e) {
      LOG.errorf("grantbridge: %s waits: %s", message, e.getClass().getName());
    }
  }

  /** Does with a kept message what an answer asks for. */
  void settle(Message message, Answer answer, int tries) {
    Verdict verdict = answer.verdict();
    if (answer.isAlarming() || "quarantined".equals(answer.result())) {
      LOG.errorf(
          "grantbridge: the bridge answers %s to %s: %d %s%s (request %s)",
          verdict, message, answer.status(), answer.code(), answer.result(), answer.requestId());
    }
    if (!answer.isFromBridge()) {
      // It says nothing about this message, which is due again with all others.
      return;
    }
    KeycloakModelUtils.runJobInTransaction(
        factory,
        session -> {
          Outbox outbox = new Outbox(session);
          switch (verdict) {
            case DONE -> outbox.remove(message.id());
            case SET_ASIDE -> outbox.setAside(message.id(), answer.code());
            case RETRY ->
                outbox.postpone(
                    message.id(),
                    answer.code(),
                    System.currentTimeMillis()
                        + Patience.after(tries, answer.retryAfter()).toMillis());
          }
        });
  }
}
