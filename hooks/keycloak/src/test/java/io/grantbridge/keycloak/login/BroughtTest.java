package io.grantbridge.keycloak.login;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.keycloak.broker.oidc.OIDCIdentityProvider;
import org.keycloak.broker.provider.BrokeredIdentityContext;
import org.keycloak.models.IdentityProviderModel;
import org.keycloak.representations.AccessTokenResponse;
import org.keycloak.util.JsonSerialization;

/** The refresh token leaves every place of a login that Keycloak copies from. */
class BroughtTest {

  private static final String CANARY = "1//0-canary";
  private static final String STORED =
      "{\"access_token\":\"ya29.a\",\"refresh_token\":\"" + CANARY + "\",\"scope\":\"openid\"}";

  private final BrokeredIdentityContext context =
      new BrokeredIdentityContext("110", new IdentityProviderModel());
  private AccessTokenResponse response;

  @BeforeEach
  void signIn() throws Exception {
    response = JsonSerialization.readValue(STORED, AccessTokenResponse.class);
    context.getContextData().put(OIDCIdentityProvider.FEDERATED_ACCESS_TOKEN_RESPONSE, response);
    context.setToken(STORED);
  }

  /** Both places are stripped, and the access token stays where Keycloak needs it. */
  @Test
  void stripsBothPlaces() throws Exception {
    Brought.strip(context);
    assertNull(response.getRefreshToken());
    assertFalse(JsonSerialization.writeValueAsString(response).contains(CANARY));
    assertEquals("{\"access_token\":\"ya29.a\",\"scope\":\"openid\"}", context.getToken());
    assertEquals("ya29.a", response.getToken());
  }

  /** Keycloak reads a stored row as JSON and fails on null: what is odd becomes an empty object. */
  @ParameterizedTest
  @ValueSource(strings = {"refresh_token=1//0-canary&x=1", "[\"1//0-canary\"]", "", "null", "{"})
  void leavesJsonInPlaceOfWhatIsNone(String odd) {
    context.setToken(odd);
    Brought.strip(context);
    assertEquals("{}", context.getToken());
  }

  /** Where nothing is stored, nothing is. */
  @Test
  void leavesNullAlone() {
    context.setToken(null);
    Brought.strip(context);
    assertNull(context.getToken());
  }

  /** Tokens are found in either place. */
  @Test
  void findsTokensInEitherPlace() {
    assertTrue(Brought.tokens(context).orElseThrow().hasRefreshToken());
    context.getContextData().clear();
    assertTrue(Brought.tokens(context).orElseThrow().hasRefreshToken());
    context.setToken(null);
    assertEquals(Optional.empty(), Brought.tokens(context));
  }

  /** A stored refresh token is found once, and not in what is left of it. */
  @Test
  void findsAStoredRefreshToken() {
    assertEquals(Optional.of(CANARY), StoredToken.refreshToken(STORED));
    String rest = StoredToken.withoutRefreshToken(STORED);
    assertNotNull(rest);
    assertEquals(Optional.empty(), StoredToken.refreshToken(rest));
    assertEquals(rest, StoredToken.withoutRefreshToken(rest));
    assertEquals(Optional.empty(), StoredToken.refreshToken("no JSON"));
    assertEquals(Optional.empty(), StoredToken.refreshToken(null));
  }
}
