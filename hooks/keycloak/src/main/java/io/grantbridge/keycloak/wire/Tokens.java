package io.grantbridge.keycloak.wire;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.keycloak.representations.AccessTokenResponse;
import org.keycloak.util.JsonSerialization;

/**
 * Google's token response, with the members that the hook takes and no others.
 *
 * <p>Its {@code toString} shows nothing of it.
 */
public final class Tokens {

  private static final String REFRESH_TOKEN_EXPIRES_IN = "refresh_token_expires_in";

  private final ObjectNode members = JsonSerialization.createObjectNode();

  private Tokens() {}

  /** Takes what Keycloak parsed. */
  public static Tokens of(AccessTokenResponse response) {
    Tokens tokens = new Tokens();
    tokens.put("refresh_token", response.getRefreshToken());
    tokens.put("access_token", response.getToken());
    tokens.put("id_token", response.getIdToken());
    tokens.put("token_type", response.getTokenType());
    tokens.put("scope", response.getScope());
    if (response.getExpiresIn() > 0) {
      tokens.members.put("expires_in", response.getExpiresIn());
    }
    Object lifetime = response.getOtherClaims().get(REFRESH_TOKEN_EXPIRES_IN);
    if (lifetime instanceof Number seconds && seconds.longValue() >= 0) {
      tokens.members.put(REFRESH_TOKEN_EXPIRES_IN, seconds.longValue());
    }
    return tokens;
  }

  /** Takes a refresh token alone. */
  public static Tokens ofRefreshToken(String refreshToken) {
    Tokens tokens = new Tokens();
    tokens.put("refresh_token", refreshToken);
    return tokens;
  }

  /** Returns whether a refresh token is among them. */
  public boolean hasRefreshToken() {
    return members.has("refresh_token");
  }

  ObjectNode members() {
    return members;
  }

  private void put(String name, String value) {
    if (value != null && !value.isEmpty()) {
      members.put(name, value);
    }
  }

  @Override
  public String toString() {
    return hasRefreshToken() ? "tokens with a refresh token" : "tokens without a refresh token";
  }
}
