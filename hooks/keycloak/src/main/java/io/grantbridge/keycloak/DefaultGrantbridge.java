package io.grantbridge.keycloak;

import io.grantbridge.keycloak.config.Settings;
import io.grantbridge.keycloak.outbox.Courier;
import io.grantbridge.keycloak.outbox.Outbox;
import io.grantbridge.keycloak.wire.BridgeClient;
import io.grantbridge.keycloak.wire.Messages;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.RealmModel;

/** Hands out what the factory made once, and the session's view of the outbox. */
record DefaultGrantbridge(
    KeycloakSession session,
    Settings settings,
    Messages messages,
    BridgeClient client,
    Courier courier)
    implements Grantbridge {

  @Override
  public Outbox outbox() {
    return new Outbox(session);
  }

  @Override
  public boolean serves(RealmModel realm) {
    return settings.realms().isEmpty() || settings.realms().contains(realm.getName());
  }
}
