package io.grantbridge.keycloak.farewell;

import io.grantbridge.keycloak.Grantbridge;
import io.grantbridge.keycloak.login.GoogleConnection;
import io.grantbridge.keycloak.wire.Account;
import io.grantbridge.keycloak.wire.Message;
import org.keycloak.common.util.Time;
import org.keycloak.models.FederatedIdentityModel;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.RealmModel;
import org.keycloak.models.UserModel;
import org.keycloak.provider.ProviderEvent;

/**
 * Tells the bridge when Keycloak removes a link or a user, however that came about.
 *
 * <p>Keycloak says so within the transaction: the message is written down with it, and sent when
 * that is committed.
 */
public final class Farewells {

  /** Looks at an event of Keycloak's session factory. */
  public void onEvent(ProviderEvent event) {
    if (event instanceof FederatedIdentityModel.FederatedIdentityRemovedEvent removed) {
      unlinked(removed);
    } else if (event instanceof UserModel.UserRemovedEvent removed) {
      KeycloakSession session = inRealm(removed.getKeycloakSession(), removed.getRealm());
      deleted(session, removed.getRealm(), removed.getUser());
    }
  }

  /** A synchronisation in the background has no realm at hand, which mappers are looked up in. */
  private static KeycloakSession inRealm(KeycloakSession session, RealmModel realm) {
    if (session.getContext().getRealm() == null) {
      session.getContext().setRealm(realm);
    }
    return session;
  }

  private void unlinked(FederatedIdentityModel.FederatedIdentityRemovedEvent event) {
    KeycloakSession session = inRealm(event.getKeycloakSession(), event.getRealm());
    FederatedIdentityModel identity = event.getFederatedIdentity();
    Grantbridge bridge = session.getProvider(Grantbridge.class);
    if (identity == null
        || !bridge.serves(event.getRealm())
        || !GoogleConnection.isCaptured(session, identity.getIdentityProvider())) {
      return;
    }
    Account account = new Account(identity.getUserId(), null);
    Message message =
        bridge.messages().unlinked(event.getUser().getId(), account, Time.currentTime());
    bridge.courier().deliverAfterCommit(session, event.getRealm().getId(), message);
  }

  private void deleted(KeycloakSession session, RealmModel realm, UserModel user) {
    Grantbridge bridge = session.getProvider(Grantbridge.class);
    if (!bridge.serves(realm) || !GoogleConnection.isAnyCaptured(session)) {
      return;
    }
    Message message = bridge.messages().userDeleted(user.getId(), Time.currentTime());
    bridge.courier().deliverAfterCommit(session, realm.getId(), message);
  }
}
