package io.grantbridge.keycloak.login;

import java.util.Objects;
import org.keycloak.sessions.AuthenticationSessionModel;

/**
 * The one forced consent of a login, as notes of its authentication session.
 *
 * <p>Client notes: Keycloak clears the others on a first login. State and not a count tells where a
 * login is, as Back and reload run the same step again.
 */
final class ConsentRound {

  /** Who sent the user to Google. */
  enum Origin {
    /** The authenticator of the post-broker flow. */
    FLOW,
    /** The required action. */
    ACTION
  }

  private static final String STATE = "grantbridge.state";
  private static final String ORIGIN = "grantbridge.origin";
  private static final String ALIAS = "grantbridge.alias";
  private static final String SUB = "grantbridge.sub";
  private static final String LABEL = "grantbridge.account";
  private static final String DUE = "due";
  private static final String ASKED = "asked";
  private static final String MISTAKEN = "mistaken";
  private static final String RETURNED = "returned";
  private static final String SETTLED = "settled";

  private final AuthenticationSessionModel login;

  ConsentRound(AuthenticationSessionModel login) {
    this.login = login;
  }

  /** Returns whether nothing is known yet of this login. */
  boolean isFresh() {
    return login.getClientNote(STATE) == null;
  }

  /** Notes that the bridge wants the user to be sent to Google, which has not happened yet. */
  void fallDue() {
    login.setClientNote(STATE, DUE);
  }

  /** Returns whether the user is to be sent to Google. */
  boolean isDue() {
    return isState(DUE);
  }

  /** Notes that the user is sent to Google, to come back with this very account. */
  void begin(Origin origin, String alias, String sub, String label) {
    login.setClientNote(STATE, ASKED);
    login.setClientNote(ORIGIN, origin.name());
    login.setClientNote(ALIAS, alias);
    login.setClientNote(SUB, sub);
    login.setClientNote(LABEL, label);
  }

  /** Returns whether the user was sent to Google and is not back with the right account. */
  boolean isOpen() {
    return isState(ASKED) || isState(MISTAKEN);
  }

  /** Returns whether the user came back with another account. */
  boolean isMistaken() {
    return isState(MISTAKEN);
  }

  /** Returns whether the user is back. */
  boolean isReturned() {
    return isState(RETURNED);
  }

  /** Returns whether nothing is to be asked any more in this login. */
  boolean isSettled() {
    return isState(SETTLED);
  }

  /** Notes that the user is back with the right account. */
  void comeBack() {
    login.setClientNote(STATE, RETURNED);
  }

  /** Notes that the user came back with another account. */
  void mistake() {
    login.setClientNote(STATE, MISTAKEN);
  }

  /** Notes that nothing is to be asked any more in this login. */
  void settle() {
    login.setClientNote(STATE, SETTLED);
    login.removeClientNote(ORIGIN);
    login.removeClientNote(ALIAS);
    login.removeClientNote(SUB);
    login.removeClientNote(LABEL);
  }

  /** Returns whether the user was sent to this identity provider. */
  boolean isWith(String alias) {
    return Objects.equals(alias, login.getClientNote(ALIAS));
  }

  /** Returns whether this is the account that was asked. */
  boolean isOf(String sub) {
    return Objects.equals(sub, login.getClientNote(SUB));
  }

  /** Returns who sent the user. */
  Origin origin() {
    return Origin.valueOf(login.getClientNote(ORIGIN));
  }

  /** Returns the asked account's address, or its sub. */
  String label() {
    return login.getClientNote(LABEL);
  }

  private boolean isState(String state) {
    return state.equals(login.getClientNote(STATE));
  }
}
