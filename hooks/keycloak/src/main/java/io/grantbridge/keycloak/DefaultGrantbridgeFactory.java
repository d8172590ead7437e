package io.grantbridge.keycloak;

import io.grantbridge.keycloak.config.BridgeKeyFile;
import io.grantbridge.keycloak.config.Settings;
import io.grantbridge.keycloak.config.SettingsReader;
import io.grantbridge.keycloak.farewell.Farewells;
import io.grantbridge.keycloak.outbox.Courier;
import io.grantbridge.keycloak.outbox.Delivery;
import io.grantbridge.keycloak.wire.BridgeClient;
import io.grantbridge.keycloak.wire.Messages;
import io.grantbridge.keycloak.wire.Reachability;
import io.grantbridge.keycloak.wire.TokenSealer;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;
import org.keycloak.Config;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.KeycloakSessionFactory;
import org.keycloak.models.utils.PostMigrationEvent;
import org.keycloak.provider.ServerInfoAwareProviderFactory;

/**
 * The module's root: reads the options once, makes what lives as long as the server, and starts the
 * delivery of what waits.
 */
public final class DefaultGrantbridgeFactory
    implements GrantbridgeFactory, ServerInfoAwareProviderFactory {

  private static final Logger LOG = Logger.getLogger(DefaultGrantbridgeFactory.class);

  private Settings settings;
  private BridgeClient client;
  private Messages messages;
  private Courier courier;
  private ScheduledExecutorService delivery;

  @Override
  public String getId() {
    return "default";
  }

  @Override
  public void init(Config.Scope config) {
    settings = SettingsReader.read(config::get);
    BridgeKeyFile keys = BridgeKeyFile.open(settings.publicKeyFile());
    client = new BridgeClient(settings, new Reachability(settings.url()));
    messages = new Messages(settings.tenant(), new TokenSealer(settings.tenant(), keys));
    LOG.infof(
        "grantbridge %s: bridge %s, tenant %s, public key %s, failure mode %s",
        version(),
        settings.url(),
        settings.tenant(),
        keys.current().id(),
        settings.failureMode().option());
  }

  @Override
  public void postInit(KeycloakSessionFactory factory) {
    courier = new Courier(factory, client);
    Farewells farewells = new Farewells();
    factory.register(
        event -> {
          farewells.onEvent(event);
          if (event instanceof PostMigrationEvent) {
            startDelivery(factory);
          }
        });
  }

  /** On a thread of its own: Keycloak's timers share one, which a slow bridge would hold up. */
  private void startDelivery(KeycloakSessionFactory factory) {
    delivery =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, Delivery.NAME);
              thread.setDaemon(true);
              return thread;
            });
    long interval = settings.deliveryInterval().toMillis();
    delivery.scheduleWithFixedDelay(
        new Delivery(factory, courier, client), interval, interval, TimeUnit.MILLISECONDS);
  }

  @Override
  public Grantbridge create(KeycloakSession session) {
    return new DefaultGrantbridge(session, settings, messages, client, courier);
  }

  @Override
  public Map<String, String> getOperationalInfo() {
    return Map.of(
        "version", version(),
        "bridge", settings.url().toString(),
        "tenant", settings.tenant(),
        "reachable", String.valueOf(client.reachability().isUp()));
  }

  private static String version() {
    String version = DefaultGrantbridgeFactory.class.getPackage().getImplementationVersion();
    return version == null ? "unpackaged" : version;
  }

  @Override
  public void close() {
    if (delivery != null) {
      delivery.shutdownNow();
    }
    if (courier != null) {
      courier.close();
    }
  }
}
