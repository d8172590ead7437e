package io.grantbridge.keycloak.login;

import jakarta.ws.rs.core.Response;
import org.keycloak.OAuth2Constants;
import org.keycloak.models.KeycloakSession;
import org.keycloak.protocol.oidc.OIDCLoginProtocol;
import org.keycloak.services.managers.ClientSessionCode;
import org.keycloak.services.resources.IdentityBrokerService;
import org.keycloak.sessions.AuthenticationSessionModel;

/**
 * Sends the user to Google's consent in the middle of a login.
 *
 * <p>Keycloak's provider takes {@code prompt} and {@code login_hint} from client notes. They are
 * set only while it builds the URL: left there, the next way to Google of this login would force a
 * second consent, and Keycloak might show its own consent page.
 */
final class ConsentRequest {

  private final KeycloakSession session;
  private final AuthenticationSessionModel login;

  ConsentRequest(KeycloakSession session, AuthenticationSessionModel login) {
    this.session = session;
    this.login = login;
  }

  /**
   * Returns the redirect to Google.
   *
   * @param alias of the identity provider
   * @param account the hint: an address or a sub
   * @param withChoice whether to let the user choose the account first, after a wrong one
   */
  Response to(String alias, String account, boolean withChoice) {
    ClientSessionCode<AuthenticationSessionModel> code =
        new ClientSessionCode<>(session, login.getRealm(), login);
    // A required action has set it to another one, and the way back would end in "page expired".
    code.setAction(AuthenticationSessionModel.Action.AUTHENTICATE.name());
    String prompt = login.getClientNote(OAuth2Constants.PROMPT);
    String hint = login.getClientNote(OIDCLoginProtocol.LOGIN_HINT_PARAM);
    try {
      login.setClientNote(
          OAuth2Constants.PROMPT, withChoice ? "consent select_account" : "consent");
      login.setClientNote(OIDCLoginProtocol.LOGIN_HINT_PARAM, account);
      IdentityBrokerService broker = new IdentityBrokerService(session);
      broker.init();
      return broker.performClientInitiatedAccountLogin(alias, code);
    } finally {
      restore(OAuth2Constants.PROMPT, prompt);
      restore(OIDCLoginProtocol.LOGIN_HINT_PARAM, hint);
    }
  }

  private void restore(String note, String value) {
    if (value == null) {
      login.removeClientNote(note);
    } else {
      login.setClientNote(note, value);
    }
  }
}
