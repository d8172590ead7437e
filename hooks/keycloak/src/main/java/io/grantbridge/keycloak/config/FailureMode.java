package io.grantbridge.keycloak.config;

import java.util.Locale;

/** What becomes of a login while the bridge gives no decision. */
public enum FailureMode {
  /** It goes on. An outage of the bridge is none of Keycloak. */
  ALLOW,
  /** It is refused, for those who may not let anybody in unchecked. */
  DENY;

  /** Returns the value as the option has it. */
  public String option() {
    return name().toLowerCase(Locale.ROOT);
  }
}
