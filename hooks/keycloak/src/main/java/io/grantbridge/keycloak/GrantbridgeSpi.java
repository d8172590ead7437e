package io.grantbridge.keycloak;

import org.keycloak.provider.Provider;
import org.keycloak.provider.ProviderFactory;
import org.keycloak.provider.Spi;

/** The SPI {@code grantbridge}: gives the module's options their place among the server's. */
public final class GrantbridgeSpi implements Spi {

  @Override
  public boolean isInternal() {
    return false;
  }

  @Override
  public String getName() {
    return "grantbridge";
  }

  @Override
  public Class<? extends Provider> getProviderClass() {
    return Grantbridge.class;
  }

  @Override
  @SuppressWarnings("rawtypes") // The interface says so.
  public Class<? extends ProviderFactory> getProviderFactoryClass() {
    return GrantbridgeFactory.class;
  }
}
