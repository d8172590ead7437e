package io.grantbridge.keycloak.login;

import java.util.List;
import org.keycloak.Config;
import org.keycloak.authentication.Authenticator;
import org.keycloak.authentication.AuthenticatorFactory;
import org.keycloak.models.AuthenticationExecutionModel;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.KeycloakSessionFactory;
import org.keycloak.provider.ProviderConfigProperty;

/** Offers {@link ConsentAuthenticator} to post-broker flows. */
public final class ConsentAuthenticatorFactory implements AuthenticatorFactory {

  /** Its name in realms. */
  public static final String ID = "grantbridge-consent";

  private static final AuthenticationExecutionModel.Requirement[] REQUIREMENTS = {
    AuthenticationExecutionModel.Requirement.REQUIRED,
    AuthenticationExecutionModel.Requirement.DISABLED
  };

  @Override
  public String getId() {
    return ID;
  }

  @Override
  public String getDisplayType() {
    return "grantbridge: Google consent";
  }

  @Override
  public String getReferenceCategory() {
    return "grantbridge";
  }

  @Override
  public String getHelpText() {
    return "Asks the bridge whether the user must consent at Google again, and sends them there"
        + " once. For the post-login flow of the Google identity provider.";
  }

  @Override
  public boolean isConfigurable() {
    return false;
  }

  @Override
  public AuthenticationExecutionModel.Requirement[] getRequirementChoices() {
    return REQUIREMENTS.clone();
  }

  @Override
  public boolean isUserSetupAllowed() {
    return false;
  }

  @Override
  public List<ProviderConfigProperty> getConfigProperties() {
    return List.of();
  }

  @Override
  public Authenticator create(KeycloakSession session) {
    return ConsentAuthenticator.INSTANCE;
  }

  @Override
  public void init(Config.Scope config) {}

  @Override
  public void postInit(KeycloakSessionFactory factory) {}

  @Override
  public void close() {}
}
