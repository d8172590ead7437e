package io.grantbridge.keycloak.config;

/** The file with the bridge's public key gives none. */
public final class BridgeKeyException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  BridgeKeyException(String message) {
    super(message);
  }
}
