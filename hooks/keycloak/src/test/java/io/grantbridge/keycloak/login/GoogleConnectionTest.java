package io.grantbridge.keycloak.login;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.keycloak.models.IdentityProviderModel;

/** What a realm's identity provider asks Google for, and whether that brings a refresh token. */
class GoogleConnectionTest {

  private static IdentityProviderModel model(String provider) {
    IdentityProviderModel model = new IdentityProviderModel();
    model.setAlias("google");
    model.setProviderId(provider);
    return model;
  }

  /** Scopes are completed as Keycloak's own providers do it. */
  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "google, -, openid profile email",
        "google, '', openid profile email",
        "google, email https://x/calendar, openid email https://x/calendar",
        "oidc, -, openid",
        "oidc, ' openid  email ', openid email"
      })
  void completesScopes(String provider, String configured, String asked) {
    IdentityProviderModel model = model(provider);
    if (configured != null) {
      model.getConfig().put("defaultScope", configured);
    }
    assertEquals(List.of(asked.split(" ")), new GoogleConnection(model).scopes());
  }

  /** Consent is only worth asking for with offline access, and where our prompt is not replaced. */
  @ParameterizedTest
  @CsvSource({
    "true, '', true",
    "false, '', false",
    "true, select_account, false",
    "true, consent, true",
  })
  void knowsWhetherConsentHelps(String offline, String prompt, boolean helps) {
    IdentityProviderModel model = model("google");
    model.getConfig().put("offlineAccess", offline);
    model.getConfig().put("prompt", prompt);
    assertEquals(helps, new GoogleConnection(model).canAskForConsent());
  }

  /** With the generic provider, offline access is in the authorization URL. */
  @Test
  void readsOfflineAccessFromTheUrl() {
    IdentityProviderModel model = model("oidc");
    model.getConfig().put("authorizationUrl", "https://accounts.google.com/o/oauth2/v2/auth");
    assertEquals(false, new GoogleConnection(model).canAskForConsent());
    model
        .getConfig()
        .put(
            "authorizationUrl", "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline");
    assertEquals(true, new GoogleConnection(model).canAskForConsent());
  }
}
