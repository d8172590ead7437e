package io.grantbridge.keycloak.wire;

/** Tokens could not be encrypted. Carries no cause: one of these could quote what was encrypted. */
public final class SealingException extends Exception {

  private static final long serialVersionUID = 1L;

  SealingException(Throwable cause) {
    super("tokens could not be encrypted to the bridge: " + cause.getClass().getName());
  }
}
