package io.grantbridge.keycloak.outbox;

import io.grantbridge.keycloak.wire.Answer;
import io.grantbridge.keycloak.wire.BridgeClient;
import io.grantbridge.keycloak.wire.Message;
import io.grantbridge.keycloak.wire.Verdict;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
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
  private static final int THREADS = 2;
  private static final int LONGEST_QUEUE = 1_000;
  private static final Duration FAREWELL = Duration.ofSeconds(5);

  private final KeycloakSessionFactory factory;
  private final BridgeClient client;
  private final ExecutorService background;

  /** Takes the server's session factory, for transactions of its own. */
  public Courier(KeycloakSessionFactory factory, BridgeClient client) {
    this.factory = factory;
    this.client = client;
    // With a full queue the login does its own sending, as without a background.
    this.background =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(LONGEST_QUEUE),
            Courier::thread,
            new ThreadPoolExecutor.CallerRunsPolicy());
  }

  private static Thread thread(Runnable task) {
    Thread thread = new Thread(task, "grantbridge-courier");
    thread.setDaemon(true);
    return thread;
  }

  /**
   * Writes a message down in a transaction of its own, whatever becomes of the caller's, and tries
   * to send it. For what must not be lost.
   */
  public void deliverNow(String realmId, Message message) {
    keep(realmId, message);
    trySending(message);
  }

  /**
   * Sends a message in the background, and writes it down if that fails. For what a crash in
   * between may take with it: it spares most logins two calls and two commits.
   */
  public void deliverSoon(String realmId, Message message) {
    background.execute(() -> deliverOrKeep(realmId, message));
  }

  private void deliverOrKeep(String realmId, Message message) {
    Answer answer = client.sendInLogin(message);
    if (answer.verdict() == Verdict.DONE) {
      report(message, answer);
    } else {
      keep(realmId, message);
      trySettling(message, answer);
    }
  }

  private void keep(String realmId, Message message) {
    try {
      KeycloakModelUtils.runJobInTransaction(
          factory, session -> new Outbox(session).add(realmId, message));
    } catch (RuntimeException e) {
      // The bridge may still take it: better told than neither written nor told.
      LOG.errorf("grantbridge: %s could not be written down: %s", message, e.getClass().getName());
    }
  }

  /**
   * Writes a message down in the session's own transaction, and tries to send it once that is
   * committed. A login that is rolled back tells nothing.
   */
  public void deliverAfterCommit(KeycloakSession session, String realmId, Message message) {
    new Outbox(session).add(realmId, message);
    afterCommit(session, () -> trySending(message));
  }

  /** Does the same as {@link #deliverSoon} once the session's transaction is committed. */
  public void deliverSoonAfterCommit(KeycloakSession session, String realmId, Message message) {
    afterCommit(session, () -> deliverSoon(realmId, message));
  }

  /** Sends what is under way in the background, and takes no more. */
  public void close() {
    background.shutdown();
    try {
      if (!background.awaitTermination(FAREWELL.toSeconds(), TimeUnit.SECONDS)) {
        background.shutdownNow();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void afterCommit(KeycloakSession session, Runnable task) {
    session
        .getTransactionManager()
        .enlistAfterCompletion(
            new AbstractKeycloakTransaction() {
              @Override
              protected void commitImpl() {
                task.run();
              }

              @Override
              protected void rollbackImpl() {
                // A login that is rolled back tells nothing; a row went with it.
              }
            });
  }

  private void trySending(Message message) {
    trySettling(message, client.sendInLogin(message));
  }

  private void trySettling(Message message, Answer answer) {
    try {
      settle(message, answer, 0);
    } catch (RuntimeException e) {
      LOG.errorf("grantbridge: %s waits: %s", message, e.getClass().getName());
    }
  }

  /** Does with a kept message what an answer asks for. */
  void settle(Message message, Answer answer, int tries) {
    report(message, answer);
    if (!answer.isFromBridge()) {
      // It says nothing about this message, which is due again with all others.
      return;
    }
    KeycloakModelUtils.runJobInTransaction(
        factory, session -> note(new Outbox(session), message.id(), answer, tries));
  }

  private static void note(Outbox outbox, String id, Answer answer, int tries) {
    switch (answer.verdict()) {
      case DONE -> outbox.remove(id);
      case SET_ASIDE -> outbox.setAside(id, answer.code());
      case RETRY -> {
        long wait = Patience.after(tries, answer.retryAfter()).toMillis();
        outbox.postpone(id, answer.code(), System.currentTimeMillis() + wait);
      }
    }
  }

  private static void report(Message message, Answer answer) {
    // Quarantined: the adapter mixes up logins, or somebody tries something.
    if (answer.isAlarming() || "quarantined".equals(answer.result())) {
      LOG.errorf(
          "grantbridge: the bridge answers %s to %s: %d %s%s (request %s)",
          answer.verdict(),
          message,
          answer.status(),
          answer.code(),
          answer.result(),
          answer.requestId());
    }
  }
}
