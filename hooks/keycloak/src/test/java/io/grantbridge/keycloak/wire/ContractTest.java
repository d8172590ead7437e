package io.grantbridge.keycloak.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.grantbridge.keycloak.Contract;
import io.grantbridge.keycloak.config.Secret;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.keycloak.util.JsonSerialization;

/** What this adapter signs, and does about an answer, is what the contract's vectors say. */
class ContractTest {

  static Stream<Contract.Vector> messages() {
    return Contract.vectors();
  }

  /** All that tell a good signature from a bad one; not those where only the time is at fault. */
  static Stream<Contract.Vector> signed() {
    return messages()
        .filter(vector -> !vector.secrets().isEmpty())
        .filter(vector -> !fault(vector).equals("webhook-timestamp"));
  }

  private static String fault(Contract.Vector vector) {
    return vector.expected().path("problem").path("field").asText("");
  }

  /** Our signature is the vector's exactly where the bridge takes it. */
  @ParameterizedTest
  @MethodSource("signed")
  void signsAsTheVectorsDo(Contract.Vector vector) {
    boolean isOurs =
        vector.secrets().stream()
            .map(secret -> new WebhookSignature(new Secret(secret)))
            .map(
                signature ->
                    signature.of(
                        vector.header("webhook-id"),
                        vector.header("webhook-timestamp"),
                        vector.json().path("body").asText()))
            .anyMatch(Arrays.asList(vector.header("webhook-signature").split(" "))::contains);
    boolean isTaken = vector.expected().path("status").asInt() != 401;
    assertEquals(isTaken, isOurs);
  }

  /** Each answer has the message deleted, kept, or set aside, as the vector says. */
  @ParameterizedTest
  @MethodSource("messages")
  void doesAboutAnAnswerWhatTheVectorSays(Contract.Vector vector) {
    JsonNode expected = vector.expected();
    Answer answer = answered(expected);
    assertEquals(expected.path("then").asText(), answer.verdict().name().toLowerCase(Locale.ROOT));
    assertEquals(expected.path("answer").path("decision").asText(""), answer.decision());
    assertEquals(expected.path("answer").path("result").asText(""), answer.result());
    assertTrue(answer.isFromBridge());
  }

  /** A test over no vectors proves nothing. */
  @Test
  void thereAreVectors() {
    assertTrue(signed().count() > 50);
  }

  private static Answer answered(JsonNode expected) {
    ObjectNode body = JsonSerialization.createObjectNode();
    JsonNode members = expected.has("problem") ? expected.path("problem") : expected.path("answer");
    body.setAll((ObjectNode) members);
    return Answer.read(expected.path("status").asInt(), body.toString(), "r-1", Duration.ZERO);
  }
}
