package io.grantbridge.keycloak.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.grantbridge.keycloak.Contract;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.keycloak.util.JsonSerialization;

/** Messages have the members that the bridge takes, and show no token. */
class MessagesTest {

  private static final Account ANN = new Account("110", "ann@example.com");
  private static final Tokens TOKENS = Tokens.ofRefreshToken("1//0-canary");

  @TempDir Path folder;
  private Messages messages;

  @BeforeEach
  void make() {
    messages = new Messages("acme", new TokenSealer("acme", Contract.publicKey(folder)));
  }

  /** Each member, at any depth, is one that a vector of the same type has and the bridge took. */
  @Test
  void haveOnlyMembersOfTheContract() throws Exception {
    for (Message message : all()) {
      JsonNode body = JsonSerialization.mapper.readTree(message.body());
      Set<String> unknown = members(body, "");
      unknown.removeAll(taken(message.type().wireName()));
      assertEquals(Set.of(), unknown, message.toString());
      assertEquals("acme", body.path("tenant").asText());
    }
  }

  /** No token is in a body or in what a log line would show. */
  @Test
  void showNoToken() throws Exception {
    for (Message message : all()) {
      assertFalse(message.body().contains("canary"), message.toString());
      assertFalse(message.toString().contains("tokens_jwe"), message.toString());
    }
    assertFalse(TOKENS.toString().contains("canary"));
  }

  /** All about one Google account is in one lane; that a user is gone is in the user's own. */
  @Test
  void areInTheLaneOfTheirAccount() throws Exception {
    for (Message message : all()) {
      String lane = message.type() == MessageType.USER_DELETED ? "user-1" : "110";
      assertEquals(lane, message.lane());
      assertTrue(message.id().matches("msg_[0-9a-f]{32}"));
    }
    assertNotEquals(messages.userDeleted("user-1", 1).id(), messages.userDeleted("user-1", 1).id());
  }

  private List<Message> all() throws SealingException {
    LoginFacts facts = new LoginFacts("l-1", "app", true, false, "client", List.of("openid"));
    return List.of(
        messages.capture("l-1", ANN, "client", "google", TOKENS, 1),
        messages.bind("l-1", ANN, "user-1"),
        messages.stored("user-1", ANN, "client", "google", TOKENS),
        messages.decide("user-1", ANN, facts),
        messages.unlinked("user-1", ANN, 1),
        messages.userDeleted("user-1", 1));
  }

  private static Set<String> taken(String type) {
    Set<String> members =
        Contract.vectors()
            .filter(vector -> vector.expected().path("status").asInt() == 200)
            .map(vector -> parsed(vector.json().path("body").asText()))
            .filter(body -> type.equals(body.path("type").asText()))
            .flatMap(body -> members(body, "").stream())
            .collect(Collectors.toCollection(TreeSet::new));
    members.add("/tokens_jwe");
    return members;
  }

  private static JsonNode parsed(String text) {
    try {
      return JsonSerialization.mapper.readTree(text);
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private static Set<String> members(JsonNode node, String path) {
    Set<String> found = new TreeSet<>();
    node.fieldNames()
        .forEachRemaining(
            name -> {
              found.add(path + "/" + name);
              found.addAll(members(node.path(name), path + "/" + name));
            });
    return found;
  }
}
