package io.grantbridge.keycloak.outbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grantbridge.keycloak.wire.Answer;
import io.grantbridge.keycloak.wire.Message;
import io.grantbridge.keycloak.wire.MessageType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Order holds within a lane, and a lane that is held up holds up no other. */
class DeliveryRoundTest {

  private static final long NOW = 1_000;
  private static final Answer DONE = answer(200, "");
  private static final Answer REFUSED = answer(503, "key_unavailable");
  private static final Answer HOPELESS = answer(400, "invalid_request");
  private static final Answer SILENCE = answer(0, "ConnectException");

  private final Map<String, Answer> answers = new HashMap<>();
  private final List<String> sent = new ArrayList<>();
  private final DeliveryRound round =
      new DeliveryRound(
          NOW,
          waiting -> {
            sent.add(waiting.message().id());
            return answers.getOrDefault(waiting.message().id(), DONE);
          });

  /** What is refused for now holds back its own lane. */
  @Test
  void aRefusedMessageHoldsBackItsLaneAlone() {
    answers.put("a1", REFUSED);
    assertTrue(takeAll(due("a1", "a"), due("a2", "a"), due("b1", "b"), due("a3", "a")));
    assertEquals(List.of("a1", "b1"), sent);
    assertEquals(1, round.delivered());
  }

  /** What is not due yet holds back its own lane as well: order before haste. */
  @Test
  void aRestingMessageHoldsBackItsLane() {
    WaitingMessage resting = waiting("a1", "a", NOW + 1);
    assertTrue(takeAll(resting, due("a2", "a"), due("b1", "b")));
    assertEquals(List.of("b1"), sent);
  }

  /** What is set aside holds back nothing: it will never be sent again. */
  @Test
  void aHopelessMessageHoldsBackNothing() {
    answers.put("a1", HOPELESS);
    assertTrue(takeAll(due("a1", "a"), due("a2", "a")));
    assertEquals(List.of("a1", "a2"), sent);
  }

  /** While the bridge is away one message is tried, not all. */
  @Test
  void silenceEndsTheRound() {
    answers.put("a1", SILENCE);
    assertFalse(takeAll(due("a1", "a"), due("b1", "b")));
    assertEquals(List.of("a1"), sent);
  }

  /** Waits grow from seconds to an hour, and no less than the bridge wants. */
  @Test
  void waitsLongerEachTime() {
    assertEquals(Duration.ofSeconds(5), Patience.after(0, Duration.ZERO));
    assertEquals(Duration.ofMinutes(2), Patience.after(2, Duration.ZERO));
    assertEquals(Duration.ofHours(1), Patience.after(1_000, Duration.ZERO));
    assertEquals(Duration.ofSeconds(90), Patience.after(1, Duration.ofSeconds(90)));
  }

  private boolean takeAll(WaitingMessage... waiting) {
    for (WaitingMessage one : waiting) {
      if (!round.take(one)) {
        return false;
      }
    }
    return true;
  }

  private static WaitingMessage due(String id, String lane) {
    return waiting(id, lane, NOW);
  }

  private static WaitingMessage waiting(String id, String lane, long dueAt) {
    return new WaitingMessage("realm", new Message(id, MessageType.CAPTURE, lane, "{}"), 1, dueAt);
  }

  private static Answer answer(int status, String code) {
    return new Answer(status, code, "", "", "", "", Duration.ZERO);
  }
}
