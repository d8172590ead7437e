package io.grantbridge.keycloak.outbox;

import java.util.List;
import org.keycloak.connections.jpa.entityprovider.JpaEntityProvider;

/** Adds the outbox's table to Keycloak's database. */
final class OutboxEntities implements JpaEntityProvider {

  @Override
  public List<Class<?>> getEntities() {
    return List.of(WaitingMessage.class);
  }

  @Override
  public String getChangelogLocation() {
    return "META-INF/grantbridge-changelog.xml";
  }

  @Override
  public String getFactoryId() {
    return OutboxEntitiesFactory.ID;
  }

  @Override
  public void close() {}
}
