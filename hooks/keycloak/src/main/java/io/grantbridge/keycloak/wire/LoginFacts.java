package io.grantbridge.keycloak.wire;

import java.util.List;

/**
 * What the bridge decides by.
 *
 * @param id the same before and after the user's way to Google
 * @param app the client that the user signs in to, a label
 * @param canRedirect whether the user may be asked now, and whether asking brings a refresh token
 * @param returned whether the user is back from a consent in this login
 * @param clientId the Google client that would ask
 * @param scopes all that it would ask for
 */
public record LoginFacts(
    String id,
    String app,
    boolean canRedirect,
    boolean returned,
    String clientId,
    List<String> scopes) {}
