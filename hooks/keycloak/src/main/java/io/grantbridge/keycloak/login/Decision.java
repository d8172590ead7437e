package io.grantbridge.keycloak.login;

/** How a login goes on. */
enum Decision {
  CONTINUE,
  CONSENT,
  /** The bridge did not say. */
  UNKNOWN
}
