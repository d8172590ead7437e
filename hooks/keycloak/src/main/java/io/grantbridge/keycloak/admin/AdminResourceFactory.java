package io.grantbridge.keycloak.admin;

import org.keycloak.Config;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.KeycloakSessionFactory;
import org.keycloak.services.resources.admin.ext.AdminRealmResourceProvider;
import org.keycloak.services.resources.admin.ext.AdminRealmResourceProviderFactory;

/** Puts {@link AdminResource} at {@code /admin/realms/<realm>/grantbridge}. */
public final class AdminResourceFactory implements AdminRealmResourceProviderFactory {

  private static final String PATH = "grantbridge";

  @Override
  public String getId() {
    return PATH;
  }

  @Override
  public AdminRealmResourceProvider create(KeycloakSession session) {
    return new AdminResourceProvider();
  }

  @Override
  public void init(Config.Scope config) {}

  @Override
  public void postInit(KeycloakSessionFactory factory) {}

  @Override
  public void close() {}
}
