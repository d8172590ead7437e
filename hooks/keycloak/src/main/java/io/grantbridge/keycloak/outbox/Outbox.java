package io.grantbridge.keycloak.outbox;

import io.grantbridge.keycloak.wire.Message;
import jakarta.persistence.EntityManager;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.keycloak.connections.jpa.JpaConnectionProvider;
import org.keycloak.models.KeycloakSession;

/** The undelivered messages, in the session's transaction. */
public final class Outbox {

  /** A login tries its own message at once; the timer keeps off it for so long. */
  private static final Duration HEAD_START = Duration.ofSeconds(15);

  private static final AtomicLong LAST_ORDINAL = new AtomicLong();

  private final EntityManager entities;

  /** Works in a session's transaction. */
  public Outbox(KeycloakSession session) {
    this(session.getProvider(JpaConnectionProvider.class).getEntityManager());
  }

  Outbox(EntityManager entities) {
    this.entities = entities;
  }

  /** Adds a message at the end. */
  public void add(String realmId, Message message) {
    long dueAt = System.currentTimeMillis() + HEAD_START.toMillis();
    entities.persist(new WaitingMessage(realmId, message, nextOrdinal(), dueAt));
    entities.flush();
  }

  /** Takes a message out: the bridge has it. Fine if it is gone already. */
  public void remove(String id) {
    entities
        .createQuery("delete from WaitingMessage m where m.id = :id")
        .setParameter("id", id)
        .executeUpdate();
  }

  /** Notes a try in vain, and when the next one is due. */
  void postpone(String id, String code, long until) {
    WaitingMessage message = entities.find(WaitingMessage.class, id);
    if (message != null) {
      message.postpone(code, until);
    }
  }

  /** Takes a message out of the queue, and keeps it: it may hold the only copy of a token. */
  void setAside(String id, String code) {
    WaitingMessage message = entities.find(WaitingMessage.class, id);
    if (message != null) {
      message.putAside(code);
    }
  }

  /** Returns the next messages in their order, those not due as well. */
  List<WaitingMessage> after(long ordinal, int most) {
    return entities
        .createQuery(
            "select m from WaitingMessage m where m.setAside = false and m.ordinal > :after"
                + " order by m.ordinal, m.id",
            WaitingMessage.class)
        .setParameter("after", ordinal)
        .setMaxResults(most)
        .getResultList();
  }

  /** Puts what a realm's operator has looked at back into the queue. */
  public int resume(String realmId) {
    return entities
        .createQuery(
            "update WaitingMessage m set m.setAside = false, m.dueAt = 0"
                + " where m.setAside = true and m.realmId = :realm")
        .setParameter("realm", realmId)
        .executeUpdate();
  }

  /** Counts what of a realm waits. */
  public Backlog backlog(String realmId) {
    Object[] waiting = counted(realmId, false);
    long count = (Long) waiting[0];
    long age = waiting[1] == null ? 0 : (microseconds() - (Long) waiting[1]) / 1_000_000;
    return new Backlog(count, Math.max(0, age), (Long) counted(realmId, true)[0]);
  }

  private Object[] counted(String realmId, boolean setAside) {
    return entities
        .createQuery(
            "select count(m), min(m.ordinal) from WaitingMessage m"
                + " where m.realmId = :realm and m.setAside = :aside",
            Object[].class)
        .setParameter("realm", realmId)
        .setParameter("aside", setAside)
        .getSingleResult();
  }

  private static long nextOrdinal() {
    return LAST_ORDINAL.updateAndGet(last -> Math.max(last + 1, microseconds()));
  }

  private static long microseconds() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }
}
