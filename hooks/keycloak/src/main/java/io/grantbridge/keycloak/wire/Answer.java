package io.grantbridge.keycloak.wire;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import org.keycloak.util.JsonSerialization;

/**
 * What the bridge answered to a message, if anything.
 *
 * @param status of HTTP; 0 if there was no answer
 * @param code the problem's, or a word for what kept the message from being answered
 * @param result what became of it
 * @param decision of a {@code decide}
 * @param reason of the decision
 * @param requestId by which the bridge's log knows the request
 * @param retryAfter how long the bridge wants to be left alone
 */
public record Answer(
    int status,
    String code,
    String result,
    String decision,
    String reason,
    String requestId,
    Duration retryAfter) {

  private static final int OK = 200;
  private static final Set<String> HOPELESS =
      Set.of("invalid_request", "message_conflict", "too_large");
  private static final Set<String> PASSES = Set.of("conflict", "store_unavailable");

  /** Stands for no answer. */
  static Answer none(String why) {
    return new Answer(0, why, "", "", "", "", Duration.ZERO);
  }

  /** Reads an answer. What is no JSON leaves its members empty. */
  static Answer read(int status, String body, String requestId, Duration retryAfter) {
    JsonNode json = parsed(body);
    String code = text(json, "code");
    boolean isOdd = status == OK ? !json.isObject() : code.isEmpty();
    return new Answer(
        status,
        isOdd ? "http_" + status : code,
        text(json, "result"),
        text(json, "decision"),
        text(json, "reason"),
        requestId,
        retryAfter);
  }

  /** Returns what to do about the message; by the table in hooks/README.md. */
  public Verdict verdict() {
    if (status == OK && code.isEmpty()) {
      return Verdict.DONE;
    }
    return HOPELESS.contains(code) ? Verdict.SET_ASIDE : Verdict.RETRY;
  }

  /** Returns whether it was the bridge that answered, and not nobody or a proxy. */
  public boolean isFromBridge() {
    return status != 0 && !code.startsWith("http_");
  }

  /** Returns whether an operator must mend something before the message can go through. */
  public boolean isAlarming() {
    return isFromBridge() && verdict() != Verdict.DONE && !PASSES.contains(code);
  }

  private static JsonNode parsed(String body) {
    try {
      JsonNode json = JsonSerialization.readValue(body, JsonNode.class);
      return json == null ? JsonSerialization.createObjectNode().nullNode() : json;
    } catch (IOException e) {
      return JsonSerialization.createObjectNode().nullNode();
    }
  }

  private static String text(JsonNode json, String name) {
    return json.path(name).asText("");
  }
}
