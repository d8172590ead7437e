package io.grantbridge.keycloak.config;

import java.security.interfaces.ECPublicKey;

/**
 * A public key of the bridge, to which tokens are encrypted.
 *
 * @param id its {@code kid}
 * @param key on P-256
 */
public record BridgeKey(String id, ECPublicKey key) {}
