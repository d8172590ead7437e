package io.grantbridge.keycloak.login;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Optional;
import org.keycloak.util.JsonSerialization;

/** A token response as Keycloak stores it with a link: JSON in a text. */
public final class StoredToken {

  private static final String REFRESH_TOKEN = "refresh_token";
  private static final String EMPTY = "{}";

  private StoredToken() {}

  /** Returns the refresh token in a stored response. */
  public static Optional<String> refreshToken(String stored) {
    ObjectNode json = parsed(stored);
    String token = json == null ? "" : json.path(REFRESH_TOKEN).asText("");
    return token.isEmpty() ? Optional.empty() : Optional.of(token);
  }

  /**
   * Returns a stored response without its refresh token. Never null for a text: Keycloak fails on
   * an empty row where it expects JSON. What is no JSON object may hold a token anywhere, and goes.
   */
  public static String withoutRefreshToken(String stored) {
    if (stored == null) {
      return null;
    }
    ObjectNode json = parsed(stored);
    if (json == null) {
      return EMPTY;
    }
    return json.remove(REFRESH_TOKEN) == null ? stored : json.toString();
  }

  private static ObjectNode parsed(String stored) {
    if (stored == null) {
      return null;
    }
    try {
      return JsonSerialization.readValue(stored, ObjectNode.class);
    } catch (IOException e) {
      // Without a cause: Jackson quotes what it could not read.
      return null;
    }
  }
}
