package io.grantbridge.keycloak.outbox;

import org.keycloak.Config;
import org.keycloak.connections.jpa.entityprovider.JpaEntityProvider;
import org.keycloak.connections.jpa.entityprovider.JpaEntityProviderFactory;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.KeycloakSessionFactory;

/** Makes {@link OutboxEntities}. */
public final class OutboxEntitiesFactory implements JpaEntityProviderFactory {

  /** Names Liquibase's own table as well, so it stays. */
  static final String ID = "grantbridge";

  @Override
  public JpaEntityProvider create(KeycloakSession session) {
    return new OutboxEntities();
  }

  @Override
  public String getId() {
    return ID;
  }

  @Override
  public void init(Config.Scope config) {}

  @Override
  public void postInit(KeycloakSessionFactory factory) {}

  @Override
  public void close() {}
}
