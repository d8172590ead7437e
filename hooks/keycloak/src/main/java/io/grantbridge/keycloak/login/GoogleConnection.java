package io.grantbridge.keycloak.login;

import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.keycloak.models.IdentityProviderMapperModel;
import org.keycloak.models.IdentityProviderModel;
import org.keycloak.models.KeycloakSession;

/**
 * An identity provider of a realm that stands for Google: Keycloak's {@code google}, or an {@code
 * oidc} one. That the mapper is on it says so.
 */
public final class GoogleConnection {

  private static final String GOOGLE = "google";
  private static final String GOOGLE_SCOPES = "openid profile email";
  private static final String OPENID = "openid";
  private static final String OFFLINE = "access_type=offline";

  private final IdentityProviderModel model;

  /** Takes its settings in the realm. */
  public GoogleConnection(IdentityProviderModel model) {
    this.model = model;
  }

  /** Returns whether an identity provider of the session's realm has the mapper. */
  public static boolean isCaptured(KeycloakSession session, String alias) {
    return mappers(session).anyMatch(mapper -> alias.equals(mapper.getIdentityProviderAlias()));
  }

  /** Returns whether any identity provider of the session's realm has the mapper. */
  public static boolean isAnyCaptured(KeycloakSession session) {
    return mappers(session).findAny().isPresent();
  }

  /** Returns the identity providers of the session's realm that have the mapper. */
  public static List<GoogleConnection> all(KeycloakSession session) {
    return mappers(session)
        .map(IdentityProviderMapperModel::getIdentityProviderAlias)
        .distinct()
        .map(alias -> session.identityProviders().getByAlias(alias))
        .filter(model -> model != null && model.isEnabled())
        .map(GoogleConnection::new)
        .toList();
  }

  private static Stream<IdentityProviderMapperModel> mappers(KeycloakSession session) {
    return session
        .identityProviders()
        .getMappersStream(Map.of(), null, null)
        .filter(mapper -> GrantbridgeMapper.ID.equals(mapper.getIdentityProviderMapper()));
  }

  /** Returns its name in the realm. */
  public String alias() {
    return model.getAlias();
  }

  /** Returns the Google client that Keycloak is. */
  public String clientId() {
    return model.getConfig().get("clientId");
  }

  /** Returns what it asks Google for, as Keycloak's providers complete it. */
  public List<String> scopes() {
    String configured = model.getConfig().get("defaultScope");
    boolean isBlank = configured == null || configured.isBlank();
    String preset = GOOGLE.equals(model.getProviderId()) ? GOOGLE_SCOPES : OPENID;
    Set<String> scopes = new LinkedHashSet<>();
    scopes.add(OPENID);
    scopes.addAll(Arrays.asList((isBlank ? preset : configured).strip().split("\\s+")));
    return List.copyOf(scopes);
  }

  /**
   * Returns whether asking for consent brings a refresh token: Google is asked for offline access,
   * and the realm has no {@code prompt} of its own that would take the place of ours.
   */
  public boolean canAskForConsent() {
    Map<String, String> config = model.getConfig();
    String prompt = config.get("prompt");
    boolean isPromptFree = prompt == null || prompt.isBlank() || prompt.contains("consent");
    String url = config.getOrDefault("authorizationUrl", "");
    boolean isOffline =
        GOOGLE.equals(model.getProviderId())
            ? Boolean.parseBoolean(config.get("offlineAccess"))
            : url.contains(OFFLINE);
    return isPromptFree && isOffline;
  }
}
