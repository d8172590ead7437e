package io.grantbridge.keycloak;

import io.grantbridge.keycloak.config.Settings;
import io.grantbridge.keycloak.outbox.Courier;
import io.grantbridge.keycloak.outbox.Outbox;
import io.grantbridge.keycloak.wire.BridgeClient;
import io.grantbridge.keycloak.wire.Messages;
import org.keycloak.models.RealmModel;
import org.keycloak.provider.Provider;

/**
 * The bridge as one Keycloak session sees it; what every other provider of this module works with.
 *
 * <p>An SPI of its own makes all settings server options ({@code --spi-grantbridge--default--…}). A
 * realm's admin can change none: whoever could change the URL could have the tokens sent elsewhere.
 */
public interface Grantbridge extends Provider {

  /** Returns the server's options. */
  Settings settings();

  /** Returns what makes messages for the server's tenant. */
  Messages messages();

  /** Returns the connection to the bridge. */
  BridgeClient client();

  /** Returns the undelivered messages, as the session's own transaction sees them. */
  Outbox outbox();

  /** Returns what keeps messages and brings them to the bridge. */
  Courier courier();

  /** Returns whether the options let this realm use the bridge. */
  boolean serves(RealmModel realm);

  @Override
  default void close() {}
}
