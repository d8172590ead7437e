package io.grantbridge.keycloak.wire;

/** What is to be done about a message after an answer. */
public enum Verdict {
  /** It is on the bridge's disk. */
  DONE,
  /** Send it again later. */
  RETRY,
  /** Sending it again cannot help; somebody must look at it. */
  SET_ASIDE
}
