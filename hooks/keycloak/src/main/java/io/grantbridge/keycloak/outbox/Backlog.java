package io.grantbridge.keycloak.outbox;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * What of a realm waits.
 *
 * @param waiting how many messages are tried again
 * @param oldestAgeSeconds how long the oldest of them has waited; 0 if none does
 * @param setAside how many will not be tried again by themselves
 */
public record Backlog(
    @JsonProperty("waiting") long waiting,
    @JsonProperty("oldest_age_s") long oldestAgeSeconds,
    @JsonProperty("set_aside") long setAside) {}
