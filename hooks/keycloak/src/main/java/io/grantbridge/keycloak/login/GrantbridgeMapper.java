package io.grantbridge.keycloak.login;

import io.grantbridge.keycloak.Grantbridge;
import io.grantbridge.keycloak.wire.SealingException;
import java.util.List;
import org.jboss.logging.Logger;
import org.keycloak.broker.provider.AbstractIdentityProviderMapper;
import org.keycloak.broker.provider.BrokeredIdentityContext;
import org.keycloak.models.IdentityProviderMapperModel;
import org.keycloak.models.IdentityProviderSyncMode;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.RealmModel;
import org.keycloak.models.UserModel;
import org.keycloak.provider.ProviderConfigProperty;
import org.keycloak.sessions.AuthenticationSessionModel;

/**
 * The mapper that makes an identity provider one of the bridge's: captures each login's tokens,
 * takes the refresh token out of it, and says whose the login was.
 *
 * <p>Keycloak calls it before anything is stored, and again when the user is known. Nothing but a
 * wrong account stops a login here, and nothing stops the stripping.
 */
public final class GrantbridgeMapper extends AbstractIdentityProviderMapper {

  /** Its name in realms. */
  public static final String ID = "grantbridge-mapper";

  private static final Logger LOG = Logger.getLogger(GrantbridgeMapper.class);
  private static final String[] COMPATIBLE = {"google", "oidc"};

  @Override
  public String getId() {
    return ID;
  }

  @Override
  public String[] getCompatibleProviders() {
    return COMPATIBLE.clone();
  }

  @Override
  public String getDisplayCategory() {
    return "grantbridge";
  }

  @Override
  public String getDisplayType() {
    return "Google tokens to grantbridge";
  }

  @Override
  public String getHelpText() {
    return "Hands Google's refresh token to the bridge and keeps it out of Keycloak. Needs the sync"
        + " mode FORCE.";
  }

  @Override
  public List<ProviderConfigProperty> getConfigProperties() {
    return List.of();
  }

  @Override
  public boolean supportsSyncMode(IdentityProviderSyncMode syncMode) {
    // Only FORCE calls us at a later login, and then the login must be bound and old rows scrubbed.
    return syncMode == IdentityProviderSyncMode.FORCE;
  }

  @Override
  public void preprocessFederatedIdentity(
      KeycloakSession session,
      RealmModel realm,
      IdentityProviderMapperModel mapper,
      BrokeredIdentityContext context) {
    AuthenticationSessionModel login = context.getAuthenticationSession();
    try {
      // Without an authentication session it is a token exchange: nobody logs in, nothing is new.
      if (login != null && session.getProvider(Grantbridge.class).serves(realm)) {
        new LoginRecorder(session, realm).capture(context);
      }
    } catch (SealingException | RuntimeException e) {
      // Only its class: a message may quote what was being processed.
      LOG.errorf("grantbridge: a login was not captured: %s", e.getClass().getName());
    } finally {
      Brought.strip(context);
    }
    if (login != null) {
      new ConsentReturn(session, login).arrive(context);
      new Shortcut(session, realm).open(context);
    }
  }

  @Override
  public void importNewUser(
      KeycloakSession session,
      RealmModel realm,
      UserModel user,
      IdentityProviderMapperModel mapper,
      BrokeredIdentityContext context) {
    userKnown(session, realm, user, context);
  }

  @Override
  public void updateBrokeredUser(
      KeycloakSession session,
      RealmModel realm,
      UserModel user,
      IdentityProviderMapperModel mapper,
      BrokeredIdentityContext context) {
    boolean isNews = userKnown(session, realm, user, context);
    // What the bridge is told after the commit may save a consent: then the flow asks, later.
    if (isNews || context.getAuthenticationSession() == null) {
      return;
    }
    try {
      new Shortcut(session, realm).take(context, user);
    } catch (RuntimeException e) {
      LOG.errorf("grantbridge: a login takes the long way: %s", e.getClass().getName());
    }
  }

  /** Returns whether the bridge is told of a refresh token of this user, or may be. */
  private static boolean userKnown(
      KeycloakSession session, RealmModel realm, UserModel user, BrokeredIdentityContext context) {
    if (!session.getProvider(Grantbridge.class).serves(realm)) {
      return true;
    }
    try {
      LoginRecorder recorder = new LoginRecorder(session, realm);
      boolean isHandedOver = recorder.handOverStored(context, user);
      recorder.bind(context, user);
      return isHandedOver || recorder.isPrecious(context);
    } catch (SealingException | RuntimeException e) {
      LOG.errorf("grantbridge: a login was not bound: %s", e.getClass().getName());
      return true;
    }
  }
}
