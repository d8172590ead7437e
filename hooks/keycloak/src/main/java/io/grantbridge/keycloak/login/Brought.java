package io.grantbridge.keycloak.login;

import io.grantbridge.keycloak.wire.Tokens;
import java.io.IOException;
import java.util.Optional;
import org.keycloak.broker.oidc.OIDCIdentityProvider;
import org.keycloak.broker.provider.BrokeredIdentityContext;
import org.keycloak.representations.AccessTokenResponse;
import org.keycloak.util.JsonSerialization;

/**
 * What Google's token endpoint answered, wherever a login carries it.
 *
 * <p>All places are stripped at their source. Keycloak copies from there into rows, authentication
 * notes and user-session notes, under names that change from version to version.
 */
final class Brought {

  private Brought() {}

  /** Returns the tokens of a login. */
  static Optional<Tokens> tokens(BrokeredIdentityContext context) {
    Object response = response(context);
    if (response instanceof AccessTokenResponse parsed) {
      return Optional.of(Tokens.of(parsed));
    }
    if (context.getToken() == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          Tokens.of(JsonSerialization.readValue(context.getToken(), AccessTokenResponse.class)));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** Takes the refresh token out of a login. */
  static void strip(BrokeredIdentityContext context) {
    if (response(context) instanceof AccessTokenResponse parsed) {
      parsed.setRefreshToken(null);
    }
    context.setToken(StoredToken.withoutRefreshToken(context.getToken()));
  }

  private static Object response(BrokeredIdentityContext context) {
    return context.getContextData().get(OIDCIdentityProvider.FEDERATED_ACCESS_TOKEN_RESPONSE);
  }
}
