package io.grantbridge.keycloak.admin;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * How many refresh tokens Keycloak still holds.
 *
 * @param links users' links to Google
 * @param sessions notes of persistent user sessions
 */
public record Left(@JsonProperty("links") long links, @JsonProperty("sessions") long sessions) {}
