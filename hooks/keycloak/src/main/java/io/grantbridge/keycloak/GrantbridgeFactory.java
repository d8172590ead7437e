package io.grantbridge.keycloak;

import org.keycloak.provider.ProviderFactory;

/** Makes {@link Grantbridge} providers. */
public interface GrantbridgeFactory extends ProviderFactory<Grantbridge> {}
