package io.grantbridge.keycloak.wire;

import java.util.Locale;

/** The kinds of messages that the hook knows. */
public enum MessageType {
  CAPTURE,
  BIND,
  DECIDE,
  LOGIN,
  UNLINKED,
  USER_DELETED;

  /** Returns the name on the wire. */
  public String wireName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
