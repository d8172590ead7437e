package io.grantbridge.keycloak.config;

/** A value that does not print, so that no log line or exception shows it by accident. */
public record Secret(String reveal) {

  @Override
  public String toString() {
    return "***";
  }
}
