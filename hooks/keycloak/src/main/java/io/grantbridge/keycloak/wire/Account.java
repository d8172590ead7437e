package io.grantbridge.keycloak.wire;

/**
 * A Google account.
 *
 * @param sub what counts
 * @param email a label; may be null
 */
public record Account(String sub, String email) {}
