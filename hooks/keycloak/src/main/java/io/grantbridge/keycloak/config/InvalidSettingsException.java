package io.grantbridge.keycloak.config;

import java.util.List;

/** The options are not in order; names every problem at once, and none of the secret. */
public final class InvalidSettingsException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  InvalidSettingsException(List<String> problems) {
    super(
        "grantbridge cannot start, its options are not in order:\n  - "
            + String.join("\n  - ", problems));
  }
}
