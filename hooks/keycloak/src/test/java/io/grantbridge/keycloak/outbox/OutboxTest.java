package io.grantbridge.keycloak.outbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grantbridge.keycloak.wire.Message;
import io.grantbridge.keycloak.wire.MessageType;
import jakarta.persistence.EntityManager;
import java.util.ArrayList;
import java.util.List;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.Configuration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Messages are kept as they are, in the order they came, on a real (H2) database. */
class OutboxTest {

  private static final String BODY = "{\"name\":\"Zoë\",\"long\":\"" + "x".repeat(20_000) + "\"}";

  private static SessionFactory database;

  private EntityManager entities;
  private Outbox outbox;

  @BeforeAll
  static void start() {
    database =
        new Configuration()
            .addAnnotatedClass(WaitingMessage.class)
            .setProperty("hibernate.connection.url", "jdbc:h2:mem:outbox;DB_CLOSE_DELAY=-1")
            .setProperty("hibernate.hbm2ddl.auto", "create")
            .buildSessionFactory();
    // As the changelog has it: Hibernate would take VARCHAR(255).
    database.inTransaction(
        session ->
            session
                .createNativeMutationQuery("alter table GRANTBRIDGE_OUTBOX alter column BODY CLOB")
                .executeUpdate());
  }

  @AfterAll
  static void stop() {
    database.close();
  }

  @BeforeEach
  void open() {
    entities = database.createEntityManager();
    outbox = new Outbox(entities);
    inTransaction(() -> entities.createQuery("delete from WaitingMessage").executeUpdate());
  }

  @AfterEach
  void close() {
    entities.close();
  }

  /** A repetition has the same id and the same body, to the byte. */
  @Test
  void keepsIdAndBody() {
    inTransaction(() -> outbox.add("realm", message("m1")));
    entities.clear();
    Message kept = outbox.after(Long.MIN_VALUE, 10).get(0).message();
    assertEquals(message("m1"), kept);
  }

  /** A hundred messages of one moment stay in their order, page by page. */
  @Test
  void keepsTheOrder() {
    List<String> ids = new ArrayList<>();
    inTransaction(
        () -> {
          for (int i = 0; i < 100; i++) {
            ids.add("m" + (99 - i));
            outbox.add("realm", message(ids.get(i)));
          }
        });
    List<String> read = new ArrayList<>();
    List<WaitingMessage> page = outbox.after(Long.MIN_VALUE, 7);
    while (!page.isEmpty()) {
      page.forEach(waiting -> read.add(waiting.message().id()));
      page = outbox.after(page.get(page.size() - 1).ordinal(), 7);
    }
    assertEquals(ids, read);
  }

  /**
   * What is delivered is gone; what is set aside is kept, out of the queue, until it is resumed.
   */
  @Test
  void countsWhatWaits() {
    inTransaction(
        () -> {
          outbox.add("realm", message("m1"));
          outbox.add("realm", message("m2"));
          outbox.add("realm", message("m3"));
          outbox.add("other", message("m4"));
          outbox.remove("m1");
          outbox.remove("never there");
          outbox.setAside("m2", "invalid_request");
        });
    Backlog backlog = outbox.backlog("realm");
    assertEquals(1, backlog.waiting());
    assertEquals(1, backlog.setAside());
    assertTrue(backlog.oldestAgeSeconds() <= 10);
    inTransaction(() -> assertEquals(1, outbox.resume("realm")));
    assertEquals(2, outbox.backlog("realm").waiting());
    assertEquals(0, outbox.backlog("realm").setAside());
    assertEquals(new Backlog(0, 0, 0), outbox.backlog("nowhere"));
  }

  /** A message that is refused for now knows how often it was tried. */
  @Test
  void countsTries() {
    inTransaction(() -> outbox.add("realm", message("m1")));
    inTransaction(() -> outbox.postpone("m1", "conflict", 5));
    WaitingMessage waiting = outbox.after(Long.MIN_VALUE, 10).get(0);
    assertEquals(1, waiting.tries());
    assertTrue(waiting.isDue(5));
    assertTrue(!waiting.isDue(4));
  }

  private void inTransaction(Runnable task) {
    entities.getTransaction().begin();
    task.run();
    entities.getTransaction().commit();
  }

  private static Message message(String id) {
    return new Message(id, MessageType.CAPTURE, "110", BODY);
  }
}
