package io.grantbridge.keycloak.login;

import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Response;
import java.net.URI;
import org.keycloak.authentication.AuthenticationProcessor;
import org.keycloak.broker.provider.BrokeredIdentityContext;
import org.keycloak.forms.login.LoginFormsProvider;
import org.keycloak.models.KeycloakSession;
import org.keycloak.services.resources.LoginActionsService;
import org.keycloak.services.util.AuthenticationFlowURLHelper;
import org.keycloak.sessions.AuthenticationSessionModel;

/**
 * The user's way back from a forced consent.
 *
 * <p>Only the account that was asked is let through. With another one Keycloak would go on as
 * another user, or make a new one.
 */
final class ConsentReturn {

  private static final String PAGE = "grantbridge-wrong-account.ftl";

  private final KeycloakSession session;
  private final AuthenticationSessionModel login;

  ConsentReturn(KeycloakSession session, AuthenticationSessionModel login) {
    this.session = session;
    this.login = login;
  }

  /**
   * Notes that the user is back from Google, if they were sent there.
   *
   * @throws WebApplicationException with a page, if it is with another account
   */
  void arrive(BrokeredIdentityContext context) {
    ConsentRound round = new ConsentRound(login);
    if (!round.isOpen() || !round.isWith(context.getIdpConfig().getAlias())) {
      return;
    }
    if (round.isOf(context.getId())) {
      round.comeBack();
      return;
    }
    round.mistake();
    throw new WebApplicationException(wrongAccount(round));
  }

  private Response wrongAccount(ConsentRound round) {
    return session
        .getProvider(LoginFormsProvider.class)
        .setAuthenticationSession(login)
        .setAttribute("askedAccount", round.label())
        .setAttribute("tryAgainUrl", stepUrl(round).toString())
        .setStatus(Response.Status.FORBIDDEN)
        .createForm(PAGE);
  }

  /** Returns where the step that asks runs again, in this login. */
  private URI stepUrl(ConsentRound round) {
    String path =
        round.origin() == ConsentRound.Origin.FLOW
            ? LoginActionsService.POST_BROKER_LOGIN_PATH
            : LoginActionsService.AUTHENTICATE_PATH;
    return new AuthenticationFlowURLHelper(session, login.getRealm(), session.getContext().getUri())
        .getLastExecutionUrl(
            path,
            null,
            login.getClient().getClientId(),
            login.getTabId(),
            AuthenticationProcessor.getClientData(session, login));
  }
}
