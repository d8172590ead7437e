package io.grantbridge.keycloak.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;

/**
 * The server's options, complete and valid.
 *
 * @param url of the bridge's listener that takes hooks
 * @param tenant of this server at the bridge
 * @param secret that signs messages, {@code whsec_…}
 * @param publicKeyFile the bridge's JWKS
 * @param connectTimeout how long a login waits for a connection
 * @param readTimeout how long a login waits for an answer
 * @param failureMode what becomes of a login while the bridge gives no decision
 * @param deliveryInterval how often what waits is tried again
 * @param realms the realms that may use the bridge; empty means any
 */
public record Settings(
    URI url,
    String tenant,
    Secret secret,
    Path publicKeyFile,
    Duration connectTimeout,
    Duration readTimeout,
    FailureMode failureMode,
    Duration deliveryInterval,
    Set<String> realms) {}
